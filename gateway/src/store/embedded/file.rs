//! The database file: opened, read from, and opened anew after a failure.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

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
        let path = directory.join("hookgate.redb");
        let unusable = |error: redb::Error| {
            StoreError::Unusable(format!("{} cannot be opened: {error}", path.display()))
        };
        let database = open(&path, cache).map_err(unusable)?;
        check_layout(&database).map_err(unusable)??;
        usage::count(&database).map_err(unusable)??;
        Ok(Self {
            path,
            cache,
            database: RwLock::new(Some(database)),
        })
    }

    /// Opens the file anew: after a failed commit the database takes no more, and only an opening tells what was committed.
    pub(super) fn reopen(&self) -> Result<(), redb::Error> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // First away with the old one: it holds the file's lock.
        *database = None;
        *database = Some(open(&self.path, self.cache)?);
        Ok(())
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
fn check_layout(database: &Database) -> Result<Result<(), StoreError>, redb::Error> {
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
