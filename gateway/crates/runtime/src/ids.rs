//! Id generation: ULIDs from the clock and the system's randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt;
use ulid::Ulid;

use crate::clock::Clock;
use hookgate_domain::{EventId, KeyId, SubscriptionId};

/// Generator of ids that sort by time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct IdSource {
    clock: Clock,
    last_run: Arc<AtomicU64>,
}

impl IdSource {
    /// Generator of ids that carry this clock's time.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            last_run: Arc::default(),
        }
    }

    /// Id of a new event.
    pub fn event(&self) -> EventId {
        EventId::new(self.ulid())
    }

    /// Id of a new subscription.
    pub fn subscription(&self) -> SubscriptionId {
        SubscriptionId::new(self.ulid())
    }

    /// Id of a new key.
    pub fn key(&self) -> KeyId {
        KeyId::new(self.ulid())
    }

    /// Id of a new request.
    pub fn request(&self) -> String {
        format!("req_{}", self.ulid())
    }

    /// Id of a new bulk job.
    pub fn job(&self) -> String {
        format!("job_{}", self.ulid())
    }

    /// Number of a new run: the time in µs, greater than every earlier number of this source.
    pub fn run(&self) -> u64 {
        let fresh = self.clock.now().as_micros();
        let next = |last: u64| fresh.max(last + 1);
        let before = self
            .last_run
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        next(before.unwrap_or(0))
    }

    fn ulid(&self) -> Ulid {
        Ulid::from_parts(self.clock.now().as_millis(), rand::rng().random())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn runs_asked_for_at_one_time_differ() {
        let ids = IdSource::new(Clock::Manual(ManualClock::default()));
        let runs: Vec<_> = (0..100).map(|_| ids.run()).collect();
        assert!(runs.is_sorted_by(|before, after| before < after));
    }
}
