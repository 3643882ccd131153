//! Destination of a delivery: looked up anew at every attempt.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::Attempter;
use hookgate_contract::profile::{Profile, SecretOwner, SigningKey};
use hookgate_domain::{
    AnswerRules, DeliveryMode, Gone, PayloadMode, RetryPolicy, Secret, Status, Subscription, SubscriptionId,
    Target, Timestamp, Trigger,
};
use hookgate_egress::{BadHeader, HeaderMap, custom_header};
use hookgate_plugin_host::Chain;
use hookgate_registry::{Place, Tenant};
use hookgate_store::{Endpoint, Leased};

/// Receiver of an attempt.
pub(super) struct Destination {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) keys: Vec<SigningKey>,
    pub(super) profile: Arc<Profile>,
    /// Present state of the tenant.
    pub(super) tenant: Arc<Tenant>,
    pub(super) payload: PayloadMode,
    /// Delivery mode: sent, or only recorded.
    pub(super) mode: DeliveryMode,
    pub(super) timeout: Duration,
}

impl Destination {
    /// Returns the subscription's chain, if it has one.
    pub(super) fn chain(&self, target: Target) -> Option<Arc<Chain>> {
        match target {
            Target::Subscription(id) => self.tenant.delivery.get(&id).map(|chain| Arc::clone(&chain.run)),
            Target::Inline => None,
        }
    }

    /// Returns `true` while the components of the subscription's chain are being loaded.
    ///
    /// The chain cannot run before that ends.
    pub(super) fn is_loading(&self, target: Target) -> bool {
        match target {
            Target::Subscription(id) => self.tenant.is_loading(Place::Delivery(id)),
            Target::Inline => false,
        }
    }
}

/// Reason for a missing destination.
pub(super) enum NoDestination {
    /// The subscription or its tenant is deleted, or does not receive: the delivery is cancelled.
    CalledOff(&'static str),
    /// The destination exists, but is configured so that sending is impossible.
    ///
    /// The message is for its owner.
    Unusable(String),
    /// The destination seems to be deleted, and the store cannot be asked.
    Unknown,
}

impl Attempter {
    /// Looks up the destination of a delivery. The store is asked before a stale snapshot cancels
    /// one.
    pub(super) async fn destination(
        &self,
        leased: &Leased,
        now: Timestamp,
    ) -> Result<Destination, NoDestination> {
        match self.known_destination(leased, now) {
            Err(NoDestination::CalledOff(_)) => {
                match self.parts.registry.catch_up_on(&leased.event.tenant).await {
                    Ok(()) => self.known_destination(leased, now),
                    // The registry's service logs this once.
                    Err(_) => Err(NoDestination::Unknown),
                }
            }
            known => known,
        }
    }

    /// Hash of a subscription's destination: it changes with an activation, a URL or a mode.
    ///
    /// `None`: the subscription does not exist.
    pub fn revision(&self, endpoint: &Endpoint) -> Option<u64> {
        let Target::Subscription(id) = endpoint.target else {
            return None;
        };
        let tenant = self.parts.registry.tenant(&endpoint.tenant)?;
        let subscription = tenant.subscription(id)?;
        let mut hasher = DefaultHasher::new();
        subscription.url.as_str().hash(&mut hasher);
        subscription.activated.as_micros().hash(&mut hasher);
        (subscription.mode == DeliveryMode::Shadow).hash(&mut hasher);
        Some(hasher.finish())
    }

    /// Retry policy of a delivery: the subscription's, the profile's, or the gateway's.
    pub(super) fn retry_policy(&self, leased: &Leased) -> RetryPolicy {
        let tenant = self.parts.registry.tenant(&leased.event.tenant);
        let own = tenant.and_then(|tenant| {
            let own = match leased.id.target {
                Target::Subscription(id) => tenant.subscription(id)?.retry.clone(),
                Target::Inline => None,
            };
            own.or_else(|| tenant.contract.as_ref()?.retry.clone())
        });
        own.unwrap_or_else(|| RetryPolicy::clone(&self.retry))
    }

    /// Effect of the endpoint's answers, as the tenant's profile defines it.
    pub fn answer_rules(&self, leased: &Leased) -> AnswerRules {
        let tenant = self.parts.registry.tenant(&leased.event.tenant);
        let contract = tenant.as_ref().and_then(|tenant| tenant.contract.as_ref());
        let answers = contract.map(|profile| profile.endpoint.answers);
        let answers = answers.unwrap_or_default();
        // The answer to a warning must not lead to the consequence that warnings announce.
        match contract {
            Some(profile) if profile.warnings.has(&leased.event.kind) => AnswerRules {
                gone: Gone::Retry,
                ..answers
            },
            Some(_) | None => answers,
        }
    }

    fn known_destination(&self, leased: &Leased, now: Timestamp) -> Result<Destination, NoDestination> {
        let tenant = self.parts.registry.tenant(&leased.event.tenant);
        let tenant = tenant.ok_or(NoDestination::CalledOff("the tenant is gone"))?;
        let profile = tenant.contract.clone();
        let profile = profile
            .ok_or_else(|| NoDestination::Unusable(format!("there is no profile `{}`", tenant.profile)))?;
        let destination = match leased.id.target {
            Target::Subscription(id) => {
                let subscription = receiving(&tenant, id, leased.trigger)?;
                let keys = match profile.secret.owner {
                    SecretOwner::Subscription => keys(&profile, subscription.signing_at(now)),
                    SecretOwner::Tenant => keys(&profile, tenant.signing_at(now)),
                };
                self.subscribed(Arc::clone(&tenant), subscription, profile, keys?)?
            }
            Target::Inline => self.inline(Arc::clone(&tenant), leased, profile, now)?,
        };
        let offered = destination.profile.endpoint.check(&destination.url);
        offered.map_err(|refused| NoDestination::Unusable(refused.to_string()))?;
        Ok(destination)
    }

    /// Timeout of a whole attempt, at most `delivery.max_timeout`.
    fn timeout(&self, subscription: Option<Duration>, profile: &Profile) -> Duration {
        let own = subscription.or(profile.endpoint.timeout);
        let usual = || self.config.timeout.get();
        own.unwrap_or_else(usual).min(self.config.max_timeout.get())
    }

    fn subscribed(
        &self,
        tenant: Arc<Tenant>,
        subscription: &Subscription,
        profile: Arc<Profile>,
        keys: Vec<SigningKey>,
    ) -> Result<Destination, NoDestination> {
        let mut headers = HeaderMap::with_capacity(8 + subscription.headers.len());
        for (name, value) in &subscription.headers {
            match custom_header(name, value) {
                Ok((name, value)) if !self.parts.registry.profiles().sign_with(name.as_str()) => {
                    headers.append(name, value);
                }
                // The header was accepted before its name was reserved: the request is sent without
                // it.
                Ok(_) | Err(BadHeader::Reserved(_)) => {}
                Err(error) => return Err(NoDestination::Unusable(error.to_string())),
            }
        }
        Ok(Destination {
            url: subscription.url.clone(),
            headers,
            keys,
            payload: subscription.payload,
            mode: subscription.mode,
            timeout: self.timeout(subscription.timeout, &profile),
            profile,
            tenant,
        })
    }

    fn inline(
        &self,
        tenant: Arc<Tenant>,
        leased: &Leased,
        profile: Arc<Profile>,
        now: Timestamp,
    ) -> Result<Destination, NoDestination> {
        let url = leased.event.deliver_to.clone();
        Ok(Destination {
            url: url.ok_or(NoDestination::CalledOff("the event names no endpoint"))?,
            headers: HeaderMap::with_capacity(8),
            keys: keys(&profile, tenant.signing_at(now))?,
            payload: PayloadMode::Full,
            mode: DeliveryMode::Send,
            timeout: self.timeout(None, &profile),
            profile,
            tenant,
        })
    }
}

/// Returns the subscription, if it receives deliveries.
fn receiving(tenant: &Tenant, id: SubscriptionId, trigger: Trigger) -> Result<&Subscription, NoDestination> {
    let subscription = tenant.subscription(id);
    let subscription = subscription.ok_or(NoDestination::CalledOff("the subscription is gone"))?;
    // A test may be sent before the subscription is active.
    if subscription.status == Status::Active || trigger == Trigger::Test {
        Ok(subscription)
    } else {
        Err(NoDestination::CalledOff("the subscription is disabled"))
    }
}

/// Signing keys; nothing is ever sent unsigned.
fn keys<'a>(
    profile: &Profile,
    secrets: impl Iterator<Item = &'a Secret>,
) -> Result<Vec<SigningKey>, NoDestination> {
    let keys: Result<Vec<_>, _> = secrets.map(|secret| profile.secret.key(secret)).collect();
    match keys {
        Ok(keys) if keys.is_empty() => Err(NoDestination::Unusable("there is no signing secret".to_owned())),
        Ok(keys) => Ok(keys),
        Err(error) => Err(NoDestination::Unusable(error.to_string())),
    }
}
