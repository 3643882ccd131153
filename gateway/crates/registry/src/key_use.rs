//! Last use of API keys: recorded in memory by each request, written to the store at an interval.
//!
//! There is one note per tenant in the store. A request within a minute of another with the same
//! key writes nothing, not even to memory. A use is in the store after `auth.last_used_interval` at
//! most, or at the shutdown; a process that is killed loses the uses that it has not written. The
//! store has the latest use of all gateways.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::{ApiKey, Registry, Tenant};
use hookgate_domain::{KeyId, TenantId, Timestamp};
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::StoreError;

/// Last use of a key in this process, in µs, rounded to the minute; 0: not used yet.
#[derive(Debug, Default)]
pub struct KeyUse {
    used: AtomicU64,
    written: AtomicU64,
}

impl KeyUse {
    /// Records a use.
    fn touch(&self, now: Timestamp) {
        let now = now.as_micros();
        if now.saturating_sub(self.used.load(Ordering::Relaxed)) >= MINUTE {
            self.used.store(now - now % MINUTE, Ordering::Relaxed);
        }
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Last use, if the store does not have it.
    fn unwritten(&self) -> Option<u64> {
        let used = self.used();
        (used > self.written.load(Ordering::Relaxed)).then_some(used)
    }
}

impl Registry {
    /// Records a use of a key.
    pub fn touch(&self, key: &ApiKey) {
        key.last_use.touch(self.inner.clock.now());
    }

    /// Last use of each of a tenant's keys, to the minute. Keys that were never used are absent.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn last_uses(&self, tenant: &Tenant) -> Result<HashMap<KeyId, Timestamp>, StoreError> {
        let stored = self.inner.store.note(&note_name(&tenant.id)).await?;
        let stored = read(stored.as_ref());
        let last = |key: &ApiKey| {
            let stored = stored.get(&key.id.to_string()).copied().unwrap_or_default();
            let last = key.last_use.used().max(stored);
            (last > 0).then_some((key.id, Timestamp::from_micros(last)))
        };
        Ok(tenant.keys.iter().filter_map(|key| last(key)).collect())
    }

    /// Writes uses that the store lacks: one note per tenant with used keys, one after the other.
    pub async fn write_uses(&self) {
        for tenant in self.tenants() {
            if let Err(error) = self.write_uses_of(&tenant).await {
                // The next interval writes them.
                tracing::warn!(error = %error_chain(&error), "keys.uses_not_written");
                return;
            }
        }
    }

    async fn write_uses_of(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let fresh = tenant
            .keys
            .iter()
            .filter_map(|key| Some((key, key.last_use.unwritten()?)));
        let fresh: Vec<_> = fresh.collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let (store, name) = (&self.inner.store, note_name(&tenant.id));
        for _ in 0..TRIES {
            let there = store.note(&name).await?;
            let mut uses = read(there.as_ref());
            uses.retain(|id, _| tenant.keys.iter().any(|key| key.id.to_string() == *id));
            for (key, used) in &fresh {
                let last = uses.entry(key.id.to_string()).or_default();
                *last = (*last).max(*used);
            }
            let Ok(next) = serde_json::to_vec(&uses).map(Bytes::from) else {
                return Ok(());
            };
            let is_written = match there {
                None => store.note_put(&name, next, KEPT, None).await?.is_none(),
                Some(there) => store.note_replace(&name, there, Some((next, KEPT)), None).await?,
            };
            if is_written {
                for (key, used) in fresh {
                    key.last_use.written.fetch_max(used, Ordering::Relaxed);
                }
                return Ok(());
            }
        }
        // Other gateways keep writing the note; the next interval tries again.
        Ok(())
    }

    /// Deletes the uses of a deleted tenant's keys.
    pub(super) async fn forget_uses(&self, id: &TenantId) -> Result<(), StoreError> {
        let (store, name) = (&self.inner.store, note_name(id));
        if let Some(there) = store.note(&name).await? {
            store.note_replace(&name, there, None, None).await?;
        }
        Ok(())
    }
}

/// Uses by the key's id; empty if the note cannot be read.
fn read(note: Option<&Bytes>) -> BTreeMap<String, u64> {
    note.and_then(|note| serde_json::from_slice(note).ok())
        .unwrap_or_default()
}

fn note_name(tenant: &TenantId) -> String {
    format!("key-uses:{tenant}")
}

/// One minute, in µs.
const MINUTE: u64 = 60_000_000;
/// Lifetime of a note, longer than an unused key is retained.
/// After it, the keys of an inactive tenant count as never used.
const KEPT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Attempts to write a note that other gateways write at the same time.
const TRIES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_use_is_to_the_minute_and_written_once() {
        let (use_of, at) = (KeyUse::default(), Timestamp::from_millis);
        assert_eq!(use_of.unwritten(), None);
        let first = 1_700_000_040_000;
        for (now, used) in [
            (first, first),
            (first + 59_999, first),
            (first + 60_000, first + 60_000),
            (first + 200_000, first + 180_000),
            // The clock was set back.
            (first, first + 180_000),
        ] {
            use_of.touch(at(now));
            assert_eq!(use_of.unwritten(), Some(used * 1_000), "{now}");
        }
        use_of.written.fetch_max(use_of.used(), Ordering::Relaxed);
        assert_eq!(use_of.unwritten(), None);
    }
}
