//! Profile reload: tenants of a changed profile continue with the new contract without a restart.

use std::sync::Arc;

use super::{Blocked, Registry, RegistryError, Tenant};
use hookgate_contract::profile::Profiles;
use hookgate_domain::TenantId;

impl Registry {
    /// Replaces the profiles of all tenants. Routes do not change: they are built at the start.
    ///
    /// # Errors
    /// The tenant whose new contract is invalid, and why; nothing is changed then.
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

/// Logs the parts of a tenant that its changed contract blocks.
fn report(tenant: &Tenant, blocked: &Blocked) {
    if !blocked.parts.is_empty() {
        let count = blocked.parts.len();
        tracing::warn!(tenant = %tenant.id, count, reason = %blocked, "tenant.profile_blocks");
    }
}
