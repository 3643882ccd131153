//! Processor time of the running thread, so that a busy machine does not make a well-behaved plugin run out of time.

use std::fs;
use std::time::{Duration, Instant};

/// Counts processor time from its start on, or time by the wall where the system does not tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stopwatch {
    Processor { started: Duration },
    Wall { started: Instant },
}

impl Stopwatch {
    /// Starts for the current thread.
    pub(super) fn start() -> Self {
        match thread_time() {
            Some(started) => Self::Processor { started },
            None => Self::Wall {
                started: Instant::now(),
            },
        }
    }

    /// Since the start; to be asked on the same thread.
    pub(super) fn elapsed(&self) -> Duration {
        match self {
            Self::Processor { started } => thread_time().unwrap_or_default().saturating_sub(*started),
            Self::Wall { started } => started.elapsed(),
        }
    }
}

/// From Linux's scheduler statistics: nanoseconds on a processor, nanoseconds waiting, time slices.
fn thread_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    // Kernels without the statistics say zero.
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}
