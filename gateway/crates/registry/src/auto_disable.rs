//! Warnings and automatic disabling of failing subscriptions.
//! Each is a compare-and-set on the judged state, so that exactly one process does it.

use super::subscriptions::find;
use super::{Registry, RegistryError};
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{Status, Subscription, SubscriptionId, TenantId, Timestamp};

impl Registry {
    /// Records a warning about an active subscription, if its last one is still `before`.
    /// Returns its time; `None`: another process was faster, or the subscription is not active any
    /// more.
    ///
    /// # Errors
    /// `Conflict`, `Store`.
    pub async fn warn_failing(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        before: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, RegistryError> {
        let now = self.inner.clock.now();
        let changed = self.change_freely(tenant, |tenant_state| {
            let found = find(tenant_state, id)?;
            if found.value.status != Status::Active || found.value.warned != before {
                return Ok((Vec::new(), None));
            }
            let mut warned = Subscription::clone(&found.value);
            warned.warned = Some(now);
            Ok((self.put(&warned, found.declared), Some(now)))
        });
        or_gone(changed.await)
    }

    /// Disables a failing subscription that is active since `activated`.
    /// Returns the time; `None`: another process was faster, or it was activated again.
    ///
    /// # Errors
    /// `Conflict`, `Store`.
    pub async fn disable_failing(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        activated: Timestamp,
    ) -> Result<Option<Timestamp>, RegistryError> {
        let since = self.inner.clock.now();
        let changed = self.change_freely(tenant, |tenant_state| {
            let found = find(tenant_state, id)?;
            if found.value.status != Status::Active || found.value.activated != activated {
                return Ok((Vec::new(), None));
            }
            let mut disabled = Subscription::clone(&found.value);
            let reason = DisableReason::Failing;
            disabled.status = Status::Disabled { since, reason };
            Ok((self.put(&disabled, found.declared), Some(since)))
        });
        or_gone(changed.await)
    }
}

/// Maps `NotFound` to `None`: a deleted subscription needs no action.
fn or_gone<T>(changed: Result<Option<T>, RegistryError>) -> Result<Option<T>, RegistryError> {
    match changed {
        Err(RegistryError::NotFound(_)) => Ok(None),
        other => other,
    }
}
