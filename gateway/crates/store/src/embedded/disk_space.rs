//! Disk guard: reasons to refuse new events.
//!
//! There is too little free disk space, the file is no longer at its path, or commits fail.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::file::File;
use crate::StoreError;
use hookgate_domain::units::Size;

/// Lifetime of an answer of the file system.
const FRESH: Duration = Duration::from_secs(1);

/// Monitor of a directory's disk and of the file in it.
pub(super) struct DiskSpace {
    directory: PathBuf,
    least: Size,
    seen: Mutex<Seen>,
}

/// Last observed state.
#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    free: Option<u64>,
    misplaced: Option<String>,
    /// Failure of the last commit, with the number of failed commits since the last success.
    failing: Option<Failing>,
}

struct Failing {
    reason: String,
    count: u64,
}

impl DiskSpace {
    /// Creates a monitor that refuses new events if less than `least` is free.
    pub(super) fn new(directory: &Path, least: Size) -> Self {
        Self {
            directory: directory.to_owned(),
            least,
            seen: Mutex::default(),
        }
    }

    /// Error of new events, if they are refused.
    pub(super) fn refusal(&self, file: &File) -> Option<StoreError> {
        let mut seen = self.seen();
        self.look(&mut seen, file);
        if let Some(reason) = &seen.misplaced {
            return Some(StoreError::Unusable(reason.clone()));
        }
        let free = seen.free?;
        (free < self.least.bytes() as u64).then(|| {
            let free = Size::from_bytes(free & !0xF_FFFF);
            StoreError::Full(format!(
                "its disk has about {free} free, less than the {} that are kept",
                self.least
            ))
        })
    }

    /// Reason of the last commit's failure, if it failed.
    pub(super) fn failure(&self) -> Option<String> {
        let seen = self.seen();
        let failing = seen.failing.as_ref()?;
        Some(format!("its last commit failed: {}", failing.reason))
    }

    /// Returns `true` if the last commit failed.
    pub(super) fn is_failing(&self) -> bool {
        self.seen().failing.is_some()
    }

    /// Records a failed commit. Logs the first one, and each with a new reason.
    pub(super) fn failed(&self, error: &redb::Error) {
        let reason = error.to_string();
        let mut seen = self.seen();
        let before = seen.failing.take();
        if before.as_ref().is_none_or(|before| before.reason != reason) {
            tracing::error!(error = reason, "store.commit_failed");
        }
        let count = before.map_or(0, |before| before.count) + 1;
        seen.failing = Some(Failing { reason, count });
    }

    /// Records a successful commit. After failures, logs their number.
    pub(super) fn succeeded(&self) {
        if let Some(failing) = self.seen().failing.take() {
            tracing::info!(failed = failing.count, "store.commits_again");
        }
    }

    /// Queries the file system, unless the last answer is recent.
    /// A failed query is no reason to refuse.
    fn look(&self, seen: &mut Seen, file: &File) {
        if seen.at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let disk = rustix::fs::statvfs(&self.directory).ok();
        seen.free = disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        seen.misplaced = file.misplaced();
        seen.at = Some(Instant::now());
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
