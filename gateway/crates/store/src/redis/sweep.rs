//! Removes data older than the retention.
//!
//! Feeds are cut by age, and with their entries go the events whose deliveries are finished. Events
//! with a pending delivery are listed in `unlisted` and removed later, as are events that never
//! were in a feed. Idempotency keys expire by themselves. Concurrent sweeps are safe.

use redis::Value;

use super::feed::{Entry, read_entry};
use super::keys::{Keys, Member, event_name, read_event_name};
use super::{Inner, attempt_log, read, reply};
use crate::{FeedPosition, Shard, StoreError};
use hookgate_domain::{EventId, TenantId, Timestamp};

/// Maximum number of events that one script removes.
pub(super) const AT_ONCE: usize = 200;

/// Removes data older than the retention.
pub(super) async fn sweep(store: &Inner) -> Result<(), StoreError> {
    for shard in Keys::shards() {
        let Some(now) = store.time.now(shard) else {
            continue;
        };
        let oldest = now.minus(store.retention.events.get());
        forget_unlisted(store, shard, now).await?;
        for tenant in tenants(store, shard).await? {
            while cut_feed(store, &tenant, oldest).await? {}
            let mut letters = redis::cmd("ZREMRANGEBYSCORE");
            letters.arg(store.keys.dead(&tenant)).arg("-inf");
            letters.arg(format!("({}", oldest.as_micros()));
            store.connection.one(letters).await?;
            attempt_log::cut(store, &tenant, now).await?;
        }
    }
    Ok(())
}

pub(super) async fn tenants(store: &Inner, shard: Shard) -> Result<Vec<TenantId>, StoreError> {
    let mut members = redis::cmd("SMEMBERS");
    members.arg(store.keys.tenants(shard));
    reply::array(store.connection.one(members).await?)?
        .into_iter()
        .map(|tenant| {
            reply::text(tenant)?
                .parse()
                .map_err(|_| reply::unexpected("a tenant"))
        })
        .collect()
}

/// Removes expired events in no feed, each visited once.
/// Events that stay get a later time in `unlisted`, so the loop ends.
async fn forget_unlisted(store: &Inner, shard: Shard, now: Timestamp) -> Result<(), StoreError> {
    loop {
        let mut old = redis::cmd("ZRANGEBYSCORE");
        old.arg(store.keys.unlisted(shard)).arg("-inf");
        old.arg(format!("({}", now.as_micros()));
        old.arg("LIMIT").arg(0).arg(AT_ONCE);
        let names = reply::array(store.connection.one(old).await?)?;
        let count = names.len();
        let events: Result<Vec<_>, StoreError> = names
            .into_iter()
            .map(|name| read_event_name(&reply::text(name)?).ok_or_else(|| reply::unexpected("an event")))
            .collect();
        forget(store, shard, &events?).await?;
        if count < AT_ONCE {
            return Ok(());
        }
    }
}

/// Cuts the oldest entries of a tenant's feed; returns `true` if there may be more.
async fn cut_feed(store: &Inner, tenant: &TenantId, oldest: Timestamp) -> Result<bool, StoreError> {
    let entries = old_entries(store, tenant, oldest).await?;
    let Some(last) = entries.last().map(|entry| entry.position) else {
        return Ok(false);
    };
    let shard = Keys::shard(tenant);
    let events: Vec<_> = entries
        .iter()
        .map(|entry| (tenant.clone(), entry.event.clone()))
        .collect();
    forget(store, shard, &events).await?;
    cut(store, tenant, last).await?;
    Ok(entries.len() == AT_ONCE)
}

/// Cuts a tenant's feed up to this position, and records where it begins now.
pub(super) async fn cut(store: &Inner, tenant: &TenantId, last: FeedPosition) -> Result<(), StoreError> {
    let mut cut = store.scripts.cut.call();
    cut.key(store.keys.feed(tenant));
    cut.key(store.keys.kept(Keys::shard(tenant)));
    cut.arg(tenant.as_str()).arg(text(last)).arg(text(after(last)));
    store.connection.call(cut).await.map(|_| ())
}

async fn old_entries(store: &Inner, tenant: &TenantId, oldest: Timestamp) -> Result<Vec<Entry>, StoreError> {
    let mut range = redis::cmd("XRANGE");
    range.arg(store.keys.feed(tenant)).arg("-");
    range.arg(format!("({}-0", oldest.as_millis()));
    range.arg("COUNT").arg(AT_ONCE);
    let entries: Value = store.connection.one(range).await?;
    reply::array(entries)?.into_iter().map(read_entry).collect()
}

async fn forget(store: &Inner, shard: Shard, events: &[(TenantId, EventId)]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut call = store.scripts.forget.call();
    call.key(store.keys.unlisted(shard));
    let found = read::skeletons(store, events).await?;
    for ((tenant, id), found) in events.iter().zip(found) {
        let (fields, deliveries) = found.map_or((0, Vec::new()), |found| (found.fields, found.deliveries));
        call.key(store.keys.event(tenant, id))
            .key(store.keys.usage(tenant));
        call.arg(event_name(tenant, id)).arg(fields).arg(deliveries.len());
        for delivery in &deliveries {
            call.key(store.keys.due(tenant, delivery.target));
            call.arg(Member::of(tenant, delivery).as_str());
        }
    }
    store.connection.call(call).await.map(|_| ())
}

fn after(position: FeedPosition) -> FeedPosition {
    match position.minor.checked_add(1) {
        Some(minor) => FeedPosition { minor, ..position },
        None => FeedPosition {
            major: position.major.saturating_add(1),
            minor: 0,
        },
    }
}

fn text(position: FeedPosition) -> String {
    format!("{}-{}", position.major, position.minor)
}
