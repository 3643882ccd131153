//! New deliveries of stored events: replays.

use redis::Pipeline;

use super::keys::{Keys, Member, event_name, fields, turn_name};
use super::record::trigger_word;
use super::{Inner, codec, reply};
use crate::domain::{DeliveryId, TenantId, Trigger};
use crate::store::StoreError;

/// How many deliveries one script makes at most.
const AT_ONCE: usize = 500;

/// Makes new deliveries of stored events; how many were made.
pub(super) async fn enqueue(
    store: &Inner,
    tenant: &TenantId,
    mut deliveries: Vec<(DeliveryId, Trigger)>,
) -> Result<usize, StoreError> {
    let accepted = made_by_accept(store, tenant, &deliveries).await?;
    let mut accepted = accepted.into_iter();
    deliveries.retain(|_| !accepted.next().unwrap_or(false));
    let mut made = 0;
    for deliveries in deliveries.chunks(AT_ONCE) {
        let mut call = store.scripts.enqueue.call();
        let shard = Keys::shard(tenant);
        call.key(store.keys.turns(shard)).key(store.keys.unlisted(shard));
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
        made += reply::number(store.link.call(call).await?)?;
    }
    Ok(usize::try_from(made).unwrap_or(usize::MAX))
}

/// Of each whether accepting the event made it already. Only a delivery of run 0 can be such.
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
    let mut records = store.link.many(&pipeline).await?.into_iter();
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
