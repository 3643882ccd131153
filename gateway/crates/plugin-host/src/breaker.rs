//! Circuit breaker for each tenant and version of a plugin.
//!
//! After repeated traps and timeouts in a row, steps with that version fail without a call, apart
//! from an occasional probe. The state is local to this process and not persisted.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Fault;
use hookgate_domain::units::Span;

/// Circuit breaker of a plugin: failures before it opens, and the pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Consecutive failures, by trap or limit, that open the breaker; 0: never. While it is open, a
    /// tenant's version of a plugin is not called and its steps fail at once.
    pub failures: u32,
    /// First pause; it doubles after each failed probe.
    pub pause: Span,
    /// Longest pause between two probes.
    pub longest_pause: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 10,
            pause: Span::from_secs(1),
            longest_pause: Span::from_secs(60),
        }
    }
}

/// Circuit breaker of one version of one tenant's plugin; counts consecutive failures.
#[derive(Debug)]
pub struct Breaker {
    rules: BreakerConfig,
    in_a_row: AtomicU32,
    /// Time of the next probe, in ms; 0: the breaker is closed.
    probe_ms: AtomicU64,
    pauses: AtomicU32,
}

/// State of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are made.
    Closed,
    /// No calls are made.
    Open,
    /// The next call is a probe.
    HalfOpen,
}

/// Role of an admitted call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// An ordinary call: the breaker was closed when it began.
    Call,
    /// The probe that ends a pause.
    Probe,
}

/// State change of a breaker caused by a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    Open,
    Closed,
}

impl Breaker {
    /// Creates a closed breaker.
    pub fn new(rules: BreakerConfig) -> Self {
        Self {
            rules,
            in_a_row: AtomicU32::new(0),
            probe_ms: AtomicU64::new(0),
            pauses: AtomicU32::new(0),
        }
    }

    /// Admits a call, or refuses it (`None`). When a probe is due, exactly one caller is admitted.
    pub(super) fn lets_in(&self, now_ms: u64) -> Option<Admission> {
        let probe = self.probe_ms.load(Ordering::Relaxed);
        if probe == 0 {
            return Some(Admission::Call);
        }
        let next = now_ms.saturating_add(millis(self.rules.pause)).max(1);
        let taken = now_ms >= probe
            && self
                .probe_ms
                .compare_exchange(probe, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        taken.then_some(Admission::Probe)
    }

    /// Records the outcome of a call; `broke`: it counts as a failure. Opens the circuit breaker after
    /// `failures` in a row.
    ///
    /// Only a failed probe lengthens the pause: calls that began before the breaker opened may fail
    /// after it, in any number.
    pub(super) fn called(&self, admission: Admission, broke: bool, now_ms: u64) -> Option<Turned> {
        if !broke {
            if self.in_a_row.load(Ordering::Relaxed) == 0 {
                return None;
            }
            self.in_a_row.store(0, Ordering::Relaxed);
            self.pauses.store(0, Ordering::Relaxed);
            let was = self.probe_ms.swap(0, Ordering::Relaxed);
            return (was != 0).then_some(Turned::Closed);
        }
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.rules.failures == 0 || in_a_row < self.rules.failures {
            return None;
        }
        match admission {
            Admission::Call => {
                let opened = self.probe_ms.compare_exchange(
                    0,
                    self.next_probe(now_ms, 0),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                opened.ok()?;
                self.pauses.store(1, Ordering::Relaxed);
                Some(Turned::Open)
            }
            Admission::Probe => {
                let doublings = self.pauses.fetch_add(1, Ordering::Relaxed);
                let next = self.next_probe(now_ms, doublings);
                let was = self.probe_ms.swap(next, Ordering::Relaxed);
                (was == 0).then_some(Turned::Open)
            }
        }
    }

    /// Returns the time of the next probe after `failed` failed probes.
    fn next_probe(&self, now_ms: u64, failed: u32) -> u64 {
        let pause = millis(self.rules.pause).saturating_mul(1 << failed.min(MOST_DOUBLINGS));
        let pause = pause.min(millis(self.rules.longest_pause));
        now_ms.saturating_add(pause).max(1)
    }

    /// Returns the state.
    pub fn state(&self, now_ms: u64) -> BreakerState {
        match self.probe_ms.load(Ordering::Relaxed) {
            0 => BreakerState::Closed,
            probe if now_ms < probe => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }
}

/// Checks that a failure counts: the plugin was stopped, rather than returning an error.
pub(super) fn broke(fault: &Fault) -> bool {
    matches!(fault.kind, "trap" | "panic" | "timeout" | "memory" | "operations")
}

/// Fault of a step that is not called because its breaker is open.
pub(super) fn circuit_opened() -> Fault {
    Fault::new(
        "breaker",
        "was stopped so often in a row that it is left alone for a while; a probe is made now and then",
    )
}

fn millis(span: Span) -> u64 {
    u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX)
}

const MOST_DOUBLINGS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerConfig {
            failures: 2,
            pause: Span::from_millis(100),
            longest_pause: Span::from_millis(300),
        })
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_probe_closes_it() {
        let breaker = breaker();
        for (broke, turned) in [
            (true, None),
            (false, None),
            (true, None),
            (true, Some(Turned::Open)),
        ] {
            assert_eq!(breaker.lets_in(0), Some(Admission::Call));
            assert_eq!(breaker.called(Admission::Call, broke, 0), turned);
        }
        assert_eq!(breaker.state(99), BreakerState::Open);
        assert_eq!(breaker.lets_in(99), None);
        assert_eq!(breaker.state(100), BreakerState::HalfOpen);
        assert_eq!(breaker.lets_in(100), Some(Admission::Probe));
        assert_eq!(breaker.lets_in(100), None, "one probe");
        assert_eq!(breaker.called(Admission::Probe, false, 100), Some(Turned::Closed));
        assert_eq!(
            [breaker.lets_in(100), breaker.lets_in(100)],
            [Some(Admission::Call); 2]
        );
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let breaker = breaker();
        breaker.called(Admission::Call, true, 0);
        let (mut now, mut admission) = (0, Admission::Call);
        for pause in [100, 200, 300, 300] {
            breaker.called(admission, true, now);
            assert_eq!(breaker.lets_in(now + pause - 1), None, "{pause}");
            now += pause;
            admission = breaker.lets_in(now).expect("a probe");
            assert_eq!(admission, Admission::Probe, "{pause}");
        }
    }

    #[test]
    fn breaker_opens_once_under_concurrent_failures() {
        let breaker = breaker();
        // All of these began while the breaker was closed.
        let in_flight: Vec<_> = (0..50).filter_map(|_| breaker.lets_in(0)).collect();
        let opened = std::thread::scope(|scope| {
            let calls = in_flight.iter().map(|&admission| {
                let breaker = &breaker;
                scope.spawn(move || breaker.called(admission, true, 0))
            });
            let calls: Vec<_> = calls.collect();
            let turned = calls.into_iter().map(|call| call.join().unwrap());
            turned.filter(|turned| *turned == Some(Turned::Open)).count()
        });
        assert_eq!((in_flight.len(), opened), (50, 1));
        assert_eq!(breaker.lets_in(99), None);
        assert_eq!(breaker.lets_in(100), Some(Admission::Probe), "the first pause");
        // One of them finishes late, then the probe.
        assert_eq!(breaker.called(Admission::Call, true, 100), None);
        assert_eq!(breaker.called(Admission::Probe, true, 100), None);
        assert_eq!(breaker.lets_in(299), None, "twice as long");
        assert_eq!(breaker.lets_in(300), Some(Admission::Probe));
    }

    #[test]
    fn none_is_asked_for() {
        let breaker = Breaker::new(BreakerConfig {
            failures: 0,
            ..BreakerConfig::default()
        });
        for _ in 0..100 {
            assert_eq!(breaker.called(Admission::Call, true, 0), None);
        }
        assert_eq!(breaker.lets_in(0), Some(Admission::Call));
    }
}
