//! Statistics of subscriptions: one hash each, counted by `settle.lua`.
//!
//! Its fields are `START:CELL`, a counter by the beginning of its bucket (ms) and its cell; `ok`,
//! the time of the last success; and `ko`, the last failure: `AT OUTCOME STATUS RETRY`, times in
//! µs, `-` for none.

use redis::Value;

use super::{Inner, reply};
use crate::StoreError;
use hookgate_domain::stats::LastFailure;
use hookgate_domain::{Stats, SubscriptionId, TenantId, Timestamp};

/// Statistics of a subscription.
pub(super) async fn stats(store: &Inner, tenant: &TenantId, id: SubscriptionId) -> Result<Stats, StoreError> {
    let mut get = redis::cmd("HGETALL");
    get.arg(store.keys.stats(tenant, id));
    read(store.connection.one(get).await?)
}

/// Deletes the statistics of subscriptions.
pub(super) async fn forget(
    store: &Inner,
    tenant: &TenantId,
    ids: &[SubscriptionId],
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut unlink = redis::cmd("UNLINK");
    for id in ids {
        unlink.arg(store.keys.stats(tenant, *id));
    }
    store.connection.one(unlink).await.map(drop)
}

/// Encodes the field `ko`.
pub(super) fn failure(failure: &LastFailure) -> String {
    let or_none = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    format!(
        "{} {} {} {}",
        failure.at.as_micros(),
        failure.outcome,
        or_none(failure.status.map(u64::from)),
        or_none(failure.retry.map(Timestamp::as_micros)),
    )
}

fn read(reply: Value) -> Result<Stats, StoreError> {
    let mut stats = Stats::default();
    for (name, value) in reply::pairs(reply)? {
        let (name, value) = (reply::text(name)?, reply::text(value)?);
        put(&mut stats, &name, &value).ok_or_else(|| reply::unexpected("a subscription's statistics"))?;
    }
    Ok(stats)
}

fn put(stats: &mut Stats, name: &str, value: &str) -> Option<()> {
    let time = |text: &str| text.parse().ok().map(Timestamp::from_micros);
    match name {
        "ok" => stats.last_success = Some(time(value)?),
        "ko" => {
            let mut parts = value.split(' ');
            stats.last_failure = Some(LastFailure {
                at: time(parts.next()?)?,
                outcome: parts.next()?.to_owned(),
                status: parts.next()?.parse().ok(),
                retry: parts.next().and_then(time),
            });
        }
        _ => {
            let (start, cell) = name.split_once(':')?;
            let start = Timestamp::from_millis(start.parse().ok()?);
            *stats.bucket(start).0.get_mut(cell.parse::<usize>().ok()?)? = value.parse().ok()?;
        }
    }
    Some(())
}
