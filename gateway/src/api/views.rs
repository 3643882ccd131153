//! Records that several resources return, and their conversion from domain values.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::words::{self, AttemptOutcome, AttemptStage, DeliveryMethod};
use hookgate_domain::event::StepResult;
use hookgate_domain::{
    Attempt, Delivery, DeliveryState, Outcome, StatusClass, StepReport, Target, Timestamp, Trigger,
    UnsentRequest,
};
use hookgate_registry::Tenant;
use hookgate_store::IndexedEvent;

/// Delivery and its state.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub(super) struct DeliveryView {
    #[serde(flatten)]
    pub facts: DeliveryFacts,
    /// Number of attempts made.
    pub attempts: u32,
}

/// Delivery with its attempts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryDetail")]
pub(super) struct DeliveryDetail {
    #[serde(flatten)]
    pub facts: DeliveryFacts,
    /// Attempts, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// Facts of a delivery, without its attempts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryFacts {
    /// Delivery id.
    pub id: String,
    /// Id of the event that is delivered.
    pub event: String,
    /// Id of the subscription; `inline` for the endpoint that the event itself names.
    pub subscription: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Origin of the delivery.
    pub trigger: TriggerView,
    /// Status of the delivery.
    pub status: DeliveryStatus,
    /// Due time of a pending delivery. While an attempt is in progress: the time until which it may
    /// take.
    pub next_attempt: Option<String>,
    /// Time at which the delivery ended.
    pub finished: Option<String>,
    /// Time of the first attempt.
    pub first_attempt: Option<String>,
    /// Outcome of the last attempt.
    #[schemars(with = "Option<AttemptOutcome>")]
    pub last_outcome: Option<&'static str>,
    /// The status that the last attempt was answered.
    #[schemars(range(min = 100, max = 999))]
    pub last_status: Option<u16>,
    /// The class of what the last attempt came to; null where it says nothing of the endpoint or of a plugin.
    pub status_class: Option<StatusClassView>,
    /// The newest delivery that was made of the same event to the same endpoint since, by a retry, a replay or a recovery: a dead
    /// letter with one is not open any more.
    pub replayed_as: Option<String>,
}

/// Class of an attempt's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[schemars(rename = "StatusClass")]
pub(super) enum StatusClassView {
    /// It was answered 200 to 299.
    #[serde(rename = "2xx")]
    Success,
    /// It was answered 300 to 399.
    #[serde(rename = "3xx")]
    Redirection,
    /// It was answered 400 to 499.
    #[serde(rename = "4xx")]
    ClientError,
    /// It was answered 500 to 599.
    #[serde(rename = "5xx")]
    ServerError,
    /// No answer came: no connection, a timeout, a blocked address.
    #[serde(rename = "network")]
    Network,
    /// A plugin failed or dropped it.
    #[serde(rename = "plugin")]
    Plugin,
}

/// Cause of a delivery.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryTrigger")]
#[serde(rename_all = "snake_case")]
pub(super) enum TriggerView {
    /// Publication of the event.
    Published,
    /// Request to deliver the event again.
    Replay,
    /// Test of the subscription.
    Test,
}

/// Status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryStatus {
    /// Due, or being attempted.
    Pending,
    /// Received by the endpoint.
    Delivered,
    /// Dead letter: the attempts are used up. It can be retried.
    Dead,
    /// Cancelled by a request, or dropped by a delivery plugin.
    Cancelled,
    /// Recorded in place of being sent, because the subscription's mode is `shadow`.
    Shadowed,
}

/// HTTP attempt of a delivery, or the reason for which it was not made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
pub(super) struct AttemptView {
    /// Attempt number, from 1.
    #[schemars(range(min = 1))]
    pub number: u32,
    /// Start of the attempt.
    pub started: String,
    /// Duration in milliseconds.
    pub took_ms: u64,
    /// Outcome of the attempt.
    #[schemars(with = "AttemptOutcome")]
    pub outcome: &'static str,
    /// HTTP status of the response.
    #[schemars(range(min = 100, max = 999))]
    pub response_status: Option<u16>,
    /// Beginning of the response body.
    pub response_body: Option<String>,
    /// Delay that the response's `Retry-After` asked for, in seconds.
    pub retry_after: Option<u64>,
    /// Stage of the failure.
    #[schemars(with = "Option<AttemptStage>")]
    pub stage: Option<&'static str>,
    /// Reason for the failure, or for the drop by a step.
    pub reason: Option<String>,
    /// Report of the subscription's chain, if it ran for this attempt. It runs once per delivery.
    pub steps: Vec<StepView>,
    /// Request that was recorded in place of being sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestView>,
}

/// Request as it would have been sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UnsentRequest")]
pub(super) struct RequestView {
    /// HTTP method.
    #[schemars(with = "DeliveryMethod")]
    pub method: &'static str,
    /// URL. `?…` at its end stands for a query, which can be a secret and is not stored.
    pub url: String,
    /// Headers, including those of the signature.
    pub headers: Vec<HeaderView>,
    /// Number of further headers, which are not stored.
    pub more_headers: u32,
    /// SHA-256 of the body, in hexadecimal.
    pub body_sha256: String,
    /// Length of the body in bytes.
    pub body_bytes: u64,
}

/// Header of a request.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UnsentHeader")]
pub(super) struct HeaderView {
    /// Header name.
    pub name: String,
    /// Header value; `null` if the subscription sets the header, because it can be a secret.
    pub value: Option<String>,
}

/// Report of one step of the chain for an event: paths, never values.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepReport")]
pub(super) struct StepView {
    /// Plugin name.
    pub plugin: String,
    /// First digits of the digest of the plugin version.
    pub version: String,
    /// Version that the component declares; empty if unknown.
    pub release: String,
    /// Set when the step's canary was called.
    pub canary: bool,
    /// Result. `failed`: a canary failed, and the event was given to the version that the step runs.
    #[schemars(with = "words::StepResult")]
    pub result: &'static str,
    /// Kind of the failure, if the step failed. One of `trap`, `panic`, `timeout`, `memory`,
    /// `operations`, `output`, `verdict`, `refused`, `missing`, `breaker` and `internal`. Details
    /// are in the plugin's log.
    pub failure: Option<String>,
    /// Duration of the call in microseconds.
    pub took_us: u64,
    /// Places that the step changed or removed; at most 64, and 4 KiB in all. JSON pointers with
    /// `*` for every key that the plugin did not spell itself, or may have read in the event. `…`
    /// at the end marks that there are more.
    pub changed: Vec<String>,
}

impl DeliveryView {
    pub(super) fn new(tenant: &Tenant, stored: &IndexedEvent<'_>, delivery: &Delivery) -> Self {
        Self {
            facts: DeliveryFacts::new(tenant, stored, delivery),
            attempts: delivery.attempts,
        }
    }
}

impl DeliveryDetail {
    pub(super) fn new(
        tenant: &Tenant,
        stored: &IndexedEvent<'_>,
        delivery: &Delivery,
        attempts: &[Attempt],
    ) -> Self {
        Self {
            facts: DeliveryFacts::new(tenant, stored, delivery),
            attempts: attempts.iter().map(AttemptView::from).collect(),
        }
    }

    /// Removes the tenant's internals: the steps of its chain, and texts of plugins.
    pub(super) fn without_plugins(&mut self) {
        self.attempts.iter_mut().for_each(|attempt| attempt.steps.clear());
        self.without_plugin_texts();
    }

    /// Removes texts of plugins, which may quote payloads.
    pub(super) fn without_plugin_texts(&mut self) {
        for attempt in &mut self.attempts {
            if matches!(attempt.outcome, "plugin_failed" | "dropped") {
                attempt.reason = None;
            }
        }
    }
}

impl DeliveryFacts {
    fn new(tenant: &Tenant, stored: &IndexedEvent<'_>, delivery: &Delivery) -> Self {
        let (next_attempt, finished) = match delivery.state {
            DeliveryState::Pending { next } => (Some(next), None),
            DeliveryState::Delivered { at }
            | DeliveryState::Dead { at }
            | DeliveryState::Cancelled { at }
            | DeliveryState::Shadowed { at } => (None, Some(at)),
        };
        Self {
            id: delivery.id.to_string(),
            event: delivery.id.event.to_string(),
            subscription: match delivery.id.target {
                Target::Subscription(id) => tenant.public_id(id),
                Target::Inline => delivery.id.target.to_string(),
            },
            kind: stored.event.kind.to_string(),
            trigger: delivery.trigger.into(),
            status: delivery.state.into(),
            next_attempt: next_attempt.map(text),
            finished: finished.map(text),
            first_attempt: delivery.first_attempt.map(text),
            last_outcome: delivery.last.as_ref().map(Outcome::word),
            last_status: delivery.last.as_ref().and_then(Outcome::status),
            status_class: delivery
                .last
                .as_ref()
                .and_then(Outcome::class)
                .map(StatusClassView::from),
            replayed_as: stored.made_again(delivery).map(ToString::to_string),
        }
    }
}

impl From<StatusClass> for StatusClassView {
    fn from(class: StatusClass) -> Self {
        match class {
            StatusClass::Success => Self::Success,
            StatusClass::Redirection => Self::Redirection,
            StatusClass::ClientError => Self::ClientError,
            StatusClass::ServerError => Self::ServerError,
            StatusClass::Network => Self::Network,
            StatusClass::Plugin => Self::Plugin,
        }
    }
}

impl From<StatusClassView> for StatusClass {
    fn from(class: StatusClassView) -> Self {
        match class {
            StatusClassView::Success => Self::Success,
            StatusClassView::Redirection => Self::Redirection,
            StatusClassView::ClientError => Self::ClientError,
            StatusClassView::ServerError => Self::ServerError,
            StatusClassView::Network => Self::Network,
            StatusClassView::Plugin => Self::Plugin,
        }
    }
}

impl From<Trigger> for TriggerView {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Published => Self::Published,
            Trigger::Replay => Self::Replay,
            Trigger::Test => Self::Test,
        }
    }
}

impl From<DeliveryState> for DeliveryStatus {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending { .. } => Self::Pending,
            DeliveryState::Delivered { .. } => Self::Delivered,
            DeliveryState::Dead { .. } => Self::Dead,
            DeliveryState::Cancelled { .. } => Self::Cancelled,
            DeliveryState::Shadowed { .. } => Self::Shadowed,
        }
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        let mut view = Self {
            number: attempt.number,
            started: text(attempt.started),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            outcome: attempt.outcome.word(),
            response_status: None,
            response_body: (!attempt.response.is_empty())
                .then(|| String::from_utf8_lossy(&attempt.response).into_owned()),
            retry_after: None,
            stage: None,
            reason: None,
            steps: attempt.steps.iter().map(StepView::from).collect(),
            request: None,
        };
        match &attempt.outcome {
            Outcome::Delivered { status } => view.response_status = Some(*status),
            Outcome::Refused { status, retry_after } => {
                view.response_status = Some(*status);
                view.retry_after = retry_after.map(|wait| wait.as_secs());
            }
            Outcome::TimedOut { during } => view.stage = Some(during.word()),
            Outcome::Unreachable { during, reason } => {
                view.stage = Some(during.word());
                view.reason = Some(reason.clone());
            }
            Outcome::Blocked { reason } => view.reason = Some(reason.clone()),
            Outcome::PluginFailed { plugin, reason } | Outcome::Dropped { plugin, reason } => {
                view.reason = Some(format!("{plugin}: {reason}"));
            }
            Outcome::Postponed { by } => view.retry_after = Some(by.as_secs()),
            Outcome::Shadowed { request } => view.request = Some(RequestView::from(&**request)),
            Outcome::Crashed { times: 0 } => {
                view.reason = Some("the gateway failed while it attempted the delivery".to_owned());
            }
            Outcome::Crashed { times } => {
                view.reason = Some(format!(
                    "the gateway's process ended {times} times while it attempted the delivery"
                ));
            }
        }
        view
    }
}

impl From<&UnsentRequest> for RequestView {
    fn from(request: &UnsentRequest) -> Self {
        let header = |(name, value): &(String, Option<String>)| HeaderView {
            name: name.clone(),
            value: value.clone(),
        };
        Self {
            method: "POST",
            url: format!("{}{}", request.url, if request.query { "?…" } else { "" }),
            headers: request.headers.iter().map(header).collect(),
            more_headers: request.more_headers,
            body_sha256: hex::encode(request.body_digest),
            body_bytes: request.body_bytes,
        }
    }
}

impl From<&StepReport> for StepView {
    fn from(step: &StepReport) -> Self {
        Self {
            plugin: step.plugin.clone(),
            version: step.version.clone(),
            release: step.release.to_string(),
            canary: step.canary,
            failure: step.failure.clone(),
            took_us: u64::try_from(step.took.as_micros()).unwrap_or(u64::MAX),
            result: match step.result {
                StepResult::Passed => "passed",
                StepResult::Dropped => "dropped",
                StepResult::Skipped => "skipped",
                StepResult::Failed => "failed",
            },
            changed: step.changed.clone(),
        }
    }
}

/// Formats a time as RFC 3339.
pub(super) fn text(time: Timestamp) -> String {
    time.to_string()
}

/// Puts stored JSON text into a response unchanged. Text that does not parse is left out, so that
/// the response stays valid.
pub(super) fn raw(json: &[u8]) -> Option<Box<RawValue>> {
    serde_json::from_slice(json).ok()
}
