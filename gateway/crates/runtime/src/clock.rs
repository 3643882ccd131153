//! Clocks: wall clock for displayed and signed times, steady clock for waits, manual one for tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate_domain::Timestamp;

/// Source of the time. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// The wall clock without its jumps.
    Steady(SteadyClock),
    /// A clock that only advances on request.
    Manual(ManualClock),
}

/// Clock that only advances on request. Clones share its time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

/// Wall clock that never jumps.
/// It runs with the machine's boot clock and approaches the wall clock by at most a tenth of the
/// elapsed time: after any adjustment of the wall clock, a wait of a minute takes 54 to 67 seconds.
/// Clones share its time.
#[derive(Debug, Clone)]
pub struct SteadyClock(Arc<Mutex<Reading>>);

/// Times that were read together, in µs.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Time since the machine was started, including its suspended time.
    boot: u64,
    /// Time shown at that moment.
    shown: u64,
}

impl Clock {
    /// Steady clock that shows the machine's time now.
    pub fn steady() -> Self {
        Self::Steady(SteadyClock::new())
    }

    /// Current time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_micros(wall()),
            Self::Steady(steady) => steady.now(),
            Self::Manual(manual) => manual.now(),
        }
    }
}

impl SteadyClock {
    fn new() -> Self {
        let reading = Reading {
            boot: boot(),
            shown: wall(),
        };
        Self(Arc::new(Mutex::new(reading)))
    }

    fn now(&self) -> Timestamp {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = reading.at(boot(), wall());
        Timestamp::from_micros(reading.shown)
    }
}

impl Reading {
    /// Next reading, for these values of the boot clock and the wall clock.
    fn at(self, boot: u64, wall: u64) -> Self {
        let passed = boot.saturating_sub(self.boot);
        let expected = self.shown.saturating_add(passed);
        let slew = passed.div_ceil(SLEW);
        let shown = wall.clamp(expected.saturating_sub(slew), expected.saturating_add(slew));
        Self { boot, shown }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where everybody else gets the time from"
)]
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn boot() -> u64 {
    let time = rustix::time::clock_gettime(BOOT);
    let micros = |part: i64| u64::try_from(part).unwrap_or(0);
    micros(time.tv_sec) * 1_000_000 + micros(time.tv_nsec) / 1_000
}

#[cfg(target_os = "linux")]
const BOOT: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const BOOT: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
/// Divisor of the elapsed time by which a steady clock may approach the wall clock.
const SLEW: u64 = 10;

impl ManualClock {
    /// Clock that shows this time.
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.as_micros())))
    }

    /// Current time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Advances the time.
    pub fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000;
    const MINUTE: u64 = 60_000_000;

    #[test]
    fn steady_clock_approaches_a_wall_clock_that_jumped() {
        let begin = Reading {
            boot: 0,
            shown: 10 * HOUR,
        };
        for (wall, shown) in [
            (10 * HOUR + MINUTE, 10 * HOUR + MINUTE),
            (9 * HOUR, 10 * HOUR + 54_000_000),
            (11 * HOUR, 10 * HOUR + 66_000_000),
        ] {
            assert_eq!(begin.at(MINUTE, wall).shown, shown);
        }
        let mut reading = begin;
        for minute in 1..=11 * 60 {
            let next = reading.at(minute * MINUTE, 9 * HOUR + minute * MINUTE);
            assert!(next.shown > reading.shown);
            reading = next;
        }
        assert_eq!(reading.shown, 20 * HOUR, "it has caught up with the wall clock");
        assert_eq!(reading.at(0, HOUR).shown, reading.shown, "it never goes back");
    }
}
