//! What tenants use of the store: pending deliveries and bytes of events.
//!
//! A hash a tenant has both (`FIELDS`). Every transaction and script that stores or ends something changes it, so that it costs no
//! request of its own; what accepting answers tells this process the sums. A tenant is refused on sums that are at most `FRESH` old:
//! only on the way to a refusal the server is asked.
//!
//! A store of an older version has no sums, and its gateways change none while they still run: for a day after the first
//! start of this version, each start counts anew (`count`), beside everything else that happens.

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

/// Sums as this process last saw them, of tenants with limits.
#[derive(Debug, Default)]
pub(super) struct UsageCache(Mutex<HashMap<TenantId, Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    usage: StoredUsage,
    /// What this process has sent and not heard of.
    under_way: StoredUsage,
    seen: Instant,
}

/// Why a submission is not admitted by what is known.
enum NotAdmitted {
    /// Nothing is known yet.
    Unknown,
    /// There is no room by what was known.
    Over(OverQuota),
}

impl UsageCache {
    /// The sums with what is under way; `None`: none was seen.
    pub(super) fn last(&self, tenant: &TenantId) -> Option<StoredUsage> {
        self.lock()
            .get(tenant)
            .map(|known| known.usage.plus(known.under_way))
    }

    /// Notes sums that the server told.
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

    /// Notes that something is not under way any more.
    pub(super) fn arrived(&self, tenant: &TenantId, added: StoredUsage) {
        if let Some(known) = self.lock().get_mut(tenant) {
            known.under_way = known.under_way.minus(added);
        }
    }

    /// Forgets a tenant.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }

    /// Notes something as under way, if there is room for it.
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

/// Admits what is to be added to what a tenant uses; the caller tells when it has arrived.
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

/// What a tenant uses, asked for if what is known is older.
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

/// A sum; 0 where there is none.
pub(super) fn sum(value: Option<Value>) -> u64 {
    value.and_then(|value| reply::number(value).ok()).unwrap_or(0)
}

/// Counts anew what tenants use, where that is needed. What fails is tried again by the next start.
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
    // Two that correct the same sum at once would correct it twice.
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

/// Corrects the bytes of a tenant's events: by what they were before the last entry of its feed at the beginning. What is
/// accepted meanwhile is behind it, and counted by whoever accepts it.
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

/// How old sums may be on which a tenant is refused.
pub(super) const FRESH: Duration = Duration::from_millis(250);
/// For how long after the first count gateways of an older version may still run.
const COUNTED_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a count of one shard takes at most, in ms.
const LOCKED_MS: u64 = 3_600_000;
/// Events that are asked for at once.
const AT_ONCE: usize = 500;
