//! Counts crashes of deliveries: one script per shard; `interrupted.lua` has the rules.

use super::keys::{Keys, Member, turn_name};
use super::{Inner, reply};
use crate::{Interrupted, Shard, StoreError};

/// Maximum number of deliveries in one script.
const AT_ONCE: usize = 500;

/// Counts a crash of each delivery; returns the number counted.
pub(super) async fn interrupted(store: &Inner, deliveries: &[Interrupted]) -> Result<usize, StoreError> {
    let mut counted = 0;
    for shard in Keys::shards() {
        let of_shard: Vec<&Interrupted> = deliveries
            .iter()
            .filter(|delivery| Keys::shard(&delivery.tenant) == shard)
            .collect();
        for deliveries in of_shard.chunks(AT_ONCE) {
            counted += count(store, shard, deliveries).await?;
        }
    }
    Ok(counted)
}

async fn count(store: &Inner, shard: Shard, deliveries: &[&Interrupted]) -> Result<usize, StoreError> {
    let mut call = store.scripts.interrupted.call();
    call.key(store.keys.turns(shard));
    for delivery in deliveries {
        let member = Member::of(&delivery.tenant, &delivery.id);
        let (tenant, target) = (&delivery.tenant, delivery.id.target);
        call.key(store.keys.due(tenant, target));
        call.key(store.keys.event(tenant, &delivery.id.event));
        call.arg(turn_name(tenant, target))
            .arg(member.as_str())
            .arg(member.part())
            .arg(delivery.attempts)
            .arg(delivery.token.0.as_micros());
    }
    let counted = reply::number(store.connection.call(call).await?)?;
    Ok(usize::try_from(counted).unwrap_or(usize::MAX))
}
