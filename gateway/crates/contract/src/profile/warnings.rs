//! What a product's customers are told when an endpoint of theirs keeps failing: events of the product's own types, in its
//! envelope. The gateway alone makes them, so that whoever receives one can rely on it.

use serde_json::{Map, Value};
use ulid::Ulid;

use super::door::{Answer, words};
use hookgate_domain::{Event, EventId, EventType, SubscriptionId, Timestamp};

/// The types of the events, and what their data holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Warnings {
    /// Of the one that says that a subscription keeps failing; `None`: nothing says it.
    pub failing: Option<EventType>,
    /// Of the one that says that it was disabled for it.
    pub disabled: Option<EventType>,
    /// The members of the data in order.
    pub members: Vec<(String, Answer<Said>)>,
}

words!(
    /// What a member of a warning's data holds.
    Said {
        /// The subscription's id, as the door shows it.
        Id = "id",
        /// Its endpoint.
        Url = "url",
        /// What it is for.
        Description = "description",
        /// The door's word for how it stands.
        Status = "status",
        /// Why.
        Reason = "reason",
        /// How many attempts were looked at.
        Attempts = "attempts",
        /// How many of them failed.
        Failed = "failed",
        /// When it happened.
        At = "at",
    }
);

/// What happened to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// It keeps failing.
    Failing,
    /// It was disabled for it.
    Disabled,
}

impl Warnings {
    /// The event type that says this; `None`: the profile has none.
    pub fn kind(&self, warning: Warning) -> Option<&EventType> {
        match warning {
            Warning::Failing => self.failing.as_ref(),
            Warning::Disabled => self.disabled.as_ref(),
        }
    }

    /// Tells whether events of this type are warnings, which no producer can send.
    pub fn has(&self, kind: &EventType) -> bool {
        self.of(kind).is_some()
    }

    /// Tells whether an event is a warning about this subscription, which is not sent to itself.
    pub fn is_about(&self, event: &Event, subscription: SubscriptionId) -> bool {
        let warning = self.of(&event.kind);
        warning.is_some_and(|warning| Self::id(warning, subscription, event.created) == event.id)
    }

    /// The event's id: the same whoever tells of what happened to a subscription at this time.
    pub fn id(warning: Warning, subscription: SubscriptionId, at: Timestamp) -> EventId {
        let told = match warning {
            Warning::Failing => 1_u128,
            Warning::Disabled => 2,
        };
        // A ULID has milliseconds; the microseconds, under 1,000, take the ten bits below.
        let micros = u128::from(at.as_micros() % 1_000);
        let own = subscription.ulid().random() ^ (told << 10 | micros);
        EventId::new(Ulid::from_parts(at.as_millis(), own))
    }

    /// The event's data, with what `held` has for each member.
    pub fn data(&self, held: impl Fn(Said) -> Value) -> Value {
        let member = |(name, answer): &(String, Answer<Said>)| {
            let value = match answer {
                Answer::Field(said) => held(*said),
                Answer::Constant(value) => value.clone(),
            };
            (name.clone(), value)
        };
        Value::Object(self.members.iter().map(member).collect::<Map<_, _>>())
    }

    fn of(&self, kind: &EventType) -> Option<Warning> {
        [Warning::Failing, Warning::Disabled]
            .into_iter()
            .find(|warning| self.kind(*warning) == Some(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_one_for_each_thing_that_happened() {
        let subscription = |n| SubscriptionId::new(Ulid(n));
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        let later = Timestamp::from_micros(1_700_000_000_123_457);
        let ids = [
            Warnings::id(Warning::Failing, subscription(1 << 20), at),
            Warnings::id(Warning::Disabled, subscription(1 << 20), at),
            Warnings::id(Warning::Failing, subscription(1 << 21), at),
            Warnings::id(Warning::Failing, subscription(1 << 20), later),
        ];
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(ids.iter().position(|other| other == id), Some(n));
            assert!(id.as_str().starts_with("evt_"));
        }
        let again = Warnings::id(Warning::Failing, subscription(1 << 20), at);
        assert_eq!(again, ids[0]);
    }
}
