//! What is done about subscriptions that keep failing, if they still are as they were judged: by one process, once.

use super::subscriptions::find;
use super::{Registry, RegistryError};
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{Status, Subscription, SubscriptionId, TenantId, Timestamp};

impl Registry {
    /// Notes that the owner of an active subscription is warned, if nobody has been since `before`. When; `None`: somebody else
    /// was faster, or there is nothing to warn of any more.
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
        let changed = self.change_freely(tenant, |draft| {
            let found = find(draft, id)?;
            if found.value.status != Status::Active || found.value.warned != before {
                return Ok((Vec::new(), None));
            }
            let mut warned = Subscription::clone(&found.value);
            warned.warned = Some(now);
            Ok((self.put(&warned, found.declared), Some(now)))
        });
        or_gone(changed.await)
    }

    /// Disables a subscription because it keeps failing, if it is active since `activated`. When; `None`: somebody else was
    /// faster, or it was activated anew.
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
        let changed = self.change_freely(tenant, |draft| {
            let found = find(draft, id)?;
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

/// What is gone needs nothing done.
fn or_gone<T>(changed: Result<Option<T>, RegistryError>) -> Result<Option<T>, RegistryError> {
    match changed {
        Err(RegistryError::NotFound(_)) => Ok(None),
        other => other,
    }
}
