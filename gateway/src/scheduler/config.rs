//! How much is attempted at once, and how the store is asked for more.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint_queues::QueueLimits;
use super::health::PauseRules;
use super::queue::Rules;
use crate::dispatch::inbox;
use hookgate_domain::units::{Size, Span};

/// Attempts in flight, leases and claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many attempts are in flight at most. Slow endpoints together have a quarter of it, third and later attempts a half.
    pub in_flight: usize,
    /// How many deliveries are held in memory at most, waiting or in flight; what is more waits in the store. A tenant may hold
    /// as many as there are places free: one alone has half, two that want all of it a third each. An endpoint has what it
    /// delivers in about a second, at least 32; while it hangs or fails less, while it is paused none.
    pub room: usize,
    /// How much memory the events of those may take, about; what is more waits in the store. An event counts for each of its
    /// deliveries. They count in `memory` too, where a tenant has its share.
    pub room_bytes: Size,
    /// How many endpoints are kept in mind at most: how quick they are, whether they are paused. One that nothing waits for is
    /// forgotten for a new one; where there is none, the delivery waits in the store.
    pub endpoints: usize,
    /// How many of those may be endpoints that one tenant's events name themselves (`deliver_to`).
    pub deliver_to_endpoints: usize,
    /// For how long a delivery is this process's to attempt. When a process dies, others take its deliveries over after this.
    pub lease: Span,
    /// How many deliveries are claimed from the store at once.
    pub claim_batch: usize,
    /// How often the store is looked at for deliveries that nobody told this process of.
    pub poll_interval: Span,
    /// An endpoint that usually takes longer to answer is slow.
    pub slow_after: Span,
    /// After so many failures in a row an endpoint is paused: what is due waits in the store and burns no attempts.
    pub pause_after: u32,
    /// The first pause; each further one is twice as long, until an attempt succeeds, the subscription is activated or its URL
    /// changes.
    pub pause_first: Span,
    /// The longest pause, at most 10m: by about so much is an attempt later than its retry schedule says, while an endpoint fails.
    /// An endpoint that asks for more time (`Retry-After` with 429 or 503) has it, up to a day.
    pub pause_longest: Span,
    /// How many deliveries are attempted between two pauses of an endpoint that fails at once, a few at a time. One that hangs is
    /// attempted once.
    pub attempts_between_pauses: u32,
    /// At shutdown, how long attempts in flight may take to finish.
    pub drain: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            in_flight: 512,
            room: 10_000,
            room_bytes: Size::from_bytes(256 * 1024 * 1024),
            endpoints: 50_000,
            deliver_to_endpoints: 1_000,
            lease: Span::from_secs(60),
            claim_batch: 256,
            poll_interval: Span::from_secs(1),
            slow_after: Span::from_secs(1),
            pause_after: 10,
            pause_first: Span::from_secs(1),
            pause_longest: Span::from_secs(5),
            attempts_between_pauses: 256,
            drain: Span::from_secs(20),
        }
    }
}

/// A limit that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// A count of nothing.
    #[error("scheduler.{0} must be 1 or more")]
    Zero(&'static str),
    /// A pause that would be forgotten before it ends.
    #[error("scheduler.pause_longest must be at most 10m")]
    Pause,
}

impl Config {
    /// Checks the bounds. That the lease outlasts every attempt is `delivery::Config::validate`'s to say.
    ///
    /// # Errors
    /// The first value out of bounds.
    pub fn validate(&self) -> Result<(), BadConfig> {
        let counts = [
            ("in_flight", self.in_flight),
            ("room", self.room),
            ("room_bytes", self.room_bytes.bytes()),
            ("endpoints", self.endpoints),
            ("deliver_to_endpoints", self.deliver_to_endpoints),
            ("claim_batch", self.claim_batch),
            ("pause_after", usize::from(self.pause_after > 0)),
            ("poll_interval", usize::from(!self.poll_interval.get().is_zero())),
        ];
        if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(BadConfig::Zero(name));
        }
        if self.pause_longest.get() > Duration::from_secs(600) {
            return Err(BadConfig::Pause);
        }
        Ok(())
    }

    /// The limits of the hand-over to the scheduler.
    pub fn inbox(&self) -> inbox::Limits {
        inbox::Limits {
            room: self.room,
            bytes: self.room_bytes.bytes(),
            lease: self.lease.get(),
        }
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            in_flight: self.in_flight,
            slow: self.slow_after.get(),
            pauses: PauseRules {
                after: self.pause_after,
                first: self.pause_first.get(),
                longest: self.pause_longest.get().max(self.pause_first.get()),
                attempts_between: self.attempts_between_pauses.max(1),
            },
            endpoint_queues: QueueLimits {
                in_all: self.endpoints,
                named_by_tenant: self.deliver_to_endpoints,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(Config::default().validate(), Ok(()));
        let none = Config {
            in_flight: 0,
            ..Config::default()
        };
        assert_eq!(none.validate(), Err(BadConfig::Zero("in_flight")));
        let long = Config {
            pause_longest: Span::from_secs(601),
            ..Config::default()
        };
        assert_eq!(long.validate(), Err(BadConfig::Pause));
    }
}
