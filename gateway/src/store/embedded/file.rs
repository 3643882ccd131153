//! The database file: opened, read from, and opened anew after a failure.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

use super::backup::FILE;
use super::read::{Snapshot, broken};
use super::tables::{Tables, get};
use super::usage;
use crate::domain::units::Size;
use crate::store::StoreError;

/// The layout of the tables and rows that this version reads and writes.
const LAYOUT: &[u8] = &[1];

/// The database file. Readers share it; only its owner writes.
pub(super) struct File {
    path: PathBuf,
    cache: Size,
    /// Device and inode of the file that was opened.
    identity: Option<(u64, u64)>,
    /// `None` between a failure and the next successful opening.
    database: RwLock<Option<Database>>,
}

/// How a transaction ends up on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// It is there when the commit returns.
    Now,
    /// With a later transaction's.
    Later,
}

impl File {
    /// Opens the file in a directory, made if it is not there.
    pub(super) fn open(directory: &Path, cache: Size) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let unusable = |error: redb::Error| {
            let text = format!("{} cannot be opened: {error}", path.display());
            match is_damage(&error) {
                true => StoreError::Corrupt(text),
                false => StoreError::Unusable(text),
            }
        };
        let database = open(&path, cache).map_err(unusable)?;
        let identity = identity(&path).ok();
        check_layout(&database).map_err(unusable)??;
        usage::count(&database).map_err(unusable)??;
        Ok(Self {
            path,
            cache,
            identity,
            database: RwLock::new(Some(database)),
        })
    }

    /// Opens the file anew: after a failed commit the database takes no more, and only an opening tells what was committed.
    pub(super) fn reopen(&self) -> Result<(), redb::Error> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // First away with the old one: it holds the file's lock.
        *database = None;
        // Not made where it is not there: what was in it would be forgotten.
        let mut builder = Database::builder();
        *database = Some(builder.set_cache_size(self.cache.bytes()).open(&self.path)?);
        Ok(())
    }

    /// Why the file must not be written to: it is not at its path any more, so that the next start would not find it.
    pub(super) fn misplaced(&self) -> Option<String> {
        let found = identity(&self.path);
        let what = match (&self.identity, &found) {
            (Some(opened), Ok(found)) if opened == found => return None,
            (None, _) => return None,
            (Some(_), Ok(_)) => "was replaced",
            (Some(_), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => "was removed",
            // It cannot be seen, which says nothing of where it is.
            (Some(_), Err(_)) => return None,
        };
        Some(format!(
            "its file {} {what} while the gateway runs: stop the gateway, and put the file back or restore it from a backup",
            self.path.display()
        ))
    }

    /// Takes nothing more, and tells nothing more, until it is opened anew.
    pub(super) fn close(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What is committed now.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(StoreError::Unavailable(
                "its file could not be opened and read again after a failure".to_owned(),
            ));
        };
        database.begin_read().map(Snapshot::new).map_err(broken)
    }

    /// A transaction. Every durable one also saves which pages are free (`quick_repair`): see the decision record on opening
    /// after a crash.
    pub(super) fn write(&self, sync: Sync) -> Result<WriteTransaction, redb::Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(redb::Error::DatabaseClosed);
        };
        begin(database, sync)
    }
}

/// Tells damage in the file from trouble in getting at it.
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

fn open(path: &Path, cache: Size) -> Result<Database, redb::Error> {
    Ok(Database::builder().set_cache_size(cache.bytes()).create(path)?)
}

pub(super) fn begin(database: &Database, sync: Sync) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    match sync {
        Sync::Now => transaction.set_quick_repair(true),
        Sync::Later => transaction.set_durability(Durability::None)?,
    }
    Ok(transaction)
}

/// Makes the tables of a new file; refuses one that another version wrote otherwise.
pub(super) fn check_layout(database: &Database) -> Result<Result<(), StoreError>, redb::Error> {
    let transaction = begin(database, Sync::Now)?;
    let found = {
        let mut tables = Tables::open(&transaction)?;
        let found = get(&tables.meta, b"layout")?;
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
