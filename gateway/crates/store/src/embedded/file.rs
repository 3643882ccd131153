//! Database file: opening, snapshots, transactions, and reopening after a failure.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

use super::backup::FILE;
use super::config::Config;
use super::damage::guarded_read;
use super::read::{Snapshot, broken};
use super::tables::{Tables, create_all, get};
use super::usage;
use crate::StoreError;
use hookgate_domain::units::Size;

/// The layout of the tables and rows that this version reads and writes.
const LAYOUT: &[u8] = &[2];
/// The layout before records had checksums: they are read as they are, and what is written has them.
const UNSEALED: &[u8] = &[1];

/// Database file. Readers share it; only the writer writes.
pub(super) struct File {
    path: PathBuf,
    cache: Size,
    /// Device and inode of the file that was opened.
    identity: Option<(u64, u64)>,
    /// `None` between a failure and the next successful opening.
    database: RwLock<Option<Database>>,
}

/// Durability of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// On the disk when the commit returns.
    Now,
    /// On the disk with a later transaction.
    Later,
}

impl File {
    /// Opens the file in a directory, made if it is not there.
    pub(super) fn open(directory: &Path, config: &Config) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        guarded_read(|| Self::open_at(&path, config)).map_err(|error| match error {
            StoreError::Corrupt(reason) if !reason.contains(FILE) => {
                StoreError::Corrupt(format!("{} cannot be opened: {reason}", path.display()))
            }
            error => error,
        })
    }

    fn open_at(path: &Path, config: &Config) -> Result<Self, StoreError> {
        let unusable = |error: redb::Error| {
            let text = format!("{} cannot be opened: {error}", path.display());
            match is_damage(&error) {
                true => StoreError::Corrupt(text),
                false => StoreError::Unusable(text),
            }
        };
        let cache = config.cache;
        let length = std::fs::metadata(path).map_or(0, |file| file.len());
        let checked = length <= config.check_at_start.bytes() as u64;
        let database = open(path, cache, checked).map_err(unusable)?;
        let identity = identity(path).ok();
        check_layout(&database).map_err(unusable)??;
        usage::count(&database).map_err(unusable)??;
        Ok(Self {
            path: path.to_owned(),
            cache,
            identity,
            database: RwLock::new(Some(database)),
        })
    }

    /// Reopens the file after a failed commit.
    /// The database then accepts no more transactions, and only reopening shows what was committed.
    pub(super) fn reopen(&self) -> Result<(), redb::Error> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old database must be closed first: it holds the file's lock.
        *database = None;
        // A missing file is not created, because its data would be lost silently.
        let mut builder = Database::builder();
        *database = Some(builder.set_cache_size(self.cache.bytes()).open(&self.path)?);
        Ok(())
    }

    /// Reason why the file must not be written to: it is no longer at its path.
    /// The next start would not find it.
    pub(super) fn misplaced(&self) -> Option<String> {
        let found = identity(&self.path);
        let what = match (&self.identity, &found) {
            (Some(opened), Ok(found)) if opened == found => return None,
            (None, _) => return None,
            (Some(_), Ok(_)) => "was replaced",
            (Some(_), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => "was removed",
            // The path cannot be read, so the file's place is unknown.
            (Some(_), Err(_)) => return None,
        };
        Some(format!(
            "its file {} {what} while the gateway runs: stop the gateway, and put the file back or restore it from a backup",
            self.path.display()
        ))
    }

    /// Closes the file until it is reopened: no reads and no writes.
    pub(super) fn close(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Snapshot of the committed data.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(StoreError::Unavailable(
                "its file could not be opened and read again after a failure".to_owned(),
            ));
        };
        database.begin_read().map(Snapshot::new).map_err(broken)
    }

    /// Begins a write transaction.
    /// Every durable one also saves the free pages (`quick_repair`): see the decision record on
    /// opening after a crash.
    pub(super) fn write(&self, sync: Sync) -> Result<WriteTransaction, redb::Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(redb::Error::DatabaseClosed);
        };
        begin(database, sync)
    }
}

/// Returns `true` if the error is damage in the file, not a failure to access it.
fn is_damage(error: &redb::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        redb::Error::Io(error) => matches!(error.kind(), InvalidData | UnexpectedEof),
        redb::Error::DatabaseAlreadyOpen => false,
        _ => true,
    }
}

/// Device and inode of the file at a path.
fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Opens a file, made where it is not there. `checked`: every page has its checksum, or it is not opened.
fn open(path: &Path, cache: Size, checked: bool) -> Result<Database, redb::Error> {
    let mut builder = Database::builder();
    builder
        .set_cache_size(cache.bytes())
        .set_check_integrity_on_open(checked);
    Ok(builder.create(path)?)
}

pub(super) fn begin(database: &Database, sync: Sync) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    match sync {
        Sync::Now => transaction.set_quick_repair(true),
        Sync::Later => transaction.set_durability(Durability::None)?,
    }
    Ok(transaction)
}

/// Creates the tables of a new file; checks the layout version of an existing one.
pub(super) fn check_layout(database: &Database) -> Result<Result<(), StoreError>, redb::Error> {
    let transaction = begin(database, Sync::Now)?;
    create_all(&transaction)?;
    let found = {
        let mut tables = Tables::of(&transaction);
        let found = get(&tables.meta, b"layout")?;
        let found = found.filter(|found| found != UNSEALED);
        if found.is_none() {
            tables.meta.insert(&b"layout"[..], LAYOUT)?;
        }
        found
    };
    transaction.commit()?;
    Ok(match found {
        Some(found) if found != LAYOUT => Err(StoreError::Unusable(format!(
            "its file has layout {found:?}, this version of hookgate reads {LAYOUT:?}"
        ))),
        _ => Ok(()),
    })
}
