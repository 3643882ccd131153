//! Enqueues new deliveries of stored events: replays.

use redis::{Pipeline, Value};

use super::keys::{Keys, Member, event_name, fields, turn_name};
use super::record::trigger_word;
use super::{Inner, codec, reply};
use crate::StoreError;
use hookgate_domain::{DeliveryId, StoredLimits, StoredUsage, TenantId, Trigger};

/// Maximum number of deliveries that one script makes.
const AT_ONCE: usize = 500;

/// Makes new deliveries of stored events; returns the number made.
pub(super) async fn enqueue(
    store: &Inner,
    tenant: &TenantId,
    mut deliveries: Vec<(DeliveryId, Trigger)>,
    limits: StoredLimits,
) -> Result<usize, StoreError> {
    let accepted = made_by_accept(store, tenant, &deliveries).await?;
    let mut accepted = accepted.into_iter();
    deliveries.retain(|_| !accepted.next().unwrap_or(false));
    let added = StoredUsage {
        pending_deliveries: deliveries.len() as u64,
        stored_bytes: 0,
    };
    limits
        .check(StoredUsage::default(), added)
        .map_err(StoreError::OverQuota)?;
    // Before the first batch the quota must allow all deliveries; later batches are not checked
    // again.
    let mut room = limits
        .pending_deliveries
        .map(|limit| limit.saturating_sub(added.pending_deliveries));
    let mut made = 0;
    for deliveries in deliveries.chunks(AT_ONCE) {
        let mut call = store.scripts.enqueue.call();
        let shard = Keys::shard(tenant);
        call.key(store.keys.turns(shard))
            .key(store.keys.unlisted(shard))
            .key(store.keys.usage(tenant));
        match room.take() {
            Some(room) => call.arg(room),
            None => call.arg(""),
        };
        for (id, trigger) in deliveries {
            let member = Member::of(tenant, id);
            call.key(store.keys.due(tenant, id.target))
                .key(store.keys.event(tenant, &id.event));
            call.arg(turn_name(tenant, id.target))
                .arg(member.as_str())
                .arg(event_name(tenant, &id.event))
                .arg(member.part())
                .arg(trigger_word(*trigger));
        }
        made += read_made(store.connection.call(call).await?, limits, added)?;
    }
    Ok(usize::try_from(made).unwrap_or(usize::MAX))
}

fn read_made(reply: Value, limits: StoredLimits, added: StoredUsage) -> Result<u64, StoreError> {
    let mut parts = reply::array(reply)?.into_iter();
    let made = parts.next().unwrap_or_default();
    let Some(pending) = parts.next() else {
        return reply::number(made);
    };
    let used = StoredUsage {
        pending_deliveries: reply::number(pending)?,
        stored_bytes: 0,
    };
    match limits.check(used, added) {
        Err(over) => Err(StoreError::OverQuota(over)),
        Ok(()) => Err(reply::unexpected("an answer to new deliveries")),
    }
}

/// Flag for each delivery: accepting the event made it already. Possible for run 0 only.
async fn made_by_accept(
    store: &Inner,
    tenant: &TenantId,
    deliveries: &[(DeliveryId, Trigger)],
) -> Result<Vec<bool>, StoreError> {
    let mut pipeline = Pipeline::new();
    for (id, _) in deliveries.iter().filter(|(id, _)| id.run == 0) {
        pipeline
            .cmd("HGET")
            .arg(store.keys.event(tenant, &id.event))
            .arg(fields::EVENT);
    }
    if pipeline.is_empty() {
        return Ok(vec![false; deliveries.len()]);
    }
    let mut records = store.connection.many(&pipeline).await?.into_iter();
    let made = |(id, _): &(DeliveryId, Trigger)| {
        if id.run != 0 {
            return Ok(false);
        }
        let Some(record) = reply::optional(records.next().unwrap_or_default())? else {
            return Ok(false);
        };
        let (_, targets) = codec::decode_event(tenant, &id.event, &record)?;
        Ok(targets.contains(&id.target))
    };
    deliveries.iter().map(made).collect()
}
