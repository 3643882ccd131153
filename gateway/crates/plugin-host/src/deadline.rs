//! Deadline of one call in processor time, checked only when a call takes over a tick or two.
//!
//! Nearly every call ends before the first check, and then the deadline costs nothing.

use std::cell::Cell;
use std::time::{Duration, Instant};

use wasmtime::UpdateDeadline;

use super::cpu_time::Stopwatch;
use super::ticker::TICK;

/// Ticks before the first check; the first tick may come at once.
pub(super) const FIRST_LOOK: u64 = 2;

/// Deadline of a call.
#[derive(Debug)]
pub(super) struct Deadline {
    limit: Duration,
    started: Instant,
    /// Runs from the first check on.
    watch: Cell<Option<Stopwatch>>,
}

impl Deadline {
    /// Starts a deadline.
    pub(super) fn begin(limit: Duration) -> Self {
        Self {
            limit,
            started: Instant::now(),
            watch: Cell::new(None),
        }
    }

    /// Handles an epoch interruption: extends the epoch deadline, or interrupts the guest.
    pub(super) fn look(&self) -> UpdateDeadline {
        let left = self.left();
        if left.is_zero() {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Continue(ticks(left))
        }
    }

    /// Checks the deadline during a long host operation, which the epoch does not interrupt.
    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns the time left; the first call starts the stopwatch.
    fn left(&self) -> Duration {
        match self.watch.get() {
            Some(watch) => self.limit.saturating_sub(watch.elapsed()),
            None => {
                self.watch.set(Some(Stopwatch::start()));
                self.limit
            }
        }
    }

    /// Returns the limit of the call.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns the time that the call has used so far, too low by at most a tick.
    pub(super) fn used(&self) -> Duration {
        let wall = self.started.elapsed();
        match self.watch.get() {
            Some(watch) => wall.min(watch.elapsed() + TICK),
            None => wall,
        }
    }
}

/// Converts a duration to ticks, rounded up.
fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(TICK.as_micros()))
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_starts_the_watch_and_the_limit_counts_from_there() {
        let deadline = Deadline::begin(Duration::from_millis(5));
        assert!(matches!(deadline.look(), UpdateDeadline::Continue(6)));
        // Burn processor time until the watch has seen more than the limit; bounded by the test's own time limit.
        loop {
            match deadline.look() {
                UpdateDeadline::Interrupt => break,
                UpdateDeadline::Continue(ticks) => assert!((1..=6).contains(&ticks)),
                _ => panic!("no other answer is given"),
            }
        }
        assert!(deadline.used() >= Duration::from_millis(5));
        assert!(deadline.is_over());
        assert!(!Deadline::begin(Duration::from_millis(5)).is_over());
    }
}
