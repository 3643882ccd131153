//! Reads single events and deliveries, and the dead letters.

use futures_util::future::try_join_all;
use redis::{Cmd, Pipeline, RedisWrite, Value};

use super::keys::{Member, fields, read_part};
use super::record::{Standing, read_trigger};
use super::{Inner, codec, reply};
use crate::{StoreError, StoredEvent};
use hookgate_domain::{Attempt, Delivery, DeliveryId, DeliveryState, Event, EventId, TenantId, Timestamp};

/// Events with their deliveries, as [`event`]; `None` for each that there is not.
pub(super) async fn events(
    store: &Inner,
    tenant: &TenantId,
    ids: &[EventId],
) -> Result<Vec<Option<StoredEvent>>, StoreError> {
    let names: Vec<_> = ids.iter().map(|id| (tenant.clone(), id.clone())).collect();
    let found = skeletons(store, &names).await?.into_iter();
    try_join_all(found.map(|found| with_deliveries(store, found))).await
}

/// One event with its deliveries: the published ones in their order, then replays by time.
pub(super) async fn event(
    store: &Inner,
    tenant: &TenantId,
    id: &EventId,
) -> Result<Option<StoredEvent>, StoreError> {
    with_deliveries(store, skeleton(store, tenant, id).await?).await
}

async fn with_deliveries(store: &Inner, found: Option<Skeleton>) -> Result<Option<StoredEvent>, StoreError> {
    let Some(found) = found else {
        return Ok(None);
    };
    let deliveries = deliveries(store, &found.event, &found.deliveries).await?;
    Ok(Some(StoredEvent {
        deliveries: deliveries.into_iter().map(|(delivery, _)| delivery).collect(),
        event: found.event,
    }))
}

/// One delivery with its attempts.
pub(super) async fn delivery(
    store: &Inner,
    tenant: &TenantId,
    id: &DeliveryId,
) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
    match skeleton(store, tenant, &id.event).await? {
        Some(found) if found.deliveries.contains(id) => {
            Ok(deliveries(store, &found.event, std::slice::from_ref(id))
                .await?
                .pop())
        }
        Some(_) | None => Ok(None),
    }
}

/// Event and the ids of its deliveries.
pub(super) struct Skeleton {
    pub(super) event: Event,
    /// The published ones in their order, then the others by run.
    pub(super) deliveries: Vec<DeliveryId>,
    /// Number of fields in the event's hash.
    pub(super) fields: usize,
}

async fn skeleton(store: &Inner, tenant: &TenantId, id: &EventId) -> Result<Option<Skeleton>, StoreError> {
    Ok(skeletons(store, &[(tenant.clone(), id.clone())])
        .await?
        .pop()
        .flatten())
}

/// Events of one shard; `None` for each that was removed.
pub(super) async fn skeletons(
    store: &Inner,
    events: &[(TenantId, EventId)],
) -> Result<Vec<Option<Skeleton>>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = Pipeline::with_capacity(2 * events.len());
    for (tenant, id) in events {
        let key = store.keys.event(tenant, id);
        pipeline.cmd("HGET").arg(&key).arg(fields::EVENT);
        pipeline.cmd("HKEYS").arg(&key);
    }
    let mut replies = store.connection.many(&pipeline).await?.into_iter();
    let mut next = || replies.next().unwrap_or_default();
    events
        .iter()
        .map(|(tenant, id)| read_skeleton(tenant, id, next(), next()))
        .collect()
}

fn read_skeleton(
    tenant: &TenantId,
    id: &EventId,
    record: Value,
    names: Value,
) -> Result<Option<Skeleton>, StoreError> {
    let Some(record) = reply::optional(record)? else {
        return Ok(None);
    };
    let (event, targets) = codec::decode_event(tenant, id, &record)?;
    let delivery = |target, run| DeliveryId {
        event: id.clone(),
        target,
        run,
    };
    let names = reply::array(names)?;
    let fields = names.len();
    let mut later = Vec::new();
    for name in names {
        let name = reply::text(name)?;
        let part = name.strip_prefix(fields::TRIGGER).and_then(read_part);
        later.extend(part.map(|(target, run)| delivery(target, run)));
    }
    later.sort_unstable_by_key(|id| (id.run, id.target));
    let mut deliveries: Vec<DeliveryId> = targets.into_iter().map(|target| delivery(target, 0)).collect();
    deliveries.extend(later);
    Ok(Some(Skeleton {
        event,
        deliveries,
        fields,
    }))
}

/// Deliveries of one event.
/// The due sets are read first: a delivery missing there that has no end yet ended in between.
async fn deliveries(
    store: &Inner,
    event: &Event,
    ids: &[DeliveryId],
) -> Result<Vec<(Delivery, Vec<Attempt>)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let members: Vec<Member> = ids.iter().map(|id| Member::of(&event.tenant, id)).collect();
    let key = store.keys.event(&event.tenant, &event.id);
    let mut pipeline = Pipeline::new();
    let mut fetch = Cmd::new();
    fetch.arg("HMGET").arg(&key);
    for (id, member) in ids.iter().zip(&members) {
        let due = store.keys.due(&event.tenant, id.target);
        pipeline.cmd("ZSCORE").arg(due).arg(member.as_str());
        fetch.write_arg_fmt(format_args!("{}{}", fields::STANDING, member.part()));
        fetch.write_arg_fmt(format_args!("{}{}", fields::TRIGGER, member.part()));
    }
    pipeline.add_command(fetch);
    let mut scores = store.connection.many(&pipeline).await?;
    let mut found = reply::array(scores.pop().unwrap_or_default())?.into_iter();
    let mut scores = scores.into_iter();
    let deliveries: Result<Vec<Delivery>, StoreError> = ids
        .iter()
        .map(|id| {
            let next = scores.next().unwrap_or_default();
            let (standing, trigger) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
            read_delivery(event, id, next, standing, trigger)
        })
        .collect();
    with_attempts(store, &key, &members, deliveries?).await
}

fn read_delivery(
    event: &Event,
    id: &DeliveryId,
    next: Value,
    standing: Value,
    trigger: Value,
) -> Result<Delivery, StoreError> {
    let standing = Standing::read(reply::optional(standing)?.as_ref())?;
    Ok(Delivery {
        id: id.clone(),
        trigger: read_trigger(reply::optional(trigger)?.as_ref(), event)?,
        state: state(standing, reply::score(next)?),
        attempts: standing.made,
        first_attempt: standing.first,
        last: None,
    })
}

/// State of a delivery.
/// One that has no end and is not in the due set was lost with part of the server's memory: it is
/// shown as due since the epoch.
fn state(standing: Standing, next: Option<Timestamp>) -> DeliveryState {
    standing.end.unwrap_or(DeliveryState::Pending {
        next: next.unwrap_or_default(),
    })
}

async fn with_attempts(
    store: &Inner,
    key: &str,
    members: &[Member],
    deliveries: Vec<Delivery>,
) -> Result<Vec<(Delivery, Vec<Attempt>)>, StoreError> {
    let mut fetch = Cmd::new();
    fetch.arg("HMGET").arg(key);
    for (member, delivery) in members.iter().zip(&deliveries) {
        for number in 1..=delivery.attempts {
            fetch.write_arg_fmt(format_args!("{}{}|{number}", fields::ATTEMPT, member.part()));
        }
    }
    let any = deliveries.iter().any(|delivery| delivery.attempts > 0);
    let records = if any {
        reply::array(store.connection.one(fetch).await?)?
    } else {
        Vec::new()
    };
    let mut records = records.into_iter();
    let mut complete = Vec::with_capacity(deliveries.len());
    for mut delivery in deliveries {
        let mut attempts = Vec::new();
        for _ in 0..delivery.attempts {
            if let Some(record) = reply::optional(records.next().unwrap_or_default())? {
                attempts.push(codec::decode_attempt(&record)?);
            }
        }
        delivery.last = attempts.last().map(|attempt| attempt.outcome.clone());
        complete.push((delivery, attempts));
    }
    Ok(complete)
}

/// Dead letters of a tenant, the newest first.
pub(super) async fn dead_letters(
    store: &Inner,
    tenant: &TenantId,
    before: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError> {
    let mut fetch = redis::cmd("ZREVRANGEBYSCORE");
    fetch.arg(store.keys.dead(tenant));
    match before {
        Some(before) => fetch.arg(format!("({}", before.as_micros())),
        None => fetch.arg("+inf"),
    };
    fetch.arg("-inf").arg("WITHSCORES").arg("LIMIT").arg(0).arg(limit);
    let mut parts = reply::array(store.connection.one(fetch).await?)?.into_iter();
    let mut letters = Vec::with_capacity(parts.len() / 2);
    while let (Some(member), Some(died)) = (parts.next(), parts.next()) {
        letters.push(read_letter(member, died)?);
    }
    Ok(letters)
}

fn read_letter(member: Value, died: Value) -> Result<(DeliveryId, Timestamp), StoreError> {
    let (_, id) = Member::read(&reply::bytes(member)?).ok_or_else(|| reply::unexpected("a dead letter"))?;
    let died = reply::score(died)?.ok_or_else(|| reply::unexpected("a time"))?;
    Ok((id, died))
}
