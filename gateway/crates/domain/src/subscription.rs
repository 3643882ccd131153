//! Subscriptions: a tenant's registrations of endpoints.

use std::time::Duration;

use url::Url;

use super::{EventPattern, EventType, Filter, RetryPolicy, Secret, SubscriptionId, TenantId, Timestamp};

/// Registration of an endpoint, with the events that it receives and their delivery settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Id of the subscription.
    pub id: SubscriptionId,
    /// Tenant that owns the subscription.
    pub tenant: TenantId,
    /// URL of the endpoint: http or https, without user info.
    pub url: Url,
    /// 1 to 64 event patterns, of which at least one must match.
    pub events: Vec<EventPattern>,
    /// Further condition on events; `None` accepts all.
    pub filter: Option<Filter>,
    /// Description for people, at most 1024 bytes.
    pub description: Option<String>,
    /// Active, or disabled with a reason.
    pub status: Status,
    /// Signing secrets, the newest first.
    ///
    /// The first never expires; the others are in the grace period of a rotation.
    pub secrets: Vec<SigningSecret>,
    /// Headers of every attempt, in addition to hookgate's own.
    pub headers: Vec<(String, Secret)>,
    /// Timeout of a whole attempt; `None` uses the configured one.
    pub timeout: Option<Duration>,
    /// Retry policy; `None` uses the configured one.
    pub retry: Option<RetryPolicy>,
    /// Part of the event that is sent.
    pub payload: PayloadMode,
    /// Sends or only records the deliveries.
    pub mode: DeliveryMode,
    /// Time of creation.
    pub created: Timestamp,
    /// Time of creation or last activation: earlier failures are ignored.
    pub activated: Timestamp,
    /// Time of the last warning about repeated failures.
    pub warned: Option<Timestamp>,
    /// Owner within the tenant.
    pub owner: Owner,
}

/// Owner of a subscription within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// The tenant itself: a key with the scope `consumer` cannot access the subscription.
    #[default]
    Tenant,
    /// A consumer: created with a consumer's key or at a product's route, or assigned to consumers.
    Consumer,
}

/// Signing secret with its expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret {
    /// Text as the consumer has it, for example `whsec_…`.
    pub secret: Secret,
    /// Time from which it no longer signs; `None` for the current secret.
    pub expires: Option<Timestamp>,
}

/// Activation status of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Receives events.
    Active,
    /// Receives no events.
    Disabled {
        /// Time of the deactivation.
        since: Timestamp,
        /// Reason for the deactivation.
        reason: DisableReason,
    },
}

/// Reason for which a subscription was disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisableReason {
    /// Requested over the API or in the configuration.
    Asked,
    /// The endpoint answered 410 Gone.
    Gone,
    /// The share of failed attempts was too large.
    Failing,
}

/// Part of an event that a subscription receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadMode {
    /// All of `data`.
    #[default]
    Full,
    /// Identity, type, status, times and relationship ids; the consumer fetches the rest.
    Thin,
}

/// Treatment of a subscription's deliveries after signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryMode {
    /// Sends the requests.
    #[default]
    Send,
    /// Records the requests instead of sending them.
    Shadow,
}

impl Subscription {
    /// Returns `true` if the subscription receives events of this type, subject to its filter.
    pub fn wants(&self, kind: &EventType) -> bool {
        self.status == Status::Active && self.events.iter().any(|pattern| pattern.matches(kind))
    }

    /// Secrets that sign at this time, the newest first.
    pub fn signing_at(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        signing_at(&self.secrets, now)
    }
}

/// Secrets that sign at this time, in their order.
pub fn signing_at(secrets: &[SigningSecret], now: Timestamp) -> impl Iterator<Item = &Secret> {
    let signing = secrets
        .iter()
        .filter(move |s| s.expires.is_none_or(|end| now < end));
    signing.map(|s| &s.secret)
}
