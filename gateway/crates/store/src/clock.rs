//! Store clock as this process estimates it: a local clock and the offset of the store's clock.
//!
//! Leases end and deliveries are due by the store's clock. A gateway whose clock is an hour off
//! must still know when its leases end. Every claim's answer therefore carries the store's time,
//! which corrects the offset. The local clock should be a steady one, because the machine's wall
//! clock may be set between claims.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hookgate_domain::Timestamp;
use hookgate_runtime::clock::Clock;

/// Estimate of the store's time. Cheap to clone; clones share corrections.
#[derive(Debug, Clone)]
pub struct StoreClock {
    own: Clock,
    /// Offset: the store's time minus the local time, in µs.
    ahead: Arc<AtomicI64>,
}

impl StoreClock {
    /// Assumes the local time until the first correction.
    pub fn new(own: Clock) -> Self {
        Self {
            own,
            ahead: Arc::default(),
        }
    }

    /// Local time, for the arguments `asked` and `answered` of `set`.
    pub fn own(&self) -> Timestamp {
        self.own.now()
    }

    /// The store's time now.
    pub fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let distance = Duration::from_micros(ahead.unsigned_abs());
        if ahead >= 0 {
            self.own.now().plus(distance)
        } else {
            self.own.now().minus(distance)
        }
    }

    /// Duration until `then`; zero if it has passed.
    pub fn until(&self, then: Timestamp) -> Duration {
        then.since(self.now())
    }

    /// Corrects the offset by a reading of the store's time.
    /// The store read it between `asked` and `answered` of the local clock.
    pub fn set(&self, said: Timestamp, asked: Timestamp, answered: Timestamp) {
        let middle = asked.plus(answered.since(asked) / 2);
        let micros = |later: Timestamp, earlier: Timestamp| {
            i64::try_from(later.since(earlier).as_micros()).unwrap_or(i64::MAX)
        };
        let ahead = micros(said, middle) - micros(middle, said);
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_runtime::clock::ManualClock;

    #[test]
    fn follows_the_store_in_both_directions() {
        let own = ManualClock::at(Timestamp::from_millis(10_000_000));
        let clock = StoreClock::new(Clock::Manual(own.clone()));
        assert_eq!(clock.now(), own.now());
        let asked = own.now();
        own.advance(Duration::from_secs(2));
        for said in [
            Timestamp::from_millis(3_600_000),
            Timestamp::from_millis(20_000_000),
        ] {
            clock.set(said, asked, own.now());
            assert_eq!(clock.now(), said.plus(Duration::from_secs(1)));
            assert_eq!(
                clock.until(said.plus(Duration::from_secs(3))),
                Duration::from_secs(2)
            );
            assert_eq!(clock.until(said), Duration::ZERO);
        }
    }
}
