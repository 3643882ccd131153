//! Usage of tenants: pending deliveries and bytes of events.
//!
//! One hash per tenant has both sums (`FIELDS`). Every transaction and script that stores or ends
//! something updates it, so it needs no request of its own; the answer of an accept reports the
//! sums to this process. A tenant is refused only by sums at most `FRESH` old: the server is asked
//! only before a refusal.
//!
//! A store of an older version has no sums, and older gateways do not update them while they still
//! run. So for a day after the first start of this version, each start recounts (`count`),
//! concurrently with the traffic.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Pipeline, Value};

use super::feed::read_entry;
use super::keys::{Keys, fields, read_event_name};
use super::{Inner, reply, sweep};
use crate::{Shard, StoreError};
use hookgate_domain::{EventId, OverQuota, StoredLimits, StoredUsage, TenantId};

/// Fields of the hash: pending deliveries, and bytes of the events' records.
pub(super) const FIELDS: [&str; 2] = ["pending", "bytes"];

/// Cached sums of tenants with limits, as this process last saw them.
#[derive(Debug, Default)]
pub(super) struct UsageCache(Mutex<HashMap<TenantId, Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    usage: StoredUsage,
    /// Usage that this process has sent and that has no answer yet.
    under_way: StoredUsage,
    seen: Instant,
}

/// Reason why the cache does not admit a submission.
enum NotAdmitted {
    /// No cached sums.
    Unknown,
    /// The quota is exceeded by the cached sums.
    Over(OverQuota),
}

impl UsageCache {
    /// Cached sums plus the usage in flight; `None` without cached sums.
    pub(super) fn last(&self, tenant: &TenantId) -> Option<StoredUsage> {
        self.lock()
            .get(tenant)
            .map(|known| known.usage.plus(known.under_way))
    }

    /// Caches sums reported by the server.
    pub(super) fn learn(&self, tenant: &TenantId, usage: StoredUsage) {
        let seen = Instant::now();
        let new = Known {
            usage,
            under_way: StoredUsage::default(),
            seen,
        };
        let mut all = self.lock();
        let known = all.entry(tenant.clone()).or_insert(new);
        *known = Known {
            usage,
            seen,
            ..*known
        };
    }

    /// Removes usage from that in flight.
    pub(super) fn arrived(&self, tenant: &TenantId, added: StoredUsage) {
        if let Some(known) = self.lock().get_mut(tenant) {
            known.under_way = known.under_way.minus(added);
        }
    }

    /// Removes a tenant from the cache.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }

    /// Adds usage to that in flight, if the limits allow it.
    fn admit(&self, tenant: &TenantId, limits: StoredLimits, added: StoredUsage) -> Result<(), NotAdmitted> {
        let mut all = self.lock();
        let known = all.get_mut(tenant).ok_or(NotAdmitted::Unknown)?;
        let used = known.usage.plus(known.under_way);
        limits.check(used, added).map_err(NotAdmitted::Over)?;
        known.under_way = known.under_way.plus(added);
        Ok(())
    }

    fn recent(&self, tenant: &TenantId, max_age: Duration) -> Option<StoredUsage> {
        let all = self.lock();
        let known = all.get(tenant).filter(|known| known.seen.elapsed() < max_age)?;
        Some(known.usage.plus(known.under_way))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Admits an increase of a tenant's usage; the caller must call `arrived` afterwards.
pub(super) async fn admit(
    store: &Inner,
    tenant: &TenantId,
    limits: StoredLimits,
    added: StoredUsage,
) -> Result<(), StoreError> {
    if store.usage.admit(tenant, limits, added).is_ok() {
        return Ok(());
    }
    read(store, tenant, FRESH).await?;
    match store.usage.admit(tenant, limits, added) {
        Ok(()) => Ok(()),
        Err(NotAdmitted::Over(over)) => Err(StoreError::OverQuota(over)),
        Err(NotAdmitted::Unknown) => Err(reply::unexpected("what a tenant uses")),
    }
}

/// Usage of a tenant: cached, or read from the server if the cached one is older than `max_age`.
pub(super) async fn read(
    store: &Inner,
    tenant: &TenantId,
    max_age: Duration,
) -> Result<StoredUsage, StoreError> {
    if let Some(usage) = store.usage.recent(tenant, max_age) {
        return Ok(usage);
    }
    let mut get = redis::cmd("HMGET");
    get.arg(store.keys.usage(tenant)).arg(&FIELDS);
    let mut values = reply::array(store.connection.one(get).await?)?.into_iter();
    let mut next = || sum(values.next());
    let usage = StoredUsage {
        pending_deliveries: next(),
        stored_bytes: next(),
    };
    store.usage.learn(tenant, usage);
    Ok(usage)
}

/// Parses a sum; 0 if there is none.
pub(super) fn sum(value: Option<Value>) -> u64 {
    value.and_then(|value| reply::number(value).ok()).unwrap_or(0)
}

/// Recounts the tenants' usage where necessary. The next start retries what failed.
pub(super) async fn count(store: &Inner) {
    for shard in Keys::shards() {
        if let Err(error) = count_shard(store, shard).await {
            tracing::warn!(shard = shard.0, %error, "usage.not_counted");
        }
    }
}

async fn count_shard(store: &Inner, shard: Shard) -> Result<(), StoreError> {
    let Some(now) = store.time.now(shard) else {
        return Ok(());
    };
    let mut first = redis::cmd("GET");
    first.arg(store.keys.counted(shard));
    let counted = sum(Some(store.connection.one(first).await?));
    let again = Duration::from_millis(now.as_millis().saturating_sub(counted)) < COUNTED_FOR;
    if counted > 0 && !again {
        return Ok(());
    }
    // Concurrent corrections of the same sum would correct it twice.
    let mut lock = redis::cmd("SET");
    lock.arg(store.keys.counting(shard)).arg("1").arg("NX");
    lock.arg("PX").arg(LOCKED_MS);
    if store.connection.one(lock).await? == Value::Nil {
        return Ok(());
    }
    let done = count_tenants(store, shard).await;
    let mut unlock = redis::cmd("DEL");
    unlock.arg(store.keys.counting(shard));
    store.connection.one(unlock).await?;
    done?;
    let mut set = redis::cmd("SET");
    set.arg(store.keys.counted(shard)).arg(now.as_millis()).arg("NX");
    store.connection.one(set).await.map(|_| ())
}

async fn count_tenants(store: &Inner, shard: Shard) -> Result<(), StoreError> {
    let tenants = sweep::tenants(store, shard).await?;
    if tenants.is_empty() {
        return Ok(());
    }
    let mut mend = store.scripts.mend.call();
    mend.key(store.keys.turns(shard))
        .arg(store.keys.due_prefix(shard));
    for tenant in &tenants {
        mend.key(store.keys.usage(tenant)).arg(tenant.as_str());
    }
    store.connection.call(mend).await?;
    let mut unlisted = unlisted(store, shard).await?;
    for tenant in &tenants {
        let aside = unlisted.remove(tenant).unwrap_or_default();
        count_bytes(store, tenant, &aside).await?;
    }
    Ok(())
}

/// Corrects the bytes of a tenant's events up to the feed's last entry at the beginning.
/// Events accepted in the meantime come after that entry, and are counted when they are accepted.
async fn count_bytes(store: &Inner, tenant: &TenantId, aside: &[EventId]) -> Result<(), StoreError> {
    let (usage, feed) = (store.keys.usage(tenant), store.keys.feed(tenant));
    let mut begin = Pipeline::new();
    begin.cmd("HGET").arg(&usage).arg(FIELDS[1]);
    begin
        .cmd("XREVRANGE")
        .arg(&feed)
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1);
    let mut replies = store.connection.atomic(&mut begin).await?.into_iter();
    let before = sum(replies.next());
    let last = reply::array(replies.next().unwrap_or_default())?.pop();
    let mut bytes = sizes(store, tenant, aside).await?;
    if let Some(last) = last.map(read_entry).transpose()? {
        let mut from = "-".to_owned();
        loop {
            let mut range = redis::cmd("XRANGE");
            range.arg(&feed).arg(&from);
            range.arg(format!("{}-{}", last.position.major, last.position.minor));
            range.arg("COUNT").arg(AT_ONCE);
            let entries = reply::array(store.connection.one(range).await?)?;
            let entries = entries.into_iter().map(read_entry);
            let entries = entries.collect::<Result<Vec<_>, StoreError>>()?;
            let Some(end) = entries.last() else { break };
            from = format!("({}-{}", end.position.major, end.position.minor);
            let events: Vec<EventId> = entries.into_iter().map(|entry| entry.event).collect();
            bytes += sizes(store, tenant, &events).await?;
        }
    }
    let missing = i64::try_from(bytes).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX);
    if missing != 0 {
        let mut correct = redis::cmd("HINCRBY");
        correct.arg(&usage).arg(FIELDS[1]).arg(missing);
        store.connection.one(correct).await?;
        tracing::info!(%tenant, bytes, "usage.counted");
    }
    Ok(())
}

async fn sizes(store: &Inner, tenant: &TenantId, events: &[EventId]) -> Result<u64, StoreError> {
    if events.is_empty() {
        return Ok(0);
    }
    let mut pipeline = Pipeline::with_capacity(events.len());
    for event in events {
        let key = store.keys.event(tenant, event);
        pipeline.cmd("HSTRLEN").arg(key).arg(fields::EVENT);
    }
    let sizes = store.connection.many(&pipeline).await?.into_iter();
    Ok(sizes.map(|size| sum(Some(size))).sum())
}

/// Events of a shard that are in no feed, by tenant.
async fn unlisted(store: &Inner, shard: Shard) -> Result<BTreeMap<TenantId, Vec<EventId>>, StoreError> {
    let mut all: BTreeMap<TenantId, Vec<EventId>> = BTreeMap::new();
    let mut range = redis::cmd("ZRANGE");
    range.arg(store.keys.unlisted(shard)).arg(0).arg(-1);
    for name in reply::array(store.connection.one(range).await?)? {
        if let Some((tenant, event)) = read_event_name(&reply::text(name)?) {
            all.entry(tenant).or_default().push(event);
        }
    }
    Ok(all)
}

/// Maximum age of the sums by which a tenant is refused.
pub(super) const FRESH: Duration = Duration::from_millis(250);
/// Time after the first count during which older gateways may still run.
const COUNTED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Maximum duration of the count of one shard, in ms; the expiry of its lock.
const LOCKED_MS: u64 = 3_600_000;
/// Number of events per request.
const AT_ONCE: usize = 500;
