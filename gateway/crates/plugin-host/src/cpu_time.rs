//! Processor time and scheduling priority of threads.
//!
//! Deadlines count processor time, so that a busy machine does not time out a well-behaved plugin.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
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

/// Handle to a thread's CPU time for other threads: an open file, so a read is one system call.
#[derive(Debug)]
pub(super) struct ThreadTime(File);

impl ThreadTime {
    /// Returns the handle of the current thread; `None`: the system does not report it.
    pub(super) fn own() -> Option<Self> {
        // `PID/task/TID`.
        let own = fs::read_link("/proc/thread-self").ok()?;
        let statistics = Path::new("/proc").join(own).join("schedstat");
        File::open(statistics).ok().map(Self)
    }

    /// Reads the processor time used so far.
    pub(super) fn read(&self) -> Option<Duration> {
        time(&self.0)
    }
}

fn own_time() -> Option<Duration> {
    time(&File::open("/proc/thread-self/schedstat").ok()?)
}

/// Parses Linux scheduler statistics: nanoseconds on a CPU, nanoseconds waiting, time slices.
fn time(statistics: &File) -> Option<Duration> {
    let mut bytes = [0; STATISTICS_BYTES];
    let length = statistics.read_at(&mut bytes, 0).ok()?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    // Kernels without the statistics report zero.
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

/// Three numbers of at most 20 digits.
const STATISTICS_BYTES: usize = 64;

/// Scheduling priority of a thread in nice(2) steps, each about a quarter of the CPU weight.
/// On systems without it all threads have the same priority.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rank {
    /// Guest calls: connections, which take microseconds, are served before them.
    Guest = 5,
    /// Long-running calls.
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
