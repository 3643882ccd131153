//! Counters of plugin calls. They are atomics: neither threads that count nor readers wait for each
//! other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::PluginVerdict;

/// Counters of one plugin version's calls: of all tenants, or of one.
#[derive(Debug)]
pub struct CallFigures {
    verdicts: [AtomicU64; VERDICTS.len()],
    failures: [AtomicU64; FAILURES.len()],
    times: [AtomicU64; TIMES],
    total_ns: AtomicU64,
    longest_ns: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Time in ms, above the failure's number: one value, so that both are of the same call.
    last_failure: AtomicU64,
    last_call_ms: AtomicU64,
    opened: AtomicU64,
    closed: AtomicU64,
}

/// Completed call.
#[derive(Debug, Clone, Copy)]
pub struct Called {
    /// Verdict.
    pub verdict: PluginVerdict,
    /// Kind of its failure, one of `FAILURES`; `None`: it succeeded.
    pub failure: Option<&'static str>,
    /// Duration.
    pub took: Duration,
    /// Size of the document before it, in bytes.
    pub bytes_in: usize,
    /// Size of the document after it in bytes, if the event continues.
    pub bytes_out: usize,
    /// Start time, in ms since 1970.
    pub at_ms: u64,
}

/// Values of the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls by verdict.
    pub verdicts: [(PluginVerdict, u64); VERDICTS.len()],
    /// Failed calls by kind; only kinds that occurred.
    pub failures: Vec<(&'static str, u64)>,
    /// Total duration of all calls.
    pub total: Duration,
    /// Longest duration.
    pub longest: Duration,
    /// Total size of the documents before their calls, in bytes.
    pub bytes_in: u64,
    /// Total size of the documents after their calls in bytes, where the event continued.
    pub bytes_out: u64,
    /// Kind and time of the last failure, in ms since 1970.
    pub last_failure: Option<(&'static str, u64)>,
    /// Start time of the last call, in ms since 1970.
    pub last_call_ms: Option<u64>,
    /// Number of times that its circuit breaker opened, and closed again.
    pub breaker: (u64, u64),
    times: Vec<u64>,
}

/// Verdicts of a plugin, in the order of the counters.
pub const VERDICTS: [PluginVerdict; 5] = [
    PluginVerdict::Pass,
    PluginVerdict::Drop,
    PluginVerdict::Reject,
    PluginVerdict::Delay,
    PluginVerdict::Failed,
];

/// Kinds of failures of a call. The last one covers all others.
pub const FAILURES: [&str; 13] = [
    "trap",
    "panic",
    "timeout",
    "memory",
    "operations",
    "output",
    "verdict",
    "refused",
    "missing",
    "breaker",
    "busy",
    "internal",
    "other",
];

impl CallFigures {
    /// Counts a call.
    pub fn count(&self, called: &Called) {
        let verdict = VERDICTS.iter().position(|verdict| *verdict == called.verdict);
        add(&self.verdicts[verdict.unwrap_or(VERDICTS.len() - 1)], 1);
        let nanos = u64::try_from(called.took.as_nanos()).unwrap_or(u64::MAX);
        add(&self.times[slot(nanos / QUARTER_NS)], 1);
        add(&self.total_ns, nanos);
        self.longest_ns.fetch_max(nanos, Ordering::Relaxed);
        add(&self.bytes_in, called.bytes_in as u64);
        add(&self.bytes_out, called.bytes_out as u64);
        self.last_call_ms.fetch_max(called.at_ms, Ordering::Relaxed);
        if let Some(kind) = called.failure {
            let number = FAILURES.iter().position(|known| *known == kind);
            let number = number.unwrap_or(FAILURES.len() - 1);
            add(&self.failures[number], 1);
            let last = (called.at_ms << NUMBER_BITS) | (number as u64 + 1);
            self.last_failure.fetch_max(last, Ordering::Relaxed);
        }
    }

    /// Counts a transition of a circuit breaker: opened or closed.
    pub fn breaker(&self, opened: bool) {
        add(if opened { &self.opened } else { &self.closed }, 1);
    }

    /// Reads the counters. A call that ends meanwhile may be in one counter and not yet in another.
    pub fn read(&self) -> CallCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let failures = FAILURES.iter().zip(&self.failures);
        let failures = failures.map(|(kind, counter)| (*kind, get(counter)));
        let last = get(&self.last_failure);
        let number = usize::try_from(last & NUMBER_MASK).unwrap_or_default();
        let kind = number.checked_sub(1).and_then(|number| FAILURES.get(number));
        CallCounts {
            verdicts: std::array::from_fn(|n| (VERDICTS[n], get(&self.verdicts[n]))),
            failures: failures.filter(|(_, count)| *count > 0).collect(),
            total: Duration::from_nanos(get(&self.total_ns)),
            longest: Duration::from_nanos(get(&self.longest_ns)),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            last_failure: kind.map(|kind| (*kind, last >> NUMBER_BITS)),
            last_call_ms: Some(get(&self.last_call_ms)).filter(|at| *at > 0),
            breaker: (get(&self.opened), get(&self.closed)),
            times: self.times.iter().map(get).collect(),
        }
    }
}

impl Default for CallFigures {
    fn default() -> Self {
        Self {
            verdicts: std::array::from_fn(|_| AtomicU64::new(0)),
            failures: std::array::from_fn(|_| AtomicU64::new(0)),
            times: std::array::from_fn(|_| AtomicU64::new(0)),
            total_ns: AtomicU64::new(0),
            longest_ns: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            last_failure: AtomicU64::new(0),
            last_call_ms: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        }
    }
}

impl CallCounts {
    /// Number of calls.
    pub fn calls(&self) -> u64 {
        self.verdicts.iter().map(|(_, count)| count).sum()
    }

    /// Percentile of the calls' durations; up to an eighth too long. `None`: there were no calls.
    pub fn at_most(&self, percent: u64) -> Option<Duration> {
        let all: u64 = self.times.iter().sum();
        let wanted = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let slot = self.times.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        let most = Duration::from_nanos(first_of(slot + 1).saturating_mul(QUARTER_NS));
        Some(most.min(self.longest))
    }

    /// Number of calls below `2^exponent` quarters of a microsecond.
    pub(super) fn below(&self, exponent: u32) -> u64 {
        let end = slot(1 << exponent);
        self.times[..end].iter().sum()
    }
}

/// Index of a duration's counter, in quarters of a microsecond.
/// One counter each up to 4 µs, then eight for each doubling, up to two seconds.
fn slot(quarters: u64) -> usize {
    if quarters < LINEAR {
        return usize::try_from(quarters).unwrap_or_default();
    }
    let doubling = quarters.ilog2();
    let eighth = (quarters >> (doubling - 3)) & 7;
    let slot = LINEAR + u64::from(doubling - LINEAR.ilog2()) * 8 + eighth;
    usize::try_from(slot).unwrap_or(usize::MAX).min(TIMES - 1)
}

/// Shortest duration of a counter, in quarters of a microsecond.
fn first_of(slot: usize) -> u64 {
    let slot = slot as u64;
    if slot < LINEAR {
        return slot;
    }
    let (doubling, eighth) = ((slot - LINEAR) / 8, (slot - LINEAR) % 8);
    (8 + eighth) << (doubling + 1)
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Quarter of a microsecond, in ns.
pub(super) const QUARTER_NS: u64 = 250;
/// Number of durations with a counter each.
const LINEAR: u64 = 16;
/// Number of counters of durations.
const TIMES: usize = 16 + 19 * 8;
const NUMBER_BITS: u32 = 8;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn called(micros: u64) -> Called {
        Called {
            verdict: PluginVerdict::Pass,
            failure: None,
            took: Duration::from_micros(micros),
            bytes_in: 100,
            bytes_out: 50,
            at_ms: 5,
        }
    }

    #[test]
    fn every_time_has_the_counter_that_says_it() {
        for quarters in (0..40_000).chain([1 << 20, (1 << 22) + 7]) {
            let slot = slot(quarters);
            assert!(first_of(slot) <= quarters, "{quarters}");
            assert!(quarters < first_of(slot + 1), "{quarters}");
        }
        assert_eq!(slot(u64::MAX), TIMES - 1);
    }

    #[test]
    fn percentiles_are_close_and_never_over_the_longest() {
        let figures = CallFigures::default();
        assert_eq!(figures.read().at_most(50), None);
        (1..=1_000).for_each(|micros| figures.count(&called(micros)));
        let counts = figures.read();
        for (percent, exact) in [(50, 500), (99, 990), (100, 1_000)] {
            let found = u64::try_from(counts.at_most(percent).unwrap().as_micros()).unwrap();
            assert!((exact..=exact + exact / 8).contains(&found), "{percent}: {found}");
        }
        assert_eq!(counts.longest, Duration::from_micros(1_000));
        assert_eq!(counts.below(10), 255, "less than 256 µs");
    }

    #[test]
    fn failures_are_counted_by_their_kind_and_the_last_one_is_kept() {
        let figures = CallFigures::default();
        for (kind, at_ms) in [("trap", 7), ("timeout", 9), ("never heard of", 8)] {
            figures.count(&Called {
                verdict: PluginVerdict::Failed,
                failure: Some(kind),
                at_ms,
                ..called(1)
            });
        }
        figures.count(&called(1));
        let counts = figures.read();
        assert_eq!(counts.failures, [("trap", 1), ("timeout", 1), ("other", 1)]);
        assert_eq!(counts.last_failure, Some(("timeout", 9)));
        assert_eq!((counts.calls(), counts.verdicts[0].1), (4, 1));
        assert_eq!((counts.bytes_in, counts.bytes_out), (400, 200));
    }
}
