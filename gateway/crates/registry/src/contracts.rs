//! Another set of profiles, while tenants are served: each tenant of a changed one goes on with the new contract.

use std::sync::Arc;

use super::{Blocked, Registry, RegistryError, Tenant};
use hookgate_contract::profile::Profiles;
use hookgate_domain::TenantId;

impl Registry {
    /// Has these profiles hold from now on. Routes stay as they are: they were made at the start.
    ///
    /// # Errors
    /// A tenant, and why its new contract cannot hold: nothing is changed then.
    pub async fn adopt_profiles(&self, profiles: Profiles) -> Result<(), (TenantId, RegistryError)> {
        let before = self.profiles();
        let kept = self.inner.config.kept.get();
        for tenant in self.tenants() {
            let contract = profiles.get(&tenant.profile);
            if let Some(problem) = contract.and_then(|profile| profile.check_retention(kept)) {
                let error = RegistryError::invalid("profile", problem.message);
                return Err((tenant.id.clone(), error));
            }
        }
        self.inner.profiles.store(Arc::new(profiles.clone()));
        for tenant in self.tenants() {
            if !profiles.has_same(&before, &tenant.profile) {
                if let Some((before, now)) = before.get(&tenant.profile).zip(profiles.get(&tenant.profile)) {
                    report(&tenant, &self.newly_blocked(&tenant, before, now));
                }
                self.renew_contract(&tenant.id).await;
            }
        }
        Ok(())
    }
}

/// Tells of what a tenant's contract blocks since it was changed.
fn report(tenant: &Tenant, blocked: &Blocked) {
    if !blocked.parts.is_empty() {
        let count = blocked.parts.len();
        tracing::warn!(tenant = %tenant.id, count, reason = %blocked, "tenant.profile_blocks");
    }
}
