//! All tenants as one immutable value: what the hot path looks into.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{ApiKey, Tenant};
use hookgate_domain::TenantId;

/// Tenants by name and by key. Replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    tenants: HashMap<TenantId, Arc<Tenant>>,
    keys: HashMap<[u8; 32], (TenantId, Arc<ApiKey>)>,
    /// Why tenants cannot be read as they are in the store now.
    pub(super) behind: BTreeMap<TenantId, String>,
}

impl Snapshot {
    pub(super) fn tenant(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(id)
    }

    pub(super) fn by_key_digest(&self, digest: &[u8; 32]) -> Option<(&Arc<Tenant>, &Arc<ApiKey>)> {
        let (tenant, key) = self.keys.get(digest)?;
        Some((self.tenants.get(tenant)?, key))
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    pub(super) fn len(&self) -> usize {
        self.tenants.len()
    }

    /// The snapshot after a tenant changed in a way that cannot be read: it stays as it was, and says so. Whether that is new.
    pub(super) fn fall_behind(&mut self, id: &TenantId, reason: &str) -> bool {
        if let Some(tenant) = self.tenants.get(id) {
            tenant.behind.store(true, Ordering::Relaxed);
        }
        self.behind.insert(id.clone(), reason.to_owned()).is_none()
    }

    /// The snapshot without a key that was revoked.
    pub(super) fn revoke(&mut self, digest: &[u8; 32]) {
        self.keys.remove(digest);
    }

    /// The snapshot after more of a tenant was loaded that is in it: its keys and what else the store has of it are the same.
    pub(super) fn replace(&mut self, tenant: Arc<Tenant>) {
        if let Some(held) = self.tenants.get_mut(&tenant.id) {
            *held = tenant;
        }
    }

    /// The snapshot after a tenant came, changed or went.
    pub(super) fn put(&mut self, id: &TenantId, tenant: Option<Arc<Tenant>>) {
        self.behind.remove(id);
        if let Some(old) = self.tenants.remove(id) {
            for key in &old.keys {
                self.keys.remove(&key.digest);
            }
        }
        if let Some(tenant) = tenant {
            for key in &tenant.keys {
                self.keys.insert(key.digest, (id.clone(), Arc::clone(key)));
            }
            self.tenants.insert(id.clone(), tenant);
        }
    }
}
