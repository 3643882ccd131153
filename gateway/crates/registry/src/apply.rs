//! How a change gets into the store: decide on what is there, apply it if that is still there, start again if not.

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;

use super::draft::Draft;
use super::{Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_store::StoreError;

/// Entries to write (`Some`) and to remove (`None`).
pub(super) type Changes = Vec<(String, Option<Bytes>)>;

/// Whether a change counts against the tenant's quota (`registry.max_bytes_per_tenant`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charge {
    /// It is refused where the tenant's entries would grow over the quota.
    Quota,
    /// It is made in any case: the gateway's own, or one that makes a tenant safer. Such changes are small.
    Free,
}

impl Registry {
    /// Changes a tenant that exists. `decide` is given the entries as they are and says what is to change; it is called
    /// again when somebody else was faster. An empty list changes nothing. Changes of one tenant wait for each other here, and
    /// for no other tenant's.
    pub(super) async fn change<T>(
        &self,
        tenant: &TenantId,
        decide: impl Fn(&Draft) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        self.change_charged(tenant, Charge::Quota, decide).await
    }

    /// The same for a change that the quota does not stop.
    pub(super) async fn change_freely<T>(
        &self,
        tenant: &TenantId,
        decide: impl Fn(&Draft) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        self.change_charged(tenant, Charge::Free, decide).await
    }

    async fn change_charged<T>(
        &self,
        tenant: &TenantId,
        charge: Charge,
        decide: impl Fn(&Draft) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let changing = self.inner.changing.of(tenant.clone(), AsyncMutex::default);
        let _turn = changing.lock().await;
        for _ in 0..TRIES {
            let draft = self.existing(tenant).await?;
            let (changes, answer) = decide(&draft)?;
            if changes.is_empty() || self.apply(&draft, changes, charge).await? {
                return Ok(answer);
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Applies changes to the entries that they were decided on, and refreshes this process's snapshot; false: they are others
    /// now. `draft` may be of a tenant that is not there yet.
    pub(super) async fn apply(
        &self,
        draft: &Draft,
        changes: Changes,
        charge: Charge,
    ) -> Result<bool, RegistryError> {
        if charge == Charge::Quota {
            self.check_quota(draft, &changes)?;
        }
        self.apply_to(&draft.id, draft.revision, changes).await
    }

    /// Applies changes to a revision, whatever the quota.
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

    /// Refuses changes by which a tenant's entries grow over its quota. The operator's own have none.
    fn check_quota(&self, draft: &Draft, changes: &Changes) -> Result<(), RegistryError> {
        let limit = self.inner.config.max_bytes_per_tenant;
        let before = draft.bytes();
        let after = changed_bytes(draft, before, changes);
        if draft.id == TenantId::operator() || after <= before || after <= limit.bytes() {
            return Ok(());
        }
        Err(RegistryError::RegistryFull { bytes: after, limit })
    }

    /// Bytes of a tenant's entries, which `registry.max_bytes_per_tenant` limits; `None`: there is no such tenant.
    pub fn registry_bytes(&self, tenant: &TenantId) -> Option<usize> {
        self.tenant(tenant).map(|tenant| tenant.bytes)
    }
}

/// Bytes of the entries after changes.
fn changed_bytes(draft: &Draft, before: usize, changes: &Changes) -> usize {
    // The last of several changes of an entry is the one that stays.
    let changes: std::collections::BTreeMap<_, _> =
        changes.iter().map(|(name, value)| (name, value)).collect();
    let size = |name: &str, bytes: &Bytes| name.len() + bytes.len();
    let (mut gone, mut come) = (0, 0);
    for (name, value) in changes {
        gone += draft.entries.get(name).map_or(0, |bytes| size(name, bytes));
        come += value.as_ref().map_or(0, |bytes| size(name, bytes));
    }
    before.saturating_sub(gone) + come
}

/// How often a change is tried against others' changes.
pub(super) const TRIES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TenantRecord;

    #[test]
    fn quota_counts_names_and_values_of_what_is_there_afterwards() {
        let record: TenantRecord = serde_json::from_str(r#"{"v":1,"created":1,"profile":"p"}"#).unwrap();
        let mut draft = Draft::empty(&"acme".parse().unwrap(), record);
        let bytes = |size: usize| Bytes::from(vec![0; size]);
        draft.entries.insert("chain".to_owned(), bytes(100));
        let before = draft.bytes();
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
            assert_eq!(changed_bytes(&draft, before, &changes), after, "{changes:?}");
        }
    }
}
