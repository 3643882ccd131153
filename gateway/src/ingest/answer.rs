//! Response to a producer.

use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::http::{JSON, Response, reply};
use hookgate_domain::EventId;

/// Result of an accepted event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AcceptedEvent {
    /// Id of the event: the producer's own if it gave one. Of a dry run without one: publishing makes another.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub id: EventId,
    /// Status of the event.
    pub status: EventStatus,
    /// Number of deliveries that this request created.
    pub deliveries: usize,
    /// The subscriptions that they go to; `inline`: the endpoint that the event itself names.
    pub subscriptions: Vec<String>,
    /// Set for a dry run: nothing was stored, and nobody receives anything.
    #[serde(skip_serializing_if = "is_unset")]
    #[schemars(default)]
    pub dry_run: bool,
    /// The plugin that drops the event, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_by: Option<String>,
    /// The plugin's reason, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It is stored, in the feed, and being delivered.
    Accepted,
    /// Its id or idempotency key was accepted before; this request changed nothing.
    Duplicate,
    /// A plugin dropped it: only its arrival and the reason are stored.
    Filtered,
}

/// Results of an array's events, in its order.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AcceptedEvents {
    /// One result for each event of the array.
    pub events: Vec<AcceptedEvent>,
}

impl EventStatus {
    /// Name in the response.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Filtered => "filtered",
        }
    }
}

impl AcceptedEvent {
    /// Result of an event that was accepted before.
    pub(super) fn duplicate(id: EventId) -> Self {
        Self {
            id,
            status: EventStatus::Duplicate,
            deliveries: 0,
            subscriptions: Vec::new(),
            dry_run: false,
            dropped_by: None,
            reason: None,
        }
    }
}

/// Response to a request: an array is answered with an array, a single event with one result.
pub(super) fn reply_to(status: StatusCode, mut events: Vec<AcceptedEvent>, many: bool) -> Response {
    let body = match events.pop() {
        Some(one) if !many => serde_json::to_vec(&one),
        last => {
            events.extend(last);
            serde_json::to_vec(&AcceptedEvents { events })
        }
    };
    reply(status, JSON, Bytes::from(body.expect("texts and numbers only")))
}

fn is_unset(flag: &bool) -> bool {
    !flag
}

fn as_text<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}
