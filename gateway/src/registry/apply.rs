//! How a change gets into the store: decide on what is there, apply it if that is still there, start again if not.

use bytes::Bytes;

use super::draft::Draft;
use super::{Registry, RegistryError};
use crate::domain::TenantId;
use crate::store::StoreError;

/// Entries to write (`Some`) and to remove (`None`).
pub(super) type Changes = Vec<(String, Option<Bytes>)>;

impl Registry {
    /// Changes a tenant that exists. `decide` is given the entries as they are and says what is to change; it is called
    /// again when somebody else was faster. An empty list changes nothing.
    pub(super) async fn change<T>(
        &self,
        tenant: &TenantId,
        decide: impl Fn(&Draft) -> Result<(Changes, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        for _ in 0..TRIES {
            let draft = self
                .draft(tenant)
                .await?
                .ok_or(RegistryError::NotFound("tenant"))?;
            let (changes, answer) = decide(&draft)?;
            if changes.is_empty() || self.apply(tenant, draft.revision, changes).await? {
                return Ok(answer);
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Applies changes to a revision and refreshes this process's snapshot; false: the tenant has another revision.
    pub(super) async fn apply(
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
}

/// How often a change is tried against others' changes.
pub(super) const TRIES: u32 = 8;
