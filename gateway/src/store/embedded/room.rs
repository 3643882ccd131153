//! Whether the disk has room for new events.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::domain::units::Size;

/// How long an answer of the disk is good for.
const FRESH: Duration = Duration::from_secs(1);

/// Watches a directory's disk.
pub(super) struct Room {
    directory: PathBuf,
    least: Size,
    seen: Mutex<Option<(Instant, u64)>>,
}

impl Room {
    /// Room is what leaves `least` free.
    pub(super) fn new(directory: &Path, least: Size) -> Self {
        Self {
            directory: directory.to_owned(),
            least,
            seen: Mutex::new(None),
        }
    }

    /// What to say to new events when there is too little room for them.
    pub(super) fn shortage(&self) -> Option<String> {
        let free = self.free()?;
        (free < self.least.bytes() as u64).then(|| {
            let free = Size::from_bytes(free & !0xF_FFFF);
            format!(
                "its disk has about {free} free, less than the {} that are kept",
                self.least
            )
        })
    }

    /// Free bytes; `None` where the system does not tell, which is no reason to refuse.
    fn free(&self) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, free)) = *seen
            && at.elapsed() < FRESH
        {
            return Some(free);
        }
        let disk = rustix::fs::statvfs(&self.directory).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        *seen = Some((Instant::now(), free));
        Some(free)
    }
}
