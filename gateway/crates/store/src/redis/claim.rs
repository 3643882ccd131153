//! Claims due deliveries, each for one process at a time.
//!
//! A script leases, then ordinary commands fetch, so that no bodies pass through scripts. After a
//! crash or a lost reply between the two, the deliveries stay leased without an owner until the
//! lease ends; nothing is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisWrite, Value};

use super::keys::{Keys, Member, fields, read_turn_name, turn_name};
use super::record::{Standing, read_trigger};
use super::time::micros;
use super::{Inner, codec, reply};
use crate::{Claimed, Endpoint, Leased, Pick, Shard, StoreError, Token, Turns};
use hookgate_domain::{DeliveryId, EventId, TenantId, Timestamp};

/// Maximum number of deliveries that one script leases: a script blocks the whole server.
const AT_ONCE: usize = 500;
/// Maximum number of endpoints in one script.
const ENDPOINTS_AT_ONCE: usize = 100;

/// Endpoints of a shard whose turn has come.
pub(super) async fn turns(store: &Inner, shard: Shard, max: usize) -> Result<Turns, StoreError> {
    let mut call = store.scripts.turns.call();
    call.key(store.keys.turns(shard)).arg(max.min(MOST_TURNS));
    let mut parts = reply::array(store.connection.call(call).await?)?.into_iter();
    let mut next = || parts.next().ok_or_else(|| reply::unexpected("turns"));
    let now = Timestamp::from_micros(reply::number(next()?)?);
    let first = reply::text(next()?)?;
    store.time.saw(shard, now);
    Ok(Turns {
        endpoints: parts.filter_map(read_turn).collect(),
        now,
        next: first.parse().ok().map(Timestamp::from_micros),
    })
}

fn read_turn(value: Value) -> Option<Endpoint> {
    let endpoint = read_turn_name(&reply::text(value).ok()?);
    if endpoint.is_none() {
        tracing::error!(what = "a member of the turns", "store.unreadable");
    }
    endpoint
}

/// Claims due deliveries of endpoints of a shard, each leased for `lease`.
pub(super) async fn claim(
    store: &Inner,
    shard: Shard,
    picks: &[Pick],
    lease: Duration,
) -> Result<Claimed, StoreError> {
    let mut claimed = Claimed {
        leased: Vec::new(),
        late: Vec::new(),
        more: Vec::with_capacity(picks.len()),
        now: Timestamp::default(),
        next_due: None,
    };
    for picks in batches(picks) {
        let taken = take(store, shard, &picks, lease).await?;
        claimed.leased.extend(fetch(store, shard, &taken).await?);
        claimed.late.extend(taken.late);
        claimed.more.extend(taken.more);
        (claimed.now, claimed.next_due) = (taken.now, taken.next_due);
    }
    Ok(claimed)
}

/// Splits picks into batches of one script each. A pick over the script's limit is reduced to it.
fn batches(picks: &[Pick]) -> Vec<Vec<Pick>> {
    let (mut batches, mut batch, mut room) = (Vec::new(), Vec::new(), AT_ONCE);
    for pick in picks {
        let max = pick.max.min(AT_ONCE);
        if max > room || batch.len() == ENDPOINTS_AT_ONCE {
            batches.push(std::mem::take(&mut batch));
            room = AT_ONCE;
        }
        room -= max;
        batch.push(Pick { max, ..pick.clone() });
    }
    batches.push(batch);
    batches
}

struct Taken {
    now: Timestamp,
    token: Token,
    next_due: Option<Timestamp>,
    /// Flag for each pick: the endpoint has more due deliveries.
    more: Vec<bool>,
    /// By pick, in the order in which they were due.
    members: Vec<(TenantId, DeliveryId)>,
    /// Delay of each delivery since it was due.
    late: Vec<Duration>,
}

async fn take(store: &Inner, shard: Shard, picks: &[Pick], lease: Duration) -> Result<Taken, StoreError> {
    let mut call = store.scripts.claim.call();
    call.key(store.keys.turns(shard)).arg(micros(lease));
    for Pick { endpoint, max, hold } in picks {
        let (tenant, target) = (&endpoint.tenant, endpoint.target);
        call.key(store.keys.due(tenant, target));
        call.arg(turn_name(tenant, target)).arg(*max).arg(micros(*hold));
    }
    let mut parts = reply::array(store.connection.call(call).await?)?.into_iter();
    let mut next = || {
        parts
            .next()
            .ok_or_else(|| reply::unexpected("an answer to a claim"))
    };
    let now = Timestamp::from_micros(reply::number(next()?)?);
    let token = Token(Timestamp::from_micros(reply::number(next()?)?));
    let first = reply::text(next()?)?;
    store.time.saw(shard, now);
    let mut taken = Taken {
        now,
        token,
        next_due: first.parse().ok().map(Timestamp::from_micros),
        more: Vec::with_capacity(picks.len()),
        members: Vec::new(),
        late: Vec::new(),
    };
    for _ in picks {
        let mut found = reply::array(next()?)?.into_iter();
        let more = reply::number(found.next().unwrap_or_default())?;
        taken.more.push(more > 0);
        while let (Some(member), Some(score)) = (found.next(), found.next()) {
            let due = reply::score(score)?;
            taken.late.extend(due.map(|due| now.since(due)));
            taken.members.extend(read_member(member));
        }
    }
    Ok(taken)
}

fn read_member(value: Value) -> Option<(TenantId, DeliveryId)> {
    let text = reply::bytes(value).ok()?;
    let member = Member::read(&text);
    if member.is_none() {
        tracing::error!(what = "a member of a due set", "store.unreadable");
    }
    member
}

/// Claimed deliveries of one event.
/// Each is listed with its position in the claim, in the order of the commands and replies.
struct Wanted<'a> {
    tenant: &'a TenantId,
    event: &'a EventId,
    deliveries: Vec<(usize, &'a DeliveryId)>,
}

/// Fetches the claimed deliveries in the order in which they were due.
/// Missing and unreadable ones are left out.
async fn fetch(store: &Inner, shard: Shard, taken: &Taken) -> Result<Vec<Leased>, StoreError> {
    let wanted = by_event(&taken.members);
    let mut pipeline = Pipeline::with_capacity(wanted.len());
    for wanted in &wanted {
        pipeline.add_command(wanted.command(&store.keys));
    }
    if pipeline.is_empty() {
        return Ok(Vec::new());
    }
    let replies = store.connection.many(&pipeline).await?;
    let mut found: Vec<Option<Leased>> = vec![None; taken.members.len()];
    let mut gone = Vec::new();
    for (wanted, reply) in wanted.iter().zip(replies) {
        match wanted.read(reply, taken.token) {
            Ok(Some(leased)) => {
                for (&(place, _), leased) in wanted.deliveries.iter().zip(leased) {
                    found[place] = Some(leased);
                }
            }
            Ok(None) => gone.extend(wanted.deliveries.iter().map(|(_, id)| (wanted.tenant, *id))),
            // The delivery stays leased and is claimed again: a later version may be able to read
            // it.
            Err(error) => tracing::error!(
                tenant = %wanted.tenant, event = %wanted.event, %error, "store.unreadable"
            ),
        }
    }
    drop_gone(store, shard, &gone).await?;
    Ok(found.into_iter().flatten().collect())
}

fn by_event(members: &[(TenantId, DeliveryId)]) -> Vec<Wanted<'_>> {
    let mut places: HashMap<(&TenantId, &EventId), usize> = HashMap::with_capacity(members.len());
    let mut wanted: Vec<Wanted<'_>> = Vec::with_capacity(members.len());
    for (place, (tenant, id)) in members.iter().enumerate() {
        let at = *places.entry((tenant, &id.event)).or_insert_with(|| {
            wanted.push(Wanted {
                tenant,
                event: &id.event,
                deliveries: Vec::with_capacity(1),
            });
            wanted.len() - 1
        });
        wanted[at].deliveries.push((place, id));
    }
    wanted
}

impl Wanted<'_> {
    fn command(&self, keys: &Keys) -> Cmd {
        let mut command =
            Cmd::with_capacity(3 + 3 * self.deliveries.len(), 128 + 120 * self.deliveries.len());
        command.arg("HMGET").arg(keys.event(self.tenant, self.event));
        command.arg(fields::EVENT);
        for (_, id) in &self.deliveries {
            let member = Member::of(self.tenant, id);
            for field in [fields::STANDING, fields::TRIGGER, fields::BODY] {
                command.write_arg_fmt(format_args!("{field}{}", member.part()));
            }
        }
        command
    }

    /// Decodes the reply; `None` if the event was removed.
    fn read(&self, reply: Value, token: Token) -> Result<Option<Vec<Leased>>, StoreError> {
        let mut values = reply::array(reply)?.into_iter();
        let mut next = || reply::optional(values.next().unwrap_or_default());
        let Some(record) = next()? else { return Ok(None) };
        let (event, _) = codec::decode_event(self.tenant, self.event, &record)?;
        let event = Arc::new(event);
        let deliveries = self.deliveries.iter().map(|(_, id)| {
            let standing = Standing::read(next()?.as_ref())?;
            let trigger = read_trigger(next()?.as_ref(), &event)?;
            Ok(Leased {
                event: event.clone(),
                id: (*id).clone(),
                trigger,
                token,
                attempts: standing.made,
                first_attempt: standing.first,
                crashes: standing.crashes,
                body: next()?,
            })
        });
        deliveries.collect::<Result<_, StoreError>>().map(Some)
    }
}

/// Removes deliveries without an event from the due sets.
/// The event's retention is over, or it was deleted.
async fn drop_gone(store: &Inner, shard: Shard, gone: &[(&TenantId, &DeliveryId)]) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    tracing::warn!(shard = shard.0, deliveries = gone.len(), "store.gone");
    let mut call = store.scripts.drop.call();
    for (tenant, id) in gone {
        call.key(store.keys.due(tenant, id.target))
            .key(store.keys.usage(tenant));
        call.arg(Member::of(tenant, id).as_str());
    }
    store.connection.call(call).await.map(|_| ())
}

/// Maximum number of endpoints that one script returns, as one list on its stack.
/// More than callers ask for at once.
const MOST_TURNS: usize = 1_000;
