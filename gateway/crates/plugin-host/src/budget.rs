//! CPU budget of a tenant: guest time per second in this process; overuse is repaid by waiting.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookgate_domain::units::Span;

/// CPU budget of a tenant: the time up to which it is paid (generic cell rate algorithm).
#[derive(Debug)]
pub struct Budget {
    per_second: Span,
    paid_us: AtomicU64,
}

impl Budget {
    pub(super) fn new(per_second: Span) -> Self {
        Self {
            per_second,
            paid_us: AtomicU64::new(0),
        }
    }

    /// Returns the time that may be used in a second.
    pub(super) fn per_second(&self) -> Span {
        self.per_second
    }

    /// Charges used time. `now_us`: a reading of any monotonic clock, in µs.
    pub(super) fn charge(&self, used: Duration, now_us: u64) {
        let per_second = self.per_second.get().as_micros().max(1);
        let cost = used.as_micros().saturating_mul(SECOND_US.into()) / per_second;
        let cost = u64::try_from(cost).unwrap_or(u64::MAX);
        let charged = |paid: u64| Some(paid.max(now_us).saturating_add(cost));
        // `fetch_update` cannot fail: the function always returns a value.
        let _ = self
            .paid_us
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }

    /// Returns the wait before the next use; `None` while less than a second's worth is used ahead.
    pub(super) fn wait(&self, now_us: u64) -> Option<Duration> {
        let ahead = self.paid_us.load(Ordering::Relaxed).saturating_sub(now_us);
        (ahead > SECOND_US).then(|| Duration::from_micros(ahead - SECOND_US))
    }
}

const SECOND_US: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_ahead_is_free_and_the_rest_is_waited_for() {
        let budget = Budget::new(Span::from_millis(100));
        assert_eq!(budget.wait(0), None);
        budget.charge(Duration::from_millis(100), 0);
        assert_eq!(budget.wait(0), None);
        budget.charge(Duration::from_millis(50), 0);
        assert_eq!(budget.wait(0), Some(Duration::from_millis(500)));
        assert_eq!(budget.wait(500_000), None);
        budget.charge(Duration::from_millis(10), 10_000_000);
        assert_eq!(budget.wait(10_000_000), None, "what was long ago is forgotten");
    }
}
