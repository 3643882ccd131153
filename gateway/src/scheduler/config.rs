//! Configuration of the scheduler: concurrency, memory, leases, claims and pauses.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint_queues::QueueLimits;
use super::health::PauseRules;
use super::queue::Rules;
use crate::dispatch::inbox;
use hookgate_domain::units::{Size, Span};

/// Concurrency, memory, leases, claims and pauses of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum attempts in flight. Slow endpoints together have a quarter of it, third and later
    /// attempts a half.
    pub in_flight: usize,
    /// Maximum deliveries in memory, waiting or in flight; the others wait in the store. A tenant
    /// may hold as many as there are places free: one alone has half, two that want all of it a
    /// third each. An endpoint has what it delivers in about a second, at least 32; less while it
    /// hangs or fails, and none while it is paused.
    #[serde(alias = "room")]
    pub max_in_memory: usize,
    /// Approximate memory for the events of those; the others wait in the store. An event counts
    /// for each of its deliveries. They count in `memory` too, where a tenant has its share.
    #[serde(alias = "room_bytes")]
    pub max_in_memory_bytes: Size,
    /// Maximum endpoints in memory, with their speed and their pauses. An unused one is evicted for
    /// a new one; if there is none, the delivery waits in the store.
    pub endpoints: usize,
    /// Maximum of those that one tenant's events may name themselves (`deliver_to`).
    pub deliver_to_endpoints: usize,
    /// Lease of a delivery in memory, at least 2s. This process renews it after a third, until the
    /// delivery is settled. On Redis, when a process dies, others take its deliveries over after
    /// this time; when it is cut off for longer, they may repeat what it has in flight. On the
    /// embedded store it is at least 1m, and ends with the process.
    pub lease: Span,
    /// Deliveries in one claim from the store.
    pub claim_batch: usize,
    /// Interval of polling the store for deliveries that were not announced to this process.
    pub poll_interval: Span,
    /// Usual response time above which an endpoint is slow.
    pub slow_after: Span,
    /// Consecutive failures after which an endpoint is paused: due deliveries wait in the store and
    /// use up no attempts.
    pub pause_after: u32,
    /// First pause. Each further one is twice as long, until an attempt succeeds, the subscription
    /// is activated or its URL changes.
    pub pause_first: Span,
    /// Longest pause, at most 10m. While an endpoint fails, an attempt is later than its retry
    /// schedule by about this time. An endpoint that asks for more time (`Retry-After` with 429 or
    /// 503) has it, up to a day.
    pub pause_longest: Span,
    /// Attempts between two pauses of an endpoint that fails at once, a few at a time. One that
    /// hangs is attempted once.
    pub attempts_between_pauses: u32,
    /// Time for attempts in flight to finish at shutdown.
    pub drain: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            in_flight: 512,
            max_in_memory: 10_000,
            max_in_memory_bytes: Size::from_bytes(256 * 1024 * 1024),
            endpoints: 50_000,
            deliver_to_endpoints: 1_000,
            lease: Span::from_secs(12),
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

/// A value out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// A count is zero.
    #[error("scheduler.{0} must be 1 or more")]
    Zero(&'static str),
    /// The lease is too short to be renewed in time.
    #[error("scheduler.lease must be at least 2s")]
    Lease,
    /// The pause is too long: the endpoint would be forgotten before it ends.
    #[error("scheduler.pause_longest must be at most 10m")]
    Pause,
}

impl Config {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The first value out of bounds.
    pub fn validate(&self) -> Result<(), BadConfig> {
        let counts = [
            ("in_flight", self.in_flight),
            ("max_in_memory", self.max_in_memory),
            ("max_in_memory_bytes", self.max_in_memory_bytes.bytes()),
            ("endpoints", self.endpoints),
            ("deliver_to_endpoints", self.deliver_to_endpoints),
            ("claim_batch", self.claim_batch),
            ("pause_after", usize::from(self.pause_after > 0)),
            ("poll_interval", usize::from(!self.poll_interval.get().is_zero())),
        ];
        if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(BadConfig::Zero(name));
        }
        if self.lease.get() < Duration::from_secs(2) {
            return Err(BadConfig::Lease);
        }
        if self.pause_longest.get() > Duration::from_secs(600) {
            return Err(BadConfig::Pause);
        }
        Ok(())
    }

    /// Limits of the scheduler's inbox.
    pub fn inbox(&self) -> inbox::Limits {
        inbox::Limits {
            room: self.max_in_memory,
            bytes: self.max_in_memory_bytes.bytes(),
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

/// Minimum lease on the embedded store.
pub const EMBEDDED_LEASE: Span = Span::from_secs(60);

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
        let short = Config {
            lease: Span::from_millis(1_999),
            ..Config::default()
        };
        assert_eq!(short.validate(), Err(BadConfig::Lease));
        let long = Config {
            pause_longest: Span::from_secs(601),
            ..Config::default()
        };
        assert_eq!(long.validate(), Err(BadConfig::Pause));
    }
}
