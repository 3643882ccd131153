//! Damage found in the store: single rows, whose deliveries are not made, and the whole file.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::row_checksum;
use crate::StoreError;

/// Damaged rows and a damaged file, since the file was opened.
#[derive(Debug, Default)]
pub(super) struct Damage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Checksums of the names of damaged rows: each row counts once, up to `MOST`.
    seen: HashSet<[u8; row_checksum::LENGTH]>,
    /// Reason why the file must not be written to.
    broken: Option<String>,
}

impl Damage {
    /// Records a row that cannot be read, identified by `name`. Logs each row once.
    pub(super) fn row(&self, name: &[u8], error: &StoreError) {
        let mut state = self.state();
        if state.seen.len() < MOST && state.seen.insert(row_checksum::checksum(b"", name)) {
            tracing::error!(error = %error, count = state.seen.len(), "store.damaged");
        }
    }

    /// Records that the file as a whole is damaged. Logs it once.
    pub(super) fn file(&self, reason: &str) {
        let mut state = self.state();
        if state.broken.is_none() {
            tracing::error!(reason, "store.file_damaged");
            state.broken = Some(format!("its file is damaged ({reason}): {MEND}"));
        }
    }

    /// Reason why the file must not be written to.
    pub(super) fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    /// Number of damaged rows.
    pub(super) fn rows(&self) -> u64 {
        self.state().seen.len() as u64
    }

    /// Warning for operators if rows are damaged.
    pub(super) fn warning(&self) -> Option<String> {
        let rows = self.rows();
        (rows > 0).then(|| {
            format!(
                "{rows} records of its file are damaged, and what they were needed for is not delivered: {MEND}"
            )
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Advice to operators on how to repair a damaged file.
const MEND: &str = "stop the gateway, look at `hookgate store check`, and restore a backup or take what is whole with \
    `hookgate store salvage`";
/// Maximum number of damaged rows that are distinguished.
const MOST: usize = 10_000;

/// Runs work in which the database may panic on a damaged file; writes nothing to standard error.
///
/// # Errors
/// The message of the panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> T + UnwindSafe) -> Result<T, String> {
    hush();
    let before = GUARDED.replace(true);
    let done = catch_unwind(work);
    GUARDED.set(before);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let end = line.floor_char_boundary(LONGEST);
        format!("the database failed at what it read: {}", &line[..end])
    })
}

/// The same for a read of the store.
///
/// # Errors
/// Its own; `Corrupt` where it panicked.
pub(super) fn guarded_read<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    match guarded(AssertUnwindSafe(read)) {
        Ok(read) => read,
        Err(reason) => Err(StoreError::Corrupt(reason)),
    }
}

/// Panics of guarded work are errors and told as such; all others are shown as before.
fn hush() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
}

thread_local! {
    static GUARDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Bytes of a panic's text that are shown.
const LONGEST: usize = 120;
