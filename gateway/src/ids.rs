//! New ids: ULIDs from the clock and the system's randomness.

use rand::RngExt;
use ulid::Ulid;

use crate::clock::Clock;
use crate::domain::{EventId, KeyId, SubscriptionId};

/// Makes ids that sort by time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct IdSource {
    clock: Clock,
}

impl IdSource {
    /// Ids that carry this clock's time.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }

    /// A new event's id.
    pub fn event(&self) -> EventId {
        EventId::new(self.ulid())
    }

    /// A new subscription's id.
    pub fn subscription(&self) -> SubscriptionId {
        SubscriptionId::new(self.ulid())
    }

    /// A new key's id.
    pub fn key(&self) -> KeyId {
        KeyId::new(self.ulid())
    }

    fn ulid(&self) -> Ulid {
        Ulid::from_parts(self.clock.now().as_millis(), rand::rng().random())
    }
}
