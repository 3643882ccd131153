//! CPU debt: lanes whose calls took long lately, which run at background priority.
//!
//! The debt of a long call is paid off at a small share of one processor, by wall time. A tenant
//! with an occasional long call is free of debt most of the time; one that makes them continuously
//! is always in debt.

use std::collections::HashMap;
use std::time::Duration;

use super::queue::Lane;

/// End of each lane's debt; only for lanes with long calls.
#[derive(Debug, Default)]
pub(super) struct CpuDebts {
    until_us: HashMap<Lane, u64>,
}

impl CpuDebts {
    /// Charges a lane for a long call that used this processor time.
    pub(super) fn charge(&mut self, lane: &Lane, used: Duration, now_us: u64) {
        if self.until_us.len() == self.until_us.capacity() {
            self.until_us.retain(|_, until| *until > now_us);
        }
        let cost = u64::try_from(used.as_micros()).unwrap_or(u64::MAX);
        let cost = cost.saturating_mul(PAID_BACK_ONE_IN);
        let most = now_us.saturating_add(LONGEST_US);
        let until = self.until_us.entry(lane.clone()).or_default();
        *until = (*until).max(now_us).saturating_add(cost).min(most);
    }

    /// Returns `true` if no lane can be in debt; the caller then need not read the clock.
    pub(super) fn is_empty(&self) -> bool {
        self.until_us.is_empty()
    }

    /// Checks that a lane is in debt now.
    pub(super) fn owes(&self, lane: &Lane, now_us: u64) -> bool {
        self.until_us.get(lane).is_some_and(|until| *until > now_us)
    }
}

/// A fiftieth of a processor: 20 ms of long calls in a second.
const PAID_BACK_ONE_IN: u64 = 50;
/// Maximum debt after a lane's last long call, in µs.
const LONGEST_US: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str) -> Lane {
        Some(name.parse().unwrap())
    }

    #[test]
    fn long_calls_are_paid_back_slowly() {
        let mut debts = CpuDebts::default();
        debts.charge(&lane("long"), Duration::from_millis(10), 0);
        assert!(!debts.owes(&lane("other"), 0));
        assert!(debts.owes(&lane("long"), 499_999));
        assert!(!debts.owes(&lane("long"), 500_000));
    }

    #[test]
    fn a_debt_has_a_maximum_and_is_forgotten_once_it_is_paid() {
        let mut debts = CpuDebts::default();
        for _ in 0..1_000 {
            debts.charge(&lane("always"), Duration::from_millis(10), 0);
        }
        assert!(debts.owes(&lane("always"), LONGEST_US - 1));
        assert!(!debts.owes(&lane("always"), LONGEST_US));
        for n in 0..1_000 {
            debts.charge(
                &lane(&format!("t{n}")),
                Duration::from_millis(10),
                20_000_000 + n * 1_000_000,
            );
        }
        assert!(debts.until_us.capacity() < 100, "{}", debts.until_us.capacity());
    }
}
