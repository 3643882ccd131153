//! The store's time as this process knows it: a clock of its own and how far the store's is from it.
//!
//! Leases end and deliveries are due by the store's clock. A gateway whose clock is an hour off must still know when its
//! leases end, so every claim's answer, which tells the store's time, sets this right. Between claims somebody may set the
//! machine's clock: the own clock should be a steady one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hookgate_domain::Timestamp;
use hookgate_runtime::clock::Clock;

/// Tells the store's time. Cheap to clone; clones are set right together.
#[derive(Debug, Clone)]
pub struct StoreClock {
    own: Clock,
    /// The store's time less ours, in µs.
    ahead: Arc<AtomicI64>,
}

impl StoreClock {
    /// Taken to agree with our own until it is known better.
    pub fn new(own: Clock) -> Self {
        Self {
            own,
            ahead: Arc::default(),
        }
    }

    /// The own clock's time: between two of these the store was asked what `set` is told.
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

    /// How long until then, zero when it has passed.
    pub fn until(&self, then: Timestamp) -> Duration {
        then.since(self.now())
    }

    /// The store said its time, between `asked` and `answered` of our own clock.
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
