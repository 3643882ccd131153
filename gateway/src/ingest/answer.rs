//! What a producer is answered.

use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::domain::EventId;
use crate::http::{JSON, Response, reply};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AcceptedEvent {
    /// The event's id: the producer's own where it gave one.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub id: EventId,
    /// What became of it.
    pub status: EventStatus,
    /// How many deliveries this request made.
    pub deliveries: usize,
    /// The subscriptions that they go to; `inline`: the endpoint that the event itself names.
    pub subscriptions: Vec<String>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// It is stored, in the feed, and on its way.
    Accepted,
    /// Its id or idempotency key was accepted before; this request changed nothing.
    Duplicate,
    /// A plugin dropped it: only that it came and why is kept.
    Filtered,
}

/// What became of an array's events, in its order.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AcceptedEvents {
    /// One for each event of the array.
    pub events: Vec<AcceptedEvent>,
}

impl EventStatus {
    /// As the answer has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Filtered => "filtered",
        }
    }
}

impl AcceptedEvent {
    /// One that was accepted before.
    pub(super) fn duplicate(id: EventId) -> Self {
        Self {
            id,
            status: EventStatus::Duplicate,
            deliveries: 0,
            subscriptions: Vec::new(),
        }
    }
}

/// `202 Accepted`: an array is answered as one, a single event by itself.
pub(super) fn reply_to(mut events: Vec<AcceptedEvent>, many: bool) -> Response {
    let body = match events.pop() {
        Some(one) if !many => serde_json::to_vec(&one),
        last => {
            events.extend(last);
            serde_json::to_vec(&AcceptedEvents { events })
        }
    };
    reply(
        StatusCode::ACCEPTED,
        JSON,
        Bytes::from(body.expect("texts and numbers only")),
    )
}

fn as_text<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}
