//! Responses of product routes: the members that the profile names, in order, and their values.
//!
//! A member that a response of its kind cannot have would be `null`. A profile with such a member
//! is refused when it is read.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::super::subscriptions::PayloadView;
use super::super::views::raw;
use crate::http::{Code, JSON, Problem};
use hookgate_contract::profile::{Answer, CatalogueEntry, Door, Field, Profile};
use hookgate_domain::subscription::SigningSecret;
use hookgate_domain::{Event, EventType, PayloadMode, Subscription, Timestamp};

/// Serialized JSON value.
pub(super) type Json = Box<RawValue>;

/// Members of an object, in order.
#[derive(Debug)]
pub(super) struct Members(Vec<(String, Json)>);

/// Serializes a value.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Json {
    to_raw_value(value).expect("texts, numbers and lists of them")
}

/// Builds the members that a profile names; `held` returns the value of each.
pub(super) fn members<F: Copy>(named: &[(String, Answer<F>)], held: impl Fn(F) -> Json) -> Members {
    let value = |answer: &Answer<F>| match answer {
        Answer::Field(field) => held(*field),
        Answer::Constant(value) => json(value),
    };
    Members(
        named
            .iter()
            .map(|(name, answer)| (name.clone(), value(answer)))
            .collect(),
    )
}

/// Returns the value of a member for a subscription.
pub(super) fn of_subscription(
    door: &Door,
    subscription: &Subscription,
    now: Timestamp,
    field: Field,
) -> Json {
    match field {
        Field::Id => json(&door.public_id(subscription.id)),
        Field::Url => json(subscription.url.as_str()),
        Field::Events => {
            let patterns: Vec<_> = subscription.events.iter().map(ToString::to_string).collect();
            json(&patterns)
        }
        Field::Description => json(&subscription.description),
        Field::Secret | Field::PreviousExpires => of_secrets(&subscription.secrets, now, field),
        Field::Payload => json(&PayloadView::from(subscription.payload)),
        Field::Status => json(door.status(&subscription.status)),
        Field::Created => json(&seconds(subscription.created)),
        _ => json(&()),
    }
}

/// Returns the value of a member for secrets, given newest first.
pub(super) fn of_secrets(secrets: &[SigningSecret], now: Timestamp, field: Field) -> Json {
    match field {
        Field::Secret => json(&secrets.first().map(|newest| newest.secret.reveal())),
        Field::PreviousExpires => {
            let older = secrets.iter().skip(1).filter_map(|old| old.expires);
            json(&older.filter(|expires| now < *expires).max().map(seconds))
        }
        _ => json(&()),
    }
}

/// Values of an event in the feed.
pub(super) mod of_event {
    use super::{Code, Event, Field, Json, PayloadMode, Problem, Profile, json, raw};

    /// Returns an event as it is pushed.
    ///
    /// # Errors
    /// `internal_error`: the event's data is not JSON.
    pub(in super::super) fn pushed(profile: &Profile, event: &Event) -> Result<Json, Problem> {
        let mode = match profile.payload.check(PayloadMode::Full) {
            Ok(()) => PayloadMode::Full,
            Err(_) => PayloadMode::Thin,
        };
        let body = profile.body(event, &event.data, mode).ok();
        body.and_then(|body| raw(&body)).ok_or_else(|| {
            tracing::error!(tenant = %event.tenant, event = %event.id, "feed.unreadable");
            Problem::new(
                Code::InternalError,
                "An event's data cannot be read; the log says which.",
            )
        })
    }

    /// Returns the value of a member for an event.
    pub(in super::super) fn field(event: &Event, field: Field) -> Json {
        match field {
            Field::Id => json(event.id.as_str()),
            Field::Kind => json(event.kind.as_str()),
            Field::Created => json(&event.created.to_string()),
            Field::Data => raw(&event.data).unwrap_or_else(|| json(&())),
            _ => json(&()),
        }
    }
}

/// Returns the value of a member for a documented event type.
pub(super) fn of_type(entry: &CatalogueEntry, field: Field) -> Json {
    match field {
        Field::Kind => json(&entry.kind.as_ref().map(EventType::as_str)),
        Field::Entity => json(&entry.entity),
        Field::Description => json(&entry.description),
        _ => json(&()),
    }
}

/// Converts a time that this API prints to the format of product routes.
pub(super) fn in_seconds(printed: &str) -> String {
    Timestamp::parse(printed).map_or_else(|_| printed.to_owned(), seconds)
}

/// Formats a time as RFC 3339 without fractions of a second.
fn seconds(time: Timestamp) -> String {
    time.in_seconds().to_string()
}

impl Members {
    /// Builds the response of a successful request; without members it has no body.
    pub(super) fn into_reply(self, status: u16) -> Response {
        let status = StatusCode::from_u16(status).expect("a profile's statuses are from 200 to 299");
        if self.0.is_empty() {
            return status.into_response();
        }
        (
            status,
            [(header::CONTENT_TYPE, JSON)],
            json(&self).get().to_owned(),
        )
            .into_response()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
