//! Removes a deleted tenant's data: its feed up to a position, other events, dead letters.
//! Idempotency keys expire by themselves.

use redis::Value;

use super::feed::{Entry, read_entry};
use super::keys::{Keys, Member, event_name, read_event_name};
use super::sweep::{AT_ONCE, cut};
use super::{Inner, read, reply, series};
use crate::{FeedPosition, StoreError};
use hookgate_domain::{EventId, TenantId};

/// Removes a batch of a tenant's data; returns `true` if there may be more.
pub(super) async fn forget_tenant(
    store: &Inner,
    tenant: &TenantId,
    until: FeedPosition,
) -> Result<bool, StoreError> {
    let shard = Keys::shard(tenant);
    let mut known = redis::cmd("SISMEMBER");
    known.arg(store.keys.tenants(shard)).arg(tenant.as_str());
    if store.connection.one(known).await? != Value::Int(1) {
        return Ok(false);
    }
    let entries = entries(store, tenant, until).await?;
    if let Some(last) = entries.last().map(|entry| entry.position) {
        let events: Vec<_> = entries.into_iter().map(|entry| entry.event).collect();
        forget(store, tenant, &events).await?;
        cut(store, tenant, last).await?;
        return Ok(true);
    }
    for events in unlisted(store, tenant).await?.chunks(AT_ONCE) {
        forget(store, tenant, events).await?;
    }
    store.usage.forget(tenant);
    let mut letters = redis::cmd("UNLINK");
    letters.arg(store.keys.dead(tenant)).arg(store.keys.log(tenant));
    store.connection.one(letters).await?;
    series::forget(store, tenant).await?;
    Ok(false)
}

async fn entries(store: &Inner, tenant: &TenantId, until: FeedPosition) -> Result<Vec<Entry>, StoreError> {
    let mut range = redis::cmd("XRANGE");
    range.arg(store.keys.feed(tenant)).arg("-");
    range.arg(format!("{}-{}", until.major, until.minor));
    range.arg("COUNT").arg(AT_ONCE);
    let entries = reply::array(store.connection.one(range).await?)?;
    entries.into_iter().map(read_entry).collect()
}

/// Events of the tenant among the events of its shard that are in no feed.
async fn unlisted(store: &Inner, tenant: &TenantId) -> Result<Vec<EventId>, StoreError> {
    let (mut events, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let mut scan = redis::cmd("ZSCAN");
        scan.arg(store.keys.unlisted(Keys::shard(tenant))).arg(&cursor);
        scan.arg("MATCH")
            .arg(format!("{tenant}|*"))
            .arg("COUNT")
            .arg(1_000);
        let mut parts = reply::array(store.connection.one(scan).await?)?.into_iter();
        let (Some(next), Some(found)) = (parts.next(), parts.next()) else {
            return Err(reply::unexpected("a part of a set"));
        };
        for name in reply::array(found)?.into_iter().step_by(2) {
            let name = read_event_name(&reply::text(name)?);
            let (of, event) = name.ok_or_else(|| reply::unexpected("an event"))?;
            if of == *tenant {
                events.push(event);
            }
        }
        cursor = reply::text(next)?;
        if cursor == "0" {
            return Ok(events);
        }
    }
}

/// Removes events and their deliveries in one step.
/// No delivery without an event is claimed in between.
/// Turns without deliveries end at the next claim.
async fn forget(store: &Inner, tenant: &TenantId, events: &[EventId]) -> Result<(), StoreError> {
    let shard = Keys::shard(tenant);
    let named: Vec<_> = events
        .iter()
        .map(|event| (tenant.clone(), event.clone()))
        .collect();
    let found = read::skeletons(store, &named).await?;
    let mut call = store.scripts.purge.call();
    call.key(store.keys.unlisted(shard)).key(store.keys.usage(tenant));
    for (event, found) in events.iter().zip(found) {
        let deliveries = found.map(|found| found.deliveries).unwrap_or_default();
        call.key(store.keys.event(tenant, event));
        call.arg(event_name(tenant, event)).arg(deliveries.len());
        for delivery in &deliveries {
            call.key(store.keys.due(tenant, delivery.target));
            call.arg(Member::of(tenant, delivery).as_str());
        }
    }
    store.connection.call(call).await.map(|_| ())
}
