//! Requests and responses of subscriptions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::super::fields::{Parsed, clearable};
use super::super::secrets::{SignatureView, show};
use super::super::views::{raw, text};
use super::missed::Missed;
use super::pause::PauseView;
use super::retry::{RetryView, span};
use crate::http::{Code, FieldError, Problem};
use hookgate_domain::subscription::{DisableReason, Owner};
use hookgate_domain::units::Span;
use hookgate_domain::{
    DeliveryMode, EventPattern, Filter, FilterLimits, PayloadMode, Secret, Status, Subscription,
};
use hookgate_egress::EndpointUrl;
use hookgate_registry::{InitialStatus, NewSubscription, SubscriptionPatch, Tenant};

/// Parameters of a new subscription.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewSubscription", example = example())]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewSubscriptionInput {
    /// Endpoint URL: https or http, without user name or password.
    pub url: Parsed<EndpointUrl>,
    /// Event types: a type (`invoice.paid`), all below a name (`invoice.*`), or all (`*`).
    #[schemars(length(min = 1))]
    pub events: Vec<Parsed<EventPattern>>,
    /// Filter: further conditions on an event's type and data.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>", example = filter_example())]
    pub filter: Option<Box<RawValue>>,
    /// Signing secret; generated if left out. Either `whsec_` and the base64 of 24 to 64 bytes, or
    /// `whsk_` and an Ed25519 key.
    #[schemars(length(max = 512))]
    pub secret: Option<String>,
    /// Algorithm of a generated secret; default: `hmac`.
    pub signature: Option<SignatureView>,
    /// Description for people; at most 1024 bytes.
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// Headers that are sent with every attempt. Their values are never shown again.
    pub headers: Option<BTreeMap<String, String>>,
    /// Timeout of a whole attempt, such as `5s`.
    pub timeout: Option<Span>,
    /// Retry policy of failed deliveries.
    pub retry: Option<RetryView>,
    /// Payload mode: the part of an event that is sent.
    pub payload: Option<PayloadView>,
    /// Owner; default: `tenant`. Always `consumer` if a consumer's key creates the subscription.
    pub owner: Option<OwnerView>,
    /// Delivery mode; default: `send`. Not allowed for a consumer's key.
    pub mode: Option<ModeView>,
    /// Initial status; default: `active`. A `disabled` subscription is given no events until it is
    /// activated.
    pub status: Option<StatusView>,
}

/// Changes of a subscription.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SubscriptionPatch")]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SubscriptionPatchInput {
    /// Endpoint URL.
    pub url: Option<Parsed<EndpointUrl>>,
    /// Event types.
    #[schemars(length(min = 1))]
    pub events: Option<Vec<Parsed<EventPattern>>>,
    /// Filter: further conditions on an event's type and data.
    #[serde(default, deserialize_with = "clearable")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub filter: Option<Option<Box<RawValue>>>,
    /// Description for people.
    #[serde(default, deserialize_with = "clearable")]
    pub description: Option<Option<String>>,
    /// Headers, which replace all previous ones.
    #[serde(default, deserialize_with = "clearable")]
    pub headers: Option<Option<BTreeMap<String, String>>>,
    /// Timeout of a whole attempt.
    #[serde(default, deserialize_with = "clearable")]
    pub timeout: Option<Option<Span>>,
    /// Retry policy of failed deliveries.
    #[serde(default, deserialize_with = "clearable")]
    pub retry: Option<Option<RetryView>>,
    /// Payload mode: the part of an event that is sent.
    pub payload: Option<PayloadView>,
    /// Owner; not allowed for a consumer's key.
    pub owner: Option<OwnerView>,
    /// Delivery mode; not allowed for a consumer's key.
    pub mode: Option<ModeView>,
}

/// Payload mode: the part of an event that is sent.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "PayloadMode")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum PayloadView {
    /// All of `data`.
    Full,
    /// Identity, type, status, times and relationship ids; the consumer fetches the rest.
    Thin,
}

/// Owner of a subscription.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "SubscriptionOwner")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum OwnerView {
    /// The tenant. A consumer's key does not reach the subscription.
    Tenant,
    /// The tenant's consumers.
    Consumer,
}

/// Delivery mode of a subscription.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "SubscriptionMode")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ModeView {
    /// Deliveries are sent.
    Send,
    /// Deliveries are created, signed and recorded as they would be sent, but not sent. `GET
    /// /v1/deliveries/{id}` shows each.
    Shadow,
}

/// Status of a subscription.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "SubscriptionStatus")]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum StatusView {
    /// The subscription receives events.
    Active,
    /// The subscription receives no events.
    Disabled,
}

/// Subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Subscription")]
pub(super) struct SubscriptionView {
    /// Subscription id.
    pub id: String,
    /// Endpoint URL.
    pub url: String,
    /// Event types.
    pub events: Vec<String>,
    /// Filter: further conditions on an event's type and data.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub filter: Option<Box<RawValue>>,
    /// Status of the subscription.
    #[schemars(with = "StatusView")]
    pub status: &'static str,
    /// Time and reason, if the subscription is disabled.
    pub disabled: Option<DisabledView>,
    /// Pause of the endpoint, with reason and end, while the subscription is active.
    pub pause: Option<PauseView>,
    /// Free text for humans.
    pub description: Option<String>,
    /// Names of the headers that are sent; their values are not shown.
    pub headers: Vec<String>,
    /// Timeout of a whole attempt; `null`: the configuration's.
    pub timeout: Option<Span>,
    /// Retry policy of failed deliveries; `null`: the configuration's.
    pub retry: Option<RetryView>,
    /// Payload mode: the part of an event that is sent.
    pub payload: PayloadView,
    /// Owner within the tenant.
    pub owner: OwnerView,
    /// Delivery mode.
    pub mode: ModeView,
    /// Creation time.
    pub created: String,
}

/// Time and reason of the disabling of a subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Disabled")]
pub(super) struct DisabledView {
    /// Time at which it was disabled.
    pub since: String,
    /// Reason. `failing`: too many of its attempts failed.
    #[schemars(with = "super::super::words::DisableReason")]
    pub reason: &'static str,
}

/// Subscription that was created, with its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreatedSubscription")]
pub(super) struct CreatedSubscription {
    #[serde(flatten)]
    pub subscription: SubscriptionView,
    /// Signing secret; `null` if it is an Ed25519 key, or the tenant's own secret.
    pub secret: Option<String>,
    /// Public key that verifies deliveries, of an Ed25519 key: `whpk_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// Subscription that was activated, with the events that it missed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActivatedSubscription")]
pub(super) struct ActivatedSubscription {
    #[serde(flatten)]
    pub subscription: SubscriptionView,
    /// Missed events; `null` if the subscription was active.
    pub missed: Option<MissedView>,
}

/// Events that a subscription missed while it was disabled. None of them is delivered unless a
/// recovery asks for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Missed")]
pub(super) struct MissedView {
    /// Time at which it was disabled; the `since` of a recovery.
    pub since: String,
    /// Number of events that it would have been sent, as far as counted. `null`: they could not be
    /// counted.
    pub events: Option<usize>,
    /// Set when there may be more: 1,000 events are examined, and some may be gone from the feed.
    pub more: bool,
    /// Path of the recovery: `POST` with `{"since": …}`.
    pub recover: String,
}

impl ActivatedSubscription {
    pub(super) fn new(tenant: &Tenant, subscription: &Subscription, missed: Option<Missed>) -> Self {
        Self {
            subscription: SubscriptionView::new(tenant, subscription),
            missed: missed.map(|missed| MissedView {
                since: text(missed.since),
                events: missed.events,
                more: missed.more,
                recover: format!("/v1/subscriptions/{}/recover", tenant.public_id(subscription.id)),
            }),
        }
    }
}

fn example() -> serde_json::Value {
    json!({ "url": "https://example.com/hooks", "events": ["customer.*", "invoice.paid"] })
}

fn filter_example() -> serde_json::Value {
    json!({ "/total": { "$gte": 100 }, "/status": { "$in": ["paid", "refunded"] } })
}

impl NewSubscriptionInput {
    /// Converts the request; `owner` applies if it names no owner.
    pub(in crate::api) fn into_new(
        self,
        limits: FilterLimits,
        owner: Owner,
    ) -> Result<NewSubscription, Problem> {
        Ok(NewSubscription {
            url: self.url.0.0,
            events: patterns(self.events)?,
            filter: self.filter.map(|given| filter(&given, limits)).transpose()?,
            description: self.description,
            secret: self.secret.as_deref().map(Secret::new),
            headers: headers(self.headers.unwrap_or_default()),
            timeout: self.timeout.map(Span::get),
            retry: self.retry.map(RetryView::into_policy).transpose()?,
            payload: self.payload.map(PayloadMode::from).unwrap_or_default(),
            owner: self.owner.map_or(owner, Owner::from),
            mode: self.mode.map(DeliveryMode::from).unwrap_or_default(),
            status: match self.status {
                Some(StatusView::Disabled) => InitialStatus::Disabled,
                Some(StatusView::Active) | None => InitialStatus::Active,
            },
        })
    }
}

impl SubscriptionPatchInput {
    pub(super) fn into_patch(self, limits: FilterLimits) -> Result<SubscriptionPatch, Problem> {
        let filter = self
            .filter
            .map(|given| given.map(|given| filter(&given, limits)).transpose());
        let retry = self
            .retry
            .map(|retry| retry.map(RetryView::into_policy).transpose());
        Ok(SubscriptionPatch {
            url: self.url.map(|url| url.0.0),
            events: self.events.map(patterns).transpose()?,
            filter: filter.transpose()?,
            description: self.description,
            headers: self.headers.map(|given| headers(given.unwrap_or_default())),
            timeout: self.timeout.map(|timeout| timeout.map(Span::get)),
            retry: retry.transpose()?,
            payload: self.payload.map(PayloadMode::from),
            owner: self.owner.map(Owner::from),
            mode: self.mode.map(DeliveryMode::from),
        })
    }
}

fn patterns(given: Vec<Parsed<EventPattern>>) -> Result<Vec<EventPattern>, Problem> {
    if given.is_empty() {
        let error = FieldError::new("/events", "at least one pattern is needed; `*` means every event");
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    Ok(given.into_iter().map(|pattern| pattern.0).collect())
}

/// Parses a filter from the body's text, so that its numbers keep their digits.
fn filter(given: &RawValue, limits: FilterLimits) -> Result<Filter, Problem> {
    Filter::parse(given.get(), limits).map_err(|problems| {
        let errors = problems.into_iter();
        let errors = errors.map(|p| FieldError::new(format!("/filter{}", p.pointer), p.message));
        Problem::fields(Code::InvalidField, errors.collect())
    })
}

fn headers(given: BTreeMap<String, String>) -> Vec<(String, Secret)> {
    given
        .into_iter()
        .map(|(name, value)| (name, Secret::new(&value)))
        .collect()
}

impl From<OwnerView> for Owner {
    fn from(view: OwnerView) -> Self {
        match view {
            OwnerView::Tenant => Self::Tenant,
            OwnerView::Consumer => Self::Consumer,
        }
    }
}

impl From<ModeView> for DeliveryMode {
    fn from(view: ModeView) -> Self {
        match view {
            ModeView::Send => Self::Send,
            ModeView::Shadow => Self::Shadow,
        }
    }
}

impl From<DeliveryMode> for ModeView {
    fn from(mode: DeliveryMode) -> Self {
        match mode {
            DeliveryMode::Send => Self::Send,
            DeliveryMode::Shadow => Self::Shadow,
        }
    }
}

impl From<Owner> for OwnerView {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Tenant => Self::Tenant,
            Owner::Consumer => Self::Consumer,
        }
    }
}

impl From<PayloadView> for PayloadMode {
    fn from(view: PayloadView) -> Self {
        match view {
            PayloadView::Full => Self::Full,
            PayloadView::Thin => Self::Thin,
        }
    }
}

impl From<PayloadMode> for PayloadView {
    fn from(mode: PayloadMode) -> Self {
        match mode {
            PayloadMode::Full => Self::Full,
            PayloadMode::Thin => Self::Thin,
        }
    }
}

impl SubscriptionView {
    pub(super) fn new(tenant: &Tenant, subscription: &Subscription) -> Self {
        let disabled = match &subscription.status {
            Status::Active => None,
            Status::Disabled { since, reason } => Some(DisabledView {
                since: text(*since),
                reason: word(*reason),
            }),
        };
        Self {
            id: tenant.public_id(subscription.id),
            url: subscription.url.to_string(),
            events: subscription.events.iter().map(ToString::to_string).collect(),
            filter: subscription
                .filter
                .as_ref()
                .and_then(|filter| raw(filter.as_str().as_bytes())),
            status: if disabled.is_some() { "disabled" } else { "active" },
            disabled,
            pause: None,
            description: subscription.description.clone(),
            headers: subscription
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            timeout: subscription.timeout.map(span),
            retry: subscription.retry.as_ref().map(RetryView::from),
            payload: subscription.payload.into(),
            owner: subscription.owner.into(),
            mode: subscription.mode.into(),
            created: text(subscription.created),
        }
    }
}

impl CreatedSubscription {
    pub(super) fn new(tenant: &Tenant, subscription: &Subscription) -> Self {
        let newest = subscription.secrets.first();
        let (secret, public_key) = newest
            .map(|newest| show(tenant, &newest.secret))
            .unwrap_or_default();
        Self {
            subscription: SubscriptionView::new(tenant, subscription),
            secret,
            public_key,
        }
    }
}

fn word(reason: DisableReason) -> &'static str {
    match reason {
        DisableReason::Asked => "asked",
        DisableReason::Gone => "gone",
        DisableReason::Failing => "failing",
    }
}
