//! A subscription: a tenant's registration of an endpoint.

use std::time::Duration;

use url::Url;

use super::{EventPattern, EventType, Filter, RetryPolicy, Secret, SubscriptionId, TenantId, Timestamp};

/// Where events of which types go, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// http or https, without user info.
    pub url: Url,
    /// 1 to 64 patterns; an event that any of them matches is meant.
    pub events: Vec<EventPattern>,
    /// What else must hold of an event; `None`: nothing.
    pub filter: Option<Filter>,
    /// For people; at most 1024 bytes.
    pub description: Option<String>,
    /// Active, or disabled and why.
    pub status: Status,
    /// The signing secrets, the newest first. The first never expires; the others are in a rotation's grace time.
    pub secrets: Vec<SigningSecret>,
    /// Headers to send with every attempt, besides hookgate's own.
    pub headers: Vec<(String, Secret)>,
    /// For a whole attempt; the configuration's where none is given.
    pub timeout: Option<Duration>,
    /// The configuration's where none is given.
    pub retry: Option<RetryPolicy>,
    /// How much of the event is sent.
    pub payload: PayloadMode,
    /// Whether its deliveries are sent.
    pub mode: DeliveryMode,
    /// When it was made.
    pub created: Timestamp,
    /// When it was made or last activated: what it failed before is not held against it.
    pub activated: Timestamp,
    /// When its owner was last warned that it keeps failing.
    pub warned: Option<Timestamp>,
    /// Whose it is within the tenant.
    pub owner: Owner,
}

/// Whose a subscription is within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// The tenant's own: a key with the scope `consumer` does not reach it.
    #[default]
    Tenant,
    /// Its consumers': made with a consumer's key or at a product's own route, or given to them.
    Consumer,
}

/// A signing secret and until when it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret {
    /// As the consumer has it, for example `whsec_…`.
    pub secret: Secret,
    /// It signs no more from then on; `None`: it is the current one.
    pub expires: Option<Timestamp>,
}

/// Whether a subscription is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It receives.
    Active,
    /// It does not.
    Disabled {
        /// Since when.
        since: Timestamp,
        /// Who or what did it.
        reason: DisableReason,
    },
}

/// Who or what disabled a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisableReason {
    /// Somebody asked for it over the API or in the configuration.
    Asked,
    /// The endpoint answered 410 Gone.
    Gone,
    /// Too large a share of its attempts failed.
    Failing,
}

/// How much of an event a subscription is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadMode {
    /// All of `data`.
    #[default]
    Full,
    /// Identity, type, status, times and relationship ids; the consumer fetches the rest.
    Thin,
}

/// Treatment of a subscription's deliveries once they are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryMode {
    /// They are sent.
    #[default]
    Send,
    /// They are recorded as they would be sent, and not sent.
    Shadow,
}

impl Subscription {
    /// Whether an event of this type goes to it now, if its filter lets it pass.
    pub fn wants(&self, kind: &EventType) -> bool {
        self.status == Status::Active && self.events.iter().any(|pattern| pattern.matches(kind))
    }

    /// The secrets that sign at this time, the newest first.
    pub fn signing_at(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        signing_at(&self.secrets, now)
    }
}

/// Those of the secrets that sign at this time, in their order.
pub fn signing_at(secrets: &[SigningSecret], now: Timestamp) -> impl Iterator<Item = &Secret> {
    let signing = secrets
        .iter()
        .filter(move |s| s.expires.is_none_or(|end| now < end));
    signing.map(|s| &s.secret)
}
