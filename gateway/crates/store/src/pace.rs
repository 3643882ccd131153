//! Throttle of work that copies bytes concurrently with the ordinary traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use hookgate_domain::units::Size;

/// Throttle of copied bytes, with a count and a stop signal. Clones share the throttle.
#[derive(Debug, Clone)]
pub struct Pace {
    bytes_per_second: u64,
    copied: Arc<AtomicU64>,
    stopped: CancellationToken,
}

impl Pace {
    /// Creates a throttle of this many bytes a second, at least one, until it is stopped.
    pub fn new(bytes_per_second: Size, stopped: CancellationToken) -> Self {
        Self {
            bytes_per_second: (bytes_per_second.bytes() as u64).max(1),
            copied: Arc::default(),
            stopped,
        }
    }

    /// Number of bytes copied.
    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Counts bytes and sleeps while they are ahead of the rate since `began`; blocks.
    /// Returns `false` once it is stopped.
    pub(super) fn copy(&self, bytes: u64, began: Instant) -> bool {
        let copied = self.copied.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let micros = u128::from(copied) * 1_000_000 / u128::from(self.bytes_per_second);
        let due = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        while !self.stopped.is_cancelled() {
            let ahead = due.saturating_sub(began.elapsed());
            if ahead.is_zero() {
                return true;
            }
            std::thread::sleep(ahead.min(LOOK));
        }
        false
    }
}

/// Interval at which a sleeping copy checks the stop signal.
const LOOK: Duration = Duration::from_millis(50);
