//! Where a delivery goes as things stand now: a fresh look at the subscription, at every attempt.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::Courier;
use crate::domain::{
    PayloadMode, RetryPolicy, Secret, Status, Subscription, SubscriptionId, Target, Timestamp, Trigger,
};
use crate::egress::{HeaderMap, custom_header};
use crate::profile::{Profile, SigningKey};
use crate::registry::Tenant;
use crate::store::Leased;

/// All that an attempt needs to know of its receiver.
pub(super) struct Destination {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) keys: Vec<SigningKey>,
    pub(super) profile: Arc<Profile>,
    pub(super) payload: PayloadMode,
    pub(super) timeout: Duration,
}

/// Why there is none.
pub(super) enum NoDestination {
    /// The subscription or its tenant is gone, or it receives no more: called off.
    CalledOff(&'static str),
    /// It is there and cannot be sent to as it is set up. In words for its owner.
    Unusable(String),
}

impl Courier {
    /// Where a delivery goes. Nothing is called off on a snapshot that is out of date: the store is asked first.
    pub(super) async fn destination(
        &self,
        leased: &Leased,
        now: Timestamp,
    ) -> Result<Destination, NoDestination> {
        match self.known_destination(leased, now) {
            Err(NoDestination::CalledOff(_)) if self.parts.registry.catch_up().await.is_ok() => {
                self.known_destination(leased, now)
            }
            known => known,
        }
    }

    fn profile(&self, name: &str) -> Option<Arc<Profile>> {
        self.profiles.iter().find(|profile| profile.name == name).cloned()
    }

    /// The policy of a delivery's retries.
    pub(super) fn retry_policy(&self, leased: &Leased) -> RetryPolicy {
        let Target::Subscription(id) = leased.id.target else {
            return RetryPolicy::clone(&self.retry);
        };
        let tenant = self.parts.registry.tenant(&leased.event.tenant);
        let own = tenant.and_then(|tenant| tenant.subscription(id)?.retry.clone());
        own.unwrap_or_else(|| RetryPolicy::clone(&self.retry))
    }

    fn known_destination(&self, leased: &Leased, now: Timestamp) -> Result<Destination, NoDestination> {
        let tenant = self.parts.registry.tenant(&leased.event.tenant);
        let tenant = tenant.ok_or(NoDestination::CalledOff("the tenant is gone"))?;
        let profile = self
            .profile(&tenant.profile)
            .ok_or_else(|| NoDestination::Unusable(format!("there is no profile `{}`", tenant.profile)))?;
        match leased.id.target {
            Target::Subscription(id) => {
                let subscription = receiving(&tenant, id, leased.trigger)?;
                self.subscribed(subscription, profile, now)
            }
            Target::Inline => self.inline(&tenant, leased, profile),
        }
    }

    fn subscribed(
        &self,
        subscription: &Subscription,
        profile: Arc<Profile>,
        now: Timestamp,
    ) -> Result<Destination, NoDestination> {
        let mut headers = HeaderMap::with_capacity(8 + subscription.headers.len());
        for (name, value) in &subscription.headers {
            let (name, value) =
                custom_header(name, value).map_err(|error| NoDestination::Unusable(error.to_string()))?;
            headers.append(name, value);
        }
        let timeout = subscription.timeout.unwrap_or(self.config.timeout.get());
        Ok(Destination {
            url: subscription.url.clone(),
            headers,
            keys: keys(&profile, subscription.signing_at(now))?,
            profile,
            payload: subscription.payload,
            timeout: timeout.min(self.config.max_timeout.get()),
        })
    }

    fn inline(
        &self,
        tenant: &Tenant,
        leased: &Leased,
        profile: Arc<Profile>,
    ) -> Result<Destination, NoDestination> {
        let url = leased.event.deliver_to.clone();
        Ok(Destination {
            url: url.ok_or(NoDestination::CalledOff("the event names no endpoint"))?,
            headers: HeaderMap::with_capacity(8),
            keys: keys(&profile, tenant.signing_secret.iter())?,
            profile,
            payload: PayloadMode::Full,
            timeout: self.config.timeout.get(),
        })
    }
}

/// The subscription, if it receives.
fn receiving(tenant: &Tenant, id: SubscriptionId, trigger: Trigger) -> Result<&Subscription, NoDestination> {
    let subscription = tenant.subscription(id);
    let subscription = subscription.ok_or(NoDestination::CalledOff("the subscription is gone"))?;
    // Somebody who tries a subscription out may do so before it is active.
    if subscription.status == Status::Active || trigger == Trigger::Test {
        Ok(subscription)
    } else {
        Err(NoDestination::CalledOff("the subscription is disabled"))
    }
}

/// Nothing is ever sent unsigned.
fn keys<'a>(
    profile: &Profile,
    secrets: impl Iterator<Item = &'a Secret>,
) -> Result<Vec<SigningKey>, NoDestination> {
    let keys: Result<Vec<_>, _> = secrets
        .map(|secret| profile.signature.secret.key(secret))
        .collect();
    match keys {
        Ok(keys) if keys.is_empty() => Err(NoDestination::Unusable("there is no signing secret".to_owned())),
        Ok(keys) => Ok(keys),
        Err(error) => Err(NoDestination::Unusable(error.to_string())),
    }
}
