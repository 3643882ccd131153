//! Optimistic concurrency: changes of a tenant's entries, applied by compare-and-set.
//! A change is decided again, up to `TRIES` times, when the tenant's revision grew meanwhile.

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;

use super::entry::Changes;
use super::tenant_state::TenantState;
use super::{Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_store::StoreError;

/// Quota policy of a change (`registry.max_bytes_per_tenant`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charge {
    /// Refused where the tenant's entries would exceed the quota.
    Quota,
    /// Always applied: changes by the gateway itself, or ones that make a tenant safer. Such
    /// changes are small.
    Free,
}

impl Registry {
    /// Changes an existing tenant.
    /// `decide` is given the current entries and returns the changes; it is called again after a
    /// lost compare-and-set. An empty list changes nothing. Changes of one tenant are serialized in
    /// this process; different tenants do not wait for each other.
    pub(super) async fn change<T>(
        &self,
        tenant: &TenantId,
        decide: impl Fn(&TenantState) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        self.change_charged(tenant, Charge::Quota, decide).await
    }

    /// Changes an existing tenant like `change`, regardless of the quota.
    pub(super) async fn change_freely<T>(
        &self,
        tenant: &TenantId,
        decide: impl Fn(&TenantState) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        self.change_charged(tenant, Charge::Free, decide).await
    }

    async fn change_charged<T>(
        &self,
        tenant: &TenantId,
        charge: Charge,
        decide: impl Fn(&TenantState) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let changing = self.inner.changing.of(tenant.clone(), AsyncMutex::default);
        let _turn = changing.lock().await;
        for _ in 0..TRIES {
            let tenant_state = self.existing(tenant).await?;
            let (changes, answer) = decide(&tenant_state)?;
            if changes.is_empty() || self.apply(&tenant_state, changes, charge).await? {
                return Ok(answer);
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Applies changes by compare-and-set on the draft's revision, and refreshes the snapshot.
    /// Returns `false` if the revision is another one now. `tenant_state` may be of a tenant that does not
    /// exist yet.
    pub(super) async fn apply(
        &self,
        tenant_state: &TenantState,
        changes: Changes,
        charge: Charge,
    ) -> Result<bool, RegistryError> {
        if charge == Charge::Quota {
            self.check_quota(tenant_state, &changes)?;
        }
        self.apply_to(&tenant_state.id, tenant_state.revision, changes)
            .await
    }

    /// Applies changes to a revision by compare-and-set, regardless of the quota.
    pub(super) async fn apply_to(
        &self,
        tenant: &TenantId,
        revision: u64,
        changes: Changes,
    ) -> Result<bool, RegistryError> {
        match self.inner.store.registry_apply(tenant, revision, changes).await {
            Ok(_) => {
                self.refresh(tenant).await?;
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses changes by which a tenant's entries exceed its quota. The operator's entries have no
    /// quota.
    fn check_quota(&self, tenant_state: &TenantState, changes: &Changes) -> Result<(), RegistryError> {
        let limit = self.inner.config.max_bytes_per_tenant;
        let before = tenant_state.bytes();
        let after = changed_bytes(tenant_state, before, changes);
        if tenant_state.id == TenantId::operator() || after <= before || after <= limit.bytes() {
            return Ok(());
        }
        Err(RegistryError::RegistryFull { bytes: after, limit })
    }

    /// Size of a tenant's entries in bytes, limited by `registry.max_bytes_per_tenant`.
    /// `None`: no such tenant.
    pub fn registry_bytes(&self, tenant: &TenantId) -> Option<usize> {
        self.tenant(tenant).map(|tenant| tenant.bytes)
    }
}

/// Size of the entries after the changes, in bytes.
fn changed_bytes(tenant_state: &TenantState, before: usize, changes: &Changes) -> usize {
    // The last of several changes of an entry takes effect.
    let changes: std::collections::BTreeMap<_, _> =
        changes.iter().map(|(name, value)| (name, value)).collect();
    let size = |name: &str, bytes: &Bytes| name.len() + bytes.len();
    let (mut gone, mut come) = (0, 0);
    for (name, value) in changes {
        gone += tenant_state
            .entries
            .get(name)
            .map_or(0, |bytes| size(name, bytes));
        come += value.as_ref().map_or(0, |bytes| size(name, bytes));
    }
    before.saturating_sub(gone) + come
}

/// Attempts of a change before it fails with `Conflict`.
pub(super) const TRIES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TenantRecord;

    #[test]
    fn quota_counts_names_and_values_of_what_is_there_afterwards() {
        let record: TenantRecord = serde_json::from_str(r#"{"v":1,"created":1,"profile":"p"}"#).unwrap();
        let mut tenant_state = TenantState::empty(&"acme".parse().unwrap(), record);
        let bytes = |size: usize| Bytes::from(vec![0; size]);
        tenant_state.entries.insert("chain".to_owned(), bytes(100));
        let before = tenant_state.bytes();
        assert_eq!(before, 105);
        for (changes, after) in [
            (vec![("chain".to_owned(), Some(bytes(50)))], 55),
            (vec![("chain".to_owned(), None)], 0),
            (vec![("history".to_owned(), Some(bytes(10)))], 122),
            (
                vec![("sub:1".to_owned(), Some(bytes(10))), ("sub:1".to_owned(), None)],
                105,
            ),
        ] {
            assert_eq!(
                changed_bytes(&tenant_state, before, &changes),
                after,
                "{changes:?}"
            );
        }
    }
}
