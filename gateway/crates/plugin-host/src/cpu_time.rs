//! Processor time and scheduling priority of threads.
//!
//! Deadlines count processor time, so that a busy machine does not time out a well-behaved plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Stopwatch of processor time; measures wall time where the system does not report processor time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stopwatch {
    Processor { started: Duration },
    Wall { started: Instant },
}

impl Stopwatch {
    /// Starts a stopwatch for the current thread.
    pub(super) fn start() -> Self {
        match own_time() {
            Some(started) => Self::Processor { started },
            None => Self::Wall {
                started: Instant::now(),
            },
        }
    }

    /// Returns the time since the start. Must be called on the same thread.
    pub(super) fn elapsed(&self) -> Duration {
        match self {
            Self::Processor { started } => own_time().unwrap_or_default().saturating_sub(*started),
            Self::Wall { started } => started.elapsed(),
        }
    }
}

/// Handle that lets other threads read a thread's processor time.
#[derive(Debug)]
pub(super) struct ThreadTime(PathBuf);

impl ThreadTime {
    /// Returns the handle of the current thread; `None`: the system does not report it.
    pub(super) fn own() -> Option<Self> {
        // `PID/task/TID`.
        let own = fs::read_link("/proc/thread-self").ok()?;
        Some(Self(Path::new("/proc").join(own).join("schedstat")))
    }

    /// Reads the processor time used so far.
    pub(super) fn read(&self) -> Option<Duration> {
        time(&self.0)
    }
}

fn own_time() -> Option<Duration> {
    time(Path::new("/proc/thread-self/schedstat"))
}

/// Parses Linux's scheduler statistics: nanoseconds on a processor, nanoseconds waiting, time
/// slices.
fn time(statistics: &Path) -> Option<Duration> {
    let text = fs::read_to_string(statistics).ok()?;
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    // Kernels without the statistics report zero.
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

/// Scheduling priority of a thread, as a nice(2) value.
///
/// Each step changes the weight by about a quarter. Systems without such priorities treat all
/// threads alike.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rank {
    /// Guest calls: connections are served first, in microseconds, and then the guests.
    Guest = 5,
    /// Long work.
    Background = 15,
}

impl Rank {
    /// Sets this priority for the current thread.
    pub(super) fn take(self) {
        let _ = rustix::process::nice(self as i32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_time_is_seen_by_another() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            // The system reports no time for a thread that has only begun.
            while own_time().is_none_or(|time| time < Duration::from_millis(5)) {}
            tell.send(ThreadTime::own()).unwrap();
            let _ = ended.recv();
        });
        let time = told.recv().unwrap();
        assert!(time.unwrap().read().unwrap() >= Duration::from_millis(5));
        drop(end);
        thread.join().unwrap();
    }
}
