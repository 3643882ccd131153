//! Plugins of the operator, available to all tenants.
//! They are stored like a tenant's own, under a name that no tenant can have.

use std::collections::BTreeMap;

use super::chain_record::PluginRecord;
use super::draft::Draft;
use super::{NewTenant, Registry, RegistryError};
use hookgate_domain::{Quotas, TenantId};

/// Plugins that the operator has uploaded.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub revision: u64,
    pub plugins: BTreeMap<String, PluginRecord>,
}

impl Registry {
    /// Current plugins of the operator in the store.
    pub(super) async fn shared(&self) -> Result<Shared, RegistryError> {
        let draft = self.draft(&TenantId::operator()).await?;
        Ok(draft.map(Shared::of).unwrap_or_default())
    }

    /// Entries of a tenant, or of the operator, whose entries may not exist yet.
    pub(super) async fn owned(&self, owner: &TenantId) -> Result<Draft, RegistryError> {
        let draft = self.draft(owner).await?;
        if *owner != TenantId::operator() {
            return draft.ok_or(RegistryError::NotFound("tenant"));
        }
        let new = NewTenant {
            id: owner.clone(),
            profile: None,
            signing_secret: None,
            quotas: Quotas::default(),
            keep_metadata: None,
        };
        Ok(draft.unwrap_or_else(|| Draft::empty(owner, self.tenant_record(&new, false))))
    }
}

impl Shared {
    pub(super) fn of(draft: Draft) -> Self {
        Self {
            revision: draft.revision,
            plugins: draft.plugins,
        }
    }
}
