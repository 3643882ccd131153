//! How a door answers: the members that its profile names, in their order, and what they hold. A member that an answer of its
//! kind cannot hold would be null; a profile with one is refused when it is read.

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

/// A value, printed.
pub(super) type Json = Box<RawValue>;

/// An object's members in order.
#[derive(Debug)]
pub(super) struct Members(Vec<(String, Json)>);

/// Prints a value.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Json {
    to_raw_value(value).expect("texts, numbers and lists of them")
}

/// The members that a profile names, with what `held` has for each.
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

/// What a subscription has for a member.
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

/// What secrets, the newest first, have for a member.
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

/// What an event has for the feed.
pub(super) mod of_event {
    use super::{Code, Event, Field, Json, PayloadMode, Problem, Profile, json, raw};

    /// What is pushed of it.
    ///
    /// # Errors
    /// `internal_error`: its data is not JSON.
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

    /// What it has for a member.
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

/// What a documented event type has for a member.
pub(super) fn of_type(entry: &CatalogueEntry, field: Field) -> Json {
    match field {
        Field::Kind => json(&entry.kind.as_ref().map(EventType::as_str)),
        Field::Entity => json(&entry.entity),
        Field::Description => json(&entry.description),
        _ => json(&()),
    }
}

/// A time that this API prints, as a door does.
pub(super) fn in_seconds(printed: &str) -> String {
    Timestamp::parse(printed).map_or_else(|_| printed.to_owned(), seconds)
}

/// RFC 3339 without fractions of a second.
fn seconds(time: Timestamp) -> String {
    time.in_seconds().to_string()
}

impl Members {
    /// As the answer of a request that succeeded; without members it has no body.
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
