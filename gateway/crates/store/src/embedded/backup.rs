//! Backups: copies of one snapshot, written into a file that opens as a store.

use std::fs::File as StdFile;
use std::path::Path;
use std::time::Instant;

use redb::{Database, Durability, ReadableDatabase as _, ReadableTableMetadata as _, TableError};

use super::file::check_layout;
use super::lock::DirectoryLock;
use super::read::Snapshot;
use super::tables::{self, ALL};
use crate::{Pace, StoreError};

/// Name of the database file in a store's directory.
pub const FILE: &str = "hookgate.redb";

/// Copies a snapshot into a new file and checks the copy; returns its number of row bytes.
/// The file is synced to the disk afterwards.
///
/// # Errors
/// `Unavailable`: the file cannot be written, or the copy was stopped; the caller has to remove the
/// partial file.
pub(super) fn copy(snapshot: &Snapshot, file: &Path, pace: &Pace) -> Result<u64, StoreError> {
    let failed = |error: redb::Error| failure(file, &error);
    let database = Database::builder()
        .set_cache_size(CACHE)
        .create(file)
        .map_err(|error| failed(error.into()))?;
    let began = Instant::now();
    let mut rows = Vec::with_capacity(ALL.len());
    for definition in ALL {
        let Some(source) = existing(snapshot.transaction().open_table(definition)).map_err(failed)? else {
            continue;
        };
        rows.push((definition, source.len().map_err(|error| failed(error.into()))?));
        let mut next = source.range::<&[u8]>(..).map_err(|error| failed(error.into()))?;
        loop {
            let chunk = copy_chunk(&database, definition, &mut next).map_err(failed)?;
            if chunk == 0 {
                break;
            }
            if !pace.copy(chunk, began) {
                return Err(StoreError::Unavailable("the backup was stopped".to_owned()));
            }
        }
    }
    let synced = || -> Result<(), redb::Error> {
        let mut last = database.begin_write()?;
        last.set_quick_repair(true);
        Ok(last.commit()?)
    };
    synced().map_err(failed)?;
    drop(database);
    for (definition, expected) in rows {
        let found = count(file, definition).map_err(failed)?;
        if found != expected {
            return Err(StoreError::Unavailable(format!(
                "the copy has {found} rows of {expected} in the table `{definition}`"
            )));
        }
    }
    let synced = StdFile::open(file).and_then(|file| file.sync_all());
    synced
        .map_err(|error| StoreError::Unavailable(format!("{} cannot be synced: {error}", file.display())))?;
    Ok(pace.copied())
}

/// Restores a backup as the store of a directory, which no gateway may use in the meantime.
/// With `replace`, an existing store is renamed to `hookgate.redb.replaced`.
///
/// # Errors
/// `Unusable`: the directory is in use, it contains a store and `replace` is not set, or the file
/// cannot be copied; `Corrupt`: the backup is damaged. The existing store is unchanged.
pub fn restore(backup: &Path, directory: &Path, replace: bool) -> Result<(), StoreError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| StoreError::Unusable(format!("{what}: {error}"))
    };
    std::fs::create_dir_all(directory).map_err(failed("the directory cannot be made"))?;
    let _lock = DirectoryLock::take(directory)?;
    let (file, draft) = (directory.join(FILE), directory.join(format!("{FILE}.restoring")));
    let exists = file
        .try_exists()
        .map_err(failed("the directory cannot be read"))?;
    if exists && !replace {
        return Err(StoreError::Unusable(format!(
            "there is a store in {}",
            directory.display()
        )));
    }
    let copied = std::fs::copy(backup, &draft);
    copied.map_err(failed(&format!("{} cannot be copied", backup.display())))?;
    let checked = check(&draft).and_then(|()| {
        let synced = StdFile::open(&draft).and_then(|draft| draft.sync_all());
        synced.map_err(failed("the copy cannot be written"))
    });
    if let Err(error) = checked {
        // The draft was never the store, and the backup is unchanged.
        let _ = std::fs::remove_file(&draft);
        return Err(error);
    }
    if exists {
        let replaced = directory.join(format!("{FILE}.replaced"));
        std::fs::rename(&file, replaced).map_err(failed("the store cannot be moved away"))?;
    }
    let placed = std::fs::rename(&draft, &file).and_then(|()| StdFile::open(directory)?.sync_all());
    placed.map_err(failed("the copy cannot be put in place"))
}

/// Checks every page of a database file, and that this version can read it.
///
/// # Errors
/// `Unusable`, `Corrupt`: it is not a store, it is damaged, or another version wrote it.
fn check(file: &Path) -> Result<(), StoreError> {
    let damaged = |error: redb::Error| {
        StoreError::Corrupt(format!("{} is damaged or no store: {error}", file.display()))
    };
    let opened = Database::builder().set_cache_size(CACHE).open(file);
    let mut database = opened.map_err(|error| damaged(error.into()))?;
    let whole = database
        .check_integrity()
        .map_err(|error| damaged(error.into()))?;
    if !whole {
        return Err(StoreError::Corrupt(format!(
            "{} is damaged: its pages do not have their checksums",
            file.display()
        )));
    }
    check_layout(&database).map_err(damaged)?
}

/// Copies one chunk of rows; returns its number of bytes, 0 at the end.
fn copy_chunk(
    database: &Database,
    definition: tables::Definition,
    rows: &mut redb::Range<'_, &'static [u8], &'static [u8]>,
) -> Result<u64, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::None)?;
    let mut bytes = 0;
    {
        let mut table = transaction.open_table(definition)?;
        while bytes < CHUNK {
            let Some(row) = rows.next() else { break };
            let (key, value) = row?;
            table.insert(key.value(), value.value())?;
            bytes += (key.value().len() + value.value().len()) as u64;
        }
    }
    transaction.commit()?;
    Ok(bytes)
}

fn count(file: &Path, definition: tables::Definition) -> Result<u64, redb::Error> {
    let database = Database::builder().set_cache_size(CACHE).open(file)?;
    let transaction = database.begin_read()?;
    match existing(transaction.open_table(definition))? {
        Some(table) => Ok(table.len()?),
        None => Ok(0),
    }
}

/// The table; `None` if it does not exist.
fn existing<T>(opened: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn failure(file: &Path, error: &redb::Error) -> StoreError {
    StoreError::Unavailable(format!("{} cannot be written: {error}", file.display()))
}

/// Bytes of rows between two calls of the throttle.
const CHUNK: u64 = 4 << 20;
/// Page cache of the copy, in bytes.
const CACHE: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use redb::TableHandle as _;

    use super::*;
    use crate::embedded::tables::create_all;

    #[test]
    fn every_table_is_copied() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::create(directory.path().join(FILE)).unwrap();
        let transaction = database.begin_write().unwrap();
        create_all(&transaction).unwrap();
        let mut made: Vec<_> = transaction
            .list_tables()
            .unwrap()
            .map(|table| table.name().to_owned())
            .collect();
        let mut copied: Vec<_> = ALL.iter().map(|table| table.name().to_owned()).collect();
        made.sort_unstable();
        copied.sort_unstable();
        assert_eq!(made, copied);
    }
}
