//! Warnings to a product's customers about failing endpoints.
//!
//! A warning is an event of a type of the product, in the product's envelope. Only the gateway
//! creates them, so that receivers can rely on them.

use serde_json::{Map, Value};
use ulid::Ulid;

use super::door::{Answer, words};
use hookgate_domain::{Event, EventId, EventType, SubscriptionId, Timestamp};

/// Types of the warning events, and the format of their data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Warnings {
    /// Type for a subscription that keeps failing; `None` if no warning is sent.
    pub failing: Option<EventType>,
    /// Type for a subscription that was disabled because of failures.
    pub disabled: Option<EventType>,
    /// Members of the data, in order.
    pub members: Vec<(String, Answer<Said>)>,
}

words!(
    /// Content of a member of a warning's data.
    Said {
        /// Subscription id, as the product's routes show it.
        Id = "id",
        /// URL of the endpoint.
        Url = "url",
        /// Description of the subscription.
        Description = "description",
        /// Status word of the subscription.
        Status = "status",
        /// Reason of the warning.
        Reason = "reason",
        /// Number of examined attempts.
        Attempts = "attempts",
        /// Number of failed attempts among them.
        Failed = "failed",
        /// Time of the occurrence.
        At = "at",
    }
);

/// Kind of a warning about a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The subscription keeps failing.
    Failing,
    /// The subscription was disabled because of failures.
    Disabled,
}

impl Warnings {
    /// Event type of a warning; `None` if the profile has none.
    pub fn kind(&self, warning: Warning) -> Option<&EventType> {
        match warning {
            Warning::Failing => self.failing.as_ref(),
            Warning::Disabled => self.disabled.as_ref(),
        }
    }

    /// Checks whether events of this type are warnings, which producers cannot send.
    pub fn has(&self, kind: &EventType) -> bool {
        self.of(kind).is_some()
    }

    /// Checks whether an event is a warning about this subscription, to which it is not sent.
    pub fn is_about(&self, event: &Event, subscription: SubscriptionId) -> bool {
        let warning = self.of(&event.kind);
        warning.is_some_and(|warning| Self::id(warning, subscription, event.created) == event.id)
    }

    /// Event id of a warning.
    ///
    /// All gateways derive the same id for the same occurrence.
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

    /// Data of the event, with the value that `held` returns for each member.
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
