//! Immutable snapshot of all tenants, read by the hot path.

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
    /// Tenants whose current entries cannot be read, with the reason.
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

    /// Marks a tenant whose newer state cannot be read; the previous state stays. Returns `true` if
    /// that is new.
    pub(super) fn fall_behind(&mut self, id: &TenantId, reason: &str) -> bool {
        if let Some(tenant) = self.tenants.get(id) {
            tenant.behind.store(true, Ordering::Relaxed);
        }
        self.behind.insert(id.clone(), reason.to_owned()).is_none()
    }

    /// Removes a revoked key.
    pub(super) fn revoke(&mut self, digest: &[u8; 32]) {
        self.keys.remove(digest);
    }

    /// Replaces a tenant after more components were loaded; keys and stored state are the same.
    pub(super) fn replace(&mut self, tenant: Arc<Tenant>) {
        if let Some(held) = self.tenants.get_mut(&tenant.id) {
            *held = tenant;
        }
    }

    /// Inserts, replaces or removes a tenant.
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
