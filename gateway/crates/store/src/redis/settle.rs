//! Settles leased deliveries: one script per shard, in order; `settle.lua` has the rules.

use futures_util::future::join_all;
use indexmap::IndexSet;
use redis::Value;

use super::keys::{Keys, Member, turn_name};
use super::script::Call;
use super::{Inner, codec, reply, stats};
use crate::tally::Added;
use crate::{LoggedAttempt, Next, Settled, Settlement, Shard, StoreError, Token};
use hookgate_domain::stats::DEAD;
use hookgate_domain::{Target, TenantId, Timestamp};

type Answer = Result<Settled, StoreError>;

/// Maximum number of settlements in one script: a script blocks the whole server.
const AT_ONCE: usize = 500;

/// Ends or extends leases; one answer each, in order.
pub(super) async fn settle(store: &Inner, batch: &[Settlement]) -> Vec<Answer> {
    let mut shards: Vec<(Shard, Vec<usize>)> = Vec::new();
    for (at, settlement) in batch.iter().enumerate() {
        let shard = Keys::shard(&settlement.tenant);
        match shards.iter_mut().find(|(other, _)| *other == shard) {
            Some((_, places)) => places.push(at),
            None => shards.push((shard, vec![at])),
        }
    }
    let work = shards
        .iter()
        .map(|(shard, places)| settle_shard(store, batch, *shard, places));
    let mut answers: Vec<Answer> = vec![Ok(Settled::Missing); batch.len()];
    for (at, answer) in join_all(work).await.into_iter().flatten() {
        answers[at] = answer;
    }
    answers
}

async fn settle_shard(
    store: &Inner,
    batch: &[Settlement],
    shard: Shard,
    places: &[usize],
) -> Vec<(usize, Answer)> {
    let chunks: Vec<&[usize]> = places.chunks(AT_ONCE).collect();
    let calls: Vec<Call<'_>> = chunks
        .iter()
        .map(|places| {
            let mut call = store.scripts.settle.call();
            call.key(store.keys.turns(shard));
            let endpoints = Endpoints::of(places.iter().map(|&at| &batch[at]));
            call.arg(endpoints.0.len()).arg(store.retention.attempt_log);
            for (tenant, target) in &endpoints.0 {
                call.key(store.keys.due(tenant, *target));
                call.arg(turn_name(tenant, *target));
            }
            for (tenant, _) in &endpoints.0 {
                call.key(store.keys.usage(tenant));
            }
            for (tenant, _) in &endpoints.0 {
                call.key(store.keys.log(tenant));
            }
            for &at in *places {
                add(store, &mut call, &batch[at], endpoints.place(&batch[at]));
            }
            call
        })
        .collect();
    let replies = store.connection.calls(&calls).await;
    let mut answers = Vec::with_capacity(places.len());
    for (places, reply) in chunks.into_iter().zip(replies) {
        match reply.and_then(|reply| read(reply, places.len())) {
            Ok(settled) => answers.extend(places.iter().copied().zip(settled.into_iter().map(Ok))),
            Err(error) => answers.extend(places.iter().map(|&at| (at, Err(error.clone())))),
        }
    }
    answers
}

/// Endpoints of settlements, in the order of the script's arguments.
struct Endpoints<'a>(IndexSet<(&'a TenantId, Target)>);

impl<'a> Endpoints<'a> {
    fn of(settlements: impl Iterator<Item = &'a Settlement>) -> Self {
        Self(settlements.map(|one| (&one.tenant, one.id.target)).collect())
    }

    /// Number of the settlement's endpoint, from 1 as in Lua.
    fn place(&self, settlement: &Settlement) -> usize {
        let found = self.0.get_index_of(&(&settlement.tenant, settlement.id.target));
        found.map_or(0, |at| at + 1)
    }
}

fn add(store: &Inner, call: &mut Call<'_>, settlement: &Settlement, endpoint: usize) {
    let (tenant, id) = (&settlement.tenant, &settlement.id);
    let member = Member::of(tenant, id);
    call.key(store.keys.event(tenant, &id.event));
    call.arg(word(&settlement.next))
        .arg(endpoint)
        .arg(member.as_str())
        .arg(settlement.token.0.as_micros())
        .arg(member.part());
    match &settlement.attempt {
        Some(attempt) => call
            .arg(attempt.started.as_micros())
            .arg(codec::encode_attempt(attempt)),
        None => call.arg(""),
    };
    match &settlement.next {
        Next::RetryAt { at, body } => {
            call.arg(at.as_micros()).arg(body.as_deref().unwrap_or(b""));
        }
        Next::Extend(until) => {
            call.arg(until.as_micros());
        }
        Next::Dead => {
            call.key(store.keys.dead(tenant));
        }
        Next::Done | Next::Cancelled | Next::Shadowed | Next::Release => {}
    }
    add_counted(store, call, settlement);
    let logged = LoggedAttempt::of(settlement).filter(|_| store.retention.attempt_log > 0);
    call.arg(
        logged
            .map(|logged| codec::encode_logged(&logged))
            .unwrap_or_default(),
    );
}

fn add_counted(store: &Inner, call: &mut Call<'_>, settlement: &Settlement) {
    let tenant = &settlement.tenant;
    let Some(added) = Added::of(settlement) else {
        call.arg("");
        return;
    };
    let (tally, start) = (added.tally, added.tally.bucket.as_millis());
    call.key(store.keys.stats(tenant, tally.subscription));
    call.arg(format!("{start}:{}", added.cell));
    call.arg(if added.dead {
        format!("{start}:{DEAD}")
    } else {
        String::new()
    });
    match &added.failure {
        None => call.arg("ok").arg(added.at.as_micros()),
        Some(failure) => call.arg("ko").arg(stats::failure(failure)),
    };
    call.arg(tally.keep_from.as_millis())
        .arg(tally.forget_after().as_secs());
}

fn word(next: &Next) -> &'static str {
    match next {
        Next::Done => "done",
        Next::RetryAt { .. } => "retry",
        Next::Dead => "dead",
        Next::Cancelled => "cancelled",
        Next::Shadowed => "shadowed",
        Next::Release => "release",
        Next::Extend(_) => "extend",
    }
}

fn read(reply: Value, count: usize) -> Result<Vec<Settled>, StoreError> {
    let results = reply::array(reply)?
        .into_iter()
        .map(|result| {
            Ok(match reply::number(result)? {
                0 => Settled::Missing,
                1 => Settled::Stale,
                2 => Settled::Applied(None),
                token => Settled::Applied(Some(Token(Timestamp::from_micros(token)))),
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    if results.len() == count {
        Ok(results)
    } else {
        Err(reply::unexpected("one answer for each settlement"))
    }
}
