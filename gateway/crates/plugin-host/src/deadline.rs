//! The deadline of one call: processor time, looked at only when a call takes longer than a tick or two.
//!
//! Nearly every call is over before the first look, and then the deadline has cost nothing.

use std::cell::Cell;
use std::time::{Duration, Instant};

use wasmtime::UpdateDeadline;

use super::cpu_time::Stopwatch;
use super::ticker::TICK;

/// Ticks before the first look: the first may come at once.
pub(super) const FIRST_LOOK: u64 = 2;

/// How long a call may still run.
#[derive(Debug)]
pub(super) struct Deadline {
    limit: Duration,
    started: Instant,
    /// From the first look on.
    watch: Cell<Option<Stopwatch>>,
}

impl Deadline {
    /// Begins now.
    pub(super) fn begin(limit: Duration) -> Self {
        Self {
            limit,
            started: Instant::now(),
            watch: Cell::new(None),
        }
    }

    /// What to do when the epoch has reached what was set.
    pub(super) fn look(&self) -> UpdateDeadline {
        let left = self.left();
        if left.is_zero() {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Continue(ticks(left))
        }
    }

    /// Looks at the deadline in the middle of a long operation: the epoch stops a guest, and not the host's work for it.
    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Time left of the limit; the first look starts the watch.
    fn left(&self) -> Duration {
        match self.watch.get() {
            Some(watch) => self.limit.saturating_sub(watch.elapsed()),
            None => {
                self.watch.set(Some(Stopwatch::start()));
                self.limit
            }
        }
    }

    /// What it may take in all.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// What the call has used so far, at most by a tick less.
    pub(super) fn used(&self) -> Duration {
        let wall = self.started.elapsed();
        match self.watch.get() {
            Some(watch) => wall.min(watch.elapsed() + TICK),
            None => wall,
        }
    }
}

/// As many ticks as take at least this long.
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
