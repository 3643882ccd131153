//! Accepts submissions: the only way in.
//!
//! Submissions that are certainly new are stored in one transaction per shard: `HSET` and `XADD` of
//! each event, one `ZADD` of all deliveries to an endpoint, one of their endpoints' turns. The
//! server either queues every command of the transaction or, if one is refused (the server is
//! full), runs none. A submission that may have been stored before (the producer gave ids or an
//! idempotency key) is checked and stored by one script.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use indexmap::{IndexMap, IndexSet};
use redis::{Cmd, Pipeline, Value};

use super::keys::{Keys, Member, event_name, fields, turn_name};
use super::reply;
use super::script::Call;
use super::time::{micros, millis};
use super::{Inner, codec, usage};
use crate::{Accepted, NewEvent, Shard, StoreError, Submission, Token};
use hookgate_domain::{EventId, Fate, StoredUsage, Target, TenantId, Timestamp};

type Answer = Result<Accepted, StoreError>;

/// Commits submissions; one answer each, in order.
pub(super) async fn accept(store: &Inner, batch: &[Submission]) -> Vec<Answer> {
    if let Some(error) = store.status.refusal(batch.len()) {
        return vec![Err(error); batch.len()];
    }
    let prepared: Vec<Prepared<'_>> = batch.iter().enumerate().map(Prepared::of).collect();
    let admitted = join_all(prepared.iter().map(|one| one.admit(store))).await;
    let mut plain: Vec<Block> = Vec::new();
    let mut careful: Vec<&Prepared<'_>> = Vec::new();
    for one in prepared.iter().filter(|one| admitted[one.at].is_ok()) {
        if one.submission.idempotency.is_some() || one.submission.events.iter().any(|new| new.id_given) {
            careful.push(one);
        } else {
            let block = Block::of(&mut plain, Keys::shard(&one.submission.tenant));
            block.submissions.push(one);
        }
    }
    // Each shard by itself: one that has no answer in time takes nothing of the others.
    let (plain, careful) = join(
        join_all(plain.iter().map(|block| in_time(store, block.store(store)))),
        join_all(
            by_shard(careful)
                .into_iter()
                .map(|calls| in_time(store, store_carefully(store, calls))),
        ),
    )
    .await;
    let mut answers: Vec<Answer> =
        vec![Err(StoreError::Unavailable("no answer in time".to_owned())); batch.len()];
    for (at, answer) in plain.into_iter().chain(careful).flatten() {
        answers[at] = answer;
    }
    for (one, admitted) in prepared.iter().zip(admitted) {
        match admitted {
            Ok(()) => one.arrived(store),
            Err(error) => answers[one.at] = Err(error),
        }
    }
    answers
}

/// The answers of a shard; none when it has none in time.
async fn in_time(store: &Inner, work: impl Future<Output = Vec<(usize, Answer)>>) -> Vec<(usize, Answer)> {
    let most = store.dialer.config.response_timeout.get();
    let timeout = store.trip.timeout(store.accept_timeout, most);
    match tokio::time::timeout(timeout, work).await {
        Ok(answers) => answers,
        Err(_) => {
            store.connection.check_soon();
            Vec::new()
        }
    }
}

/// A submission with what is sent of it.
struct Prepared<'a> {
    at: usize,
    submission: &'a Submission,
    /// Encoded record of each event.
    records: Vec<Vec<u8>>,
    /// Increase of the tenant's usage, if all of its events are new.
    added: StoredUsage,
}

impl<'a> Prepared<'a> {
    fn of((at, submission): (usize, &'a Submission)) -> Self {
        let record = |new: &NewEvent| codec::encode_event(&new.event, &new.targets);
        let records: Vec<_> = submission.events.iter().map(record).collect();
        let deliveries = submission.events.iter().map(|new| new.targets.len() as u64);
        let added = StoredUsage {
            pending_deliveries: deliveries.sum(),
            stored_bytes: records.iter().map(|record| record.len() as u64).sum(),
        };
        Self {
            at,
            submission,
            records,
            added,
        }
    }

    fn is_limited(&self) -> bool {
        !self.submission.limits.is_unlimited()
    }

    async fn admit(&self, store: &Inner) -> Result<(), StoreError> {
        if !self.is_limited() {
            return Ok(());
        }
        usage::admit(store, &self.submission.tenant, self.submission.limits, self.added).await
    }

    fn arrived(&self, store: &Inner) {
        if self.is_limited() {
            store.usage.arrived(&self.submission.tenant, self.added);
        }
    }

    /// Events with their records.
    fn events(&self) -> impl Iterator<Item = (&'a NewEvent, &[u8])> {
        let records = self.records.iter().map(Vec::as_slice);
        self.submission.events.iter().zip(records)
    }
}

/// Submissions of one shard that are certainly new.
struct Block<'a> {
    shard: Shard,
    submissions: Vec<&'a Prepared<'a>>,
}

impl<'a> Block<'a> {
    fn of(blocks: &mut Vec<Self>, shard: Shard) -> &mut Self {
        let at = blocks
            .iter()
            .position(|block| block.shard == shard)
            .unwrap_or_else(|| {
                blocks.push(Self {
                    shard,
                    submissions: Vec::new(),
                });
                blocks.len() - 1
            });
        &mut blocks[at]
    }

    async fn store(&self, store: &Inner) -> Vec<(usize, Answer)> {
        let result = match store.time.now(self.shard) {
            None => Err(StoreError::Unavailable("not connected yet".to_owned())),
            Some(now) => self.commit(store, now).await.map(|()| now),
        };
        let answer = |submission: &Submission| {
            let now = result.clone()?;
            Ok(Accepted::Stored {
                fresh: vec![true; submission.events.len()],
                token: submission.lease.lease().map(|lease| Token(now.plus(lease))),
            })
        };
        self.submissions
            .iter()
            .map(|one| (one.at, answer(one.submission)))
            .collect()
    }

    async fn commit(&self, store: &Inner, now: Timestamp) -> Result<(), StoreError> {
        let used = self.used();
        let mut replies = store
            .connection
            .atomic(&mut self.transaction(store, now, &used))
            .await?;
        let sequence = replies.pop().ok_or_else(|| reply::unexpected("a sequence"))?;
        store.sequences.confirm(self.shard, reply::number(sequence)?);
        for (tenant, used) in used.iter().rev() {
            let stored_bytes = usage::sum(replies.pop());
            let pending_deliveries = usage::sum(replies.pop());
            if used.limited {
                let usage = StoredUsage {
                    pending_deliveries,
                    stored_bytes,
                };
                store.usage.learn(tenant, usage);
            }
        }
        store.status.fit();
        Ok(())
    }

    /// Increase of each tenant's usage.
    fn used(&self) -> BTreeMap<&'a TenantId, Added> {
        let mut used: BTreeMap<&TenantId, Added> = BTreeMap::new();
        for one in &self.submissions {
            let of = used.entry(&one.submission.tenant).or_default();
            of.usage = of.usage.plus(one.added);
            of.limited |= one.is_limited();
        }
        used
    }

    /// Builds the transaction.
    /// Its last replies are the sums of each tenant's usage and the sequence.
    fn transaction(&self, store: &Inner, now: Timestamp, used: &BTreeMap<&TenantId, Added>) -> Pipeline {
        let events = self.submissions.iter().flat_map(|one| &one.submission.events);
        let count = events.clone().count();
        let deliveries: usize = events.map(|new| new.targets.len()).sum();
        let mut pipeline = Pipeline::with_capacity(3 * count + 3 + 2 * used.len());
        let mut queued: IndexMap<(&TenantId, Target), (Cmd, Timestamp)> = IndexMap::new();
        for one in &self.submissions {
            let submission = one.submission;
            let feed = store.keys.feed(&submission.tenant);
            let lease = submission.lease.lease();
            for (new, record) in one.events() {
                store_event(store, &mut pipeline, (new, record), &feed, now);
                for target in &new.targets {
                    let member = Member::new(&submission.tenant, &new.event.id, *target, 0);
                    let held = lease.filter(|_| submission.lease.holds(*target));
                    let score = held.map_or(now, |lease| now.plus(lease));
                    let (due, turn) = queued
                        .entry((&submission.tenant, *target))
                        .or_insert_with(|| (add_due(store, &submission.tenant, *target), score));
                    due.arg(score.as_micros()).arg(member.as_str());
                    *turn = score.min(*turn);
                }
            }
        }
        let mut turns = Cmd::with_capacity(3 + 2 * queued.len(), 64 + 80 * queued.len());
        turns.arg("ZADD").arg(store.keys.turns(self.shard)).arg("LT");
        for ((tenant, target), (due, turn)) in queued {
            pipeline.add_command(due);
            turns.arg(turn.as_micros()).arg(turn_name(tenant, target));
        }
        if deliveries > 0 {
            pipeline.add_command(turns);
        }
        pipeline.cmd("SADD").arg(store.keys.tenants(self.shard));
        for tenant in used.keys() {
            pipeline.arg(tenant.as_str());
        }
        for (tenant, added) in used {
            let (key, added) = (store.keys.usage(tenant), added.usage);
            let sums = [added.pending_deliveries, added.stored_bytes];
            for (field, sum) in usage::FIELDS.iter().zip(sums) {
                pipeline.cmd("HINCRBY").arg(&key).arg(field).arg(sum);
            }
        }
        pipeline
            .cmd("INCRBY")
            .arg(store.keys.sequence(self.shard))
            .arg(count);
        pipeline
    }
}

/// Increase of one tenant's usage.
#[derive(Debug, Default)]
struct Added {
    usage: StoredUsage,
    /// Flag: the tenant has limits, so the resulting sums are cached.
    limited: bool,
}

fn add_due(store: &Inner, tenant: &TenantId, target: Target) -> Cmd {
    let mut due = redis::cmd("ZADD");
    due.arg(store.keys.due(tenant, target)).arg("NX");
    due
}

/// Adds the commands that store an event.
/// Events in no feed are listed in `unlisted`, so that they are found when they expire or their
/// tenant is deleted.
fn store_event(
    store: &Inner,
    pipeline: &mut Pipeline,
    (new, record): (&NewEvent, &[u8]),
    feed: &str,
    now: Timestamp,
) {
    let event = &new.event;
    let key = store.keys.event(&event.tenant, &event.id);
    let mut set = Cmd::with_capacity(4, 8 + key.len() + record.len());
    set.arg("HSET").arg(&key).arg(fields::EVENT).arg(record);
    pipeline.add_command(set);
    let retention = store.retention.events.get();
    if let Some(kind) = in_feed(new) {
        let mut add = Cmd::with_capacity(7, 80 + feed.len());
        add.arg("XADD").arg(feed).arg("*");
        add.arg("e").arg(event.id.as_str()).arg("t").arg(kind);
        pipeline.add_command(add);
    } else {
        let unlisted = store.keys.unlisted(Keys::shard(&event.tenant));
        pipeline
            .cmd("ZADD")
            .arg(unlisted)
            .arg(now.plus(retention).as_micros());
        pipeline.arg(event_name(&event.tenant, &event.id));
    }
}

/// Event type of the feed entry; `None` for an event in no feed.
fn in_feed(new: &NewEvent) -> Option<&str> {
    match new.event.fate {
        Fate::Published => Some(new.event.kind.as_str()),
        Fate::Filtered { .. } | Fate::Test => None,
    }
}

fn by_shard<'a>(submissions: Vec<&'a Prepared<'a>>) -> Vec<Vec<&'a Prepared<'a>>> {
    let shard = |one: &Prepared<'_>| Keys::shard(&one.submission.tenant);
    let mut shards: Vec<Vec<&Prepared<'_>>> = Vec::new();
    for one in submissions {
        let same = |others: &&mut Vec<&Prepared<'_>>| shard(others[0]) == shard(one);
        match shards.iter_mut().find(same) {
            Some(others) => others.push(one),
            None => shards.push(vec![one]),
        }
    }
    shards
}

/// Stores submissions of one shard that may have been stored before.
async fn store_carefully(store: &Inner, submissions: Vec<&Prepared<'_>>) -> Vec<(usize, Answer)> {
    let calls: Vec<Call<'_>> = submissions.iter().map(|one| careful_call(store, one)).collect();
    let replies = store.connection.calls(&calls).await;
    submissions
        .into_iter()
        .zip(replies)
        .map(|(one, reply)| (one.at, reply.and_then(|reply| read_careful(store, reply, one))))
        .collect()
}

fn careful_call<'a>(store: &'a Inner, one: &Prepared<'_>) -> Call<'a> {
    let submission = one.submission;
    let (keys, tenant) = (&store.keys, &submission.tenant);
    let shard = Keys::shard(tenant);
    let mut call = store.scripts.accept.call();
    call.key(keys.turns(shard))
        .key(keys.sequence(shard))
        .key(keys.tenants(shard))
        .key(keys.feed(tenant))
        .key(keys.unlisted(shard));
    match &submission.idempotency {
        Some(given) => {
            let ids: Vec<&str> = submission
                .events
                .iter()
                .map(|new| new.event.id.as_str())
                .collect();
            call.key(keys.idempotency(tenant, &given.key));
            call.arg(given.fingerprint.as_slice()).arg(ids.join(" "));
        }
        None => {
            call.key(keys.turns(shard)).arg("").arg("");
        }
    }
    call.key(keys.usage(tenant));
    call.arg(millis(store.retention.idempotency_keys.get()))
        .arg(tenant.as_str());
    match submission.lease.lease() {
        Some(lease) => call.arg(micros(lease)),
        None => call.arg(""),
    };
    call.arg(millis(store.retention.events.get()));
    let targets: IndexSet<Target> = submission
        .events
        .iter()
        .flat_map(|new| new.targets.iter().copied())
        .collect();
    call.arg(targets.len());
    for target in &targets {
        call.key(keys.due(tenant, *target));
        call.arg(turn_name(tenant, *target))
            .arg(u8::from(submission.lease.holds(*target)));
    }
    for (new, record) in one.events() {
        call.key(keys.event(tenant, &new.event.id));
        call.arg(new.event.id.as_str())
            .arg(record)
            .arg(in_feed(new).unwrap_or(""))
            .arg(new.targets.len());
        for target in &new.targets {
            let endpoint = targets.get_index_of(target).map_or(0, |at| at + 1);
            call.arg(endpoint)
                .arg(Member::new(tenant, &new.event.id, *target, 0).as_str());
        }
    }
    call
}

fn read_careful(store: &Inner, reply: Value, one: &Prepared<'_>) -> Answer {
    let submission = one.submission;
    let mut parts = reply::array(reply)?.into_iter();
    let mut next = || {
        parts
            .next()
            .ok_or_else(|| reply::unexpected("an answer to a submission"))
    };
    match reply::text(next()?)?.as_str() {
        "stored" => {
            let score = Timestamp::from_micros(reply::number(next()?)?);
            let usage = StoredUsage {
                pending_deliveries: usage::sum(Some(next()?)),
                stored_bytes: usage::sum(Some(next()?)),
            };
            if one.is_limited() {
                store.usage.learn(&submission.tenant, usage);
            }
            let fresh = parts
                .map(|new| Ok(reply::number(new)? == 1))
                .collect::<Result<Vec<bool>, StoreError>>()?;
            Ok(Accepted::Stored {
                fresh,
                token: submission.lease.lease().map(|_| Token(score)),
            })
        }
        "repeated" => {
            let ids = reply::text(next()?)?;
            let ids: Result<Vec<EventId>, _> = ids.split(' ').map(str::parse).collect();
            ids.map(Accepted::Repeated)
                .map_err(|_| reply::unexpected("event ids"))
        }
        "reused" => Ok(Accepted::KeyReused),
        _ => Err(reply::unexpected("an answer to a submission")),
    }
}
