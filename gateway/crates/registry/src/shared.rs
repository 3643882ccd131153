//! Plugins of the operator, available to all tenants.
//! They are stored like a tenant's own, under a name that no tenant can have.

use std::collections::BTreeMap;

use super::chain_record::PluginRecord;
use super::tenant_state::TenantState;
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
        let tenant_state = self.tenant_state(&TenantId::operator()).await?;
        Ok(tenant_state.map(Shared::of).unwrap_or_default())
    }

    /// Entries of a tenant, or of the operator, whose entries may not exist yet.
    pub(super) async fn owned(&self, owner: &TenantId) -> Result<TenantState, RegistryError> {
        let tenant_state = self.tenant_state(owner).await?;
        if *owner != TenantId::operator() {
            return tenant_state.ok_or(RegistryError::NotFound("tenant"));
        }
        let new = NewTenant {
            id: owner.clone(),
            profile: None,
            signing_secret: None,
            quotas: Quotas::default(),
            keep_metadata: None,
        };
        Ok(tenant_state.unwrap_or_else(|| TenantState::empty(owner, self.tenant_record(&new, false))))
    }
}

impl Shared {
    pub(super) fn of(tenant_state: TenantState) -> Self {
        Self {
            revision: tenant_state.revision,
            plugins: tenant_state.plugins,
        }
    }
}
