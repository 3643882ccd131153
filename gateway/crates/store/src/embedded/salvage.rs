//! Taking what is whole of a damaged store into a new one.
//!
//! What follows from other rows is not copied but made again: where an event is, whose registry changed when, what tenants use, and
//! the deliveries that are pending: an accepted event whose delivery has neither a pending row nor a record was not delivered
//! for all that is known, and is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use redb::{Database, ReadTransaction, TableHandle as _, WriteTransaction};

use super::backup::FILE;
use super::file::{Sync, begin, check_layout};
use super::inspect::{Inspection, TableState, existing, open, snapshot, sound, tenants, walk};
use super::keys;
use super::lock::DirectoryLock;
use super::read::broken;
use super::tables::{self, ALL, Definition, DueRow, EventRow, RevisionRow, Tables, read_delivery_row};
use crate::StoreError;
use crate::codec::decode_event;
use hookgate_domain::{DeliveryId, DeliveryState, Fate, TenantId, Timestamp, Trigger};

/// Result of a salvage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// State of each table of the damaged store.
    pub tables: Vec<TableState>,
    /// Number of deliveries that are pending again because no record shows their end.
    pub deliveries_again: u64,
    /// Number of pending deliveries that were dropped because their event is lost.
    pub deliveries_lost: u64,
}

/// Copies the intact rows of a store into a new store in another directory, which must have none.
/// The damaged store is not modified. `now` is the due time of deliveries without any record.
///
/// # Errors
/// `Unusable`: there is no store, a gateway uses it, the target has one, or the target cannot be
/// written; `Corrupt`: nothing of the store can be read.
pub fn salvage(directory: &Path, to: &Path, now: Timestamp) -> Result<Salvaged, StoreError> {
    let unusable = |error: std::io::Error| StoreError::Unusable(format!("{}: {error}", to.display()));
    let file = existing(directory)?;
    let _lock = DirectoryLock::take(directory)?;
    std::fs::create_dir_all(to).map_err(unusable)?;
    let _new_lock = DirectoryLock::take(to)?;
    let target = to.join(FILE);
    if target.try_exists().map_err(unusable)? {
        return Err(StoreError::Unusable(format!(
            "there is a store in {}",
            to.display()
        )));
    }
    let unreadable =
        |reason: String| StoreError::Corrupt(format!("nothing of {} can be read: {reason}", file.display()));
    let damaged = open(&file, false).map_err(unreadable)?;
    let source = snapshot(&damaged).map_err(unreadable)?;
    let database = Database::builder().create(&target).map_err(broken)?;
    check_layout(&database).map_err(broken)??;
    let mut salvaged = Salvaged::default();
    let tenants = tenants(&source);
    for definition in ALL {
        salvaged
            .tables
            .push(copy(&source, &database, definition, &tenants)?);
    }
    let mut everything = |database: &Database| -> Result<(), redb::Error> {
        let transaction = begin(database, Sync::Now)?;
        mend_registries(&transaction)?;
        mend_deliveries(&transaction, now, &mut salvaged)?;
        Ok(transaction.commit()?)
    };
    everything(&database).map_err(broken)?;
    Ok(salvaged)
}

/// Returns `true` for tables that are rebuilt or belong to the new file, and so are not copied.
fn is_made(definition: Definition) -> bool {
    [tables::PLACES, tables::CHANGES, tables::USAGE, tables::META]
        .iter()
        .any(|made| made.name() == definition.name())
}

/// Copies the intact rows of a table; for events, the place too.
fn copy(
    source: &ReadTransaction,
    database: &Database,
    definition: Definition,
    tenants: &BTreeSet<TenantId>,
) -> Result<TableState, StoreError> {
    let mut chunk: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let (mut bytes, mut failed) = (0, None);
    let write = |chunk: &mut Vec<(Vec<u8>, Vec<u8>)>| -> Result<(), redb::Error> {
        if chunk.is_empty() {
            return Ok(());
        }
        let transaction = begin(database, Sync::Later)?;
        {
            let mut table = transaction.open_table(definition)?;
            let mut places = transaction.open_table(tables::PLACES)?;
            for (key, row) in chunk.drain(..) {
                table.insert(&key[..], &row[..])?;
                if definition.name() == tables::EVENTS.name()
                    && let Some((tenant, place)) = keys::read_event(&key)
                    && let Ok(event) = EventRow::read(&Bytes::from(row))
                {
                    let name = keys::named(&tenant, event.id.as_str());
                    places.insert(&name[..], &place.to_bytes()[..])?;
                }
            }
        }
        Ok(transaction.commit()?)
    };
    let state = walk(source, definition, tenants, |key, row| {
        sound(definition, key, row)?;
        if !is_made(definition) && failed.is_none() {
            bytes += key.len() + row.len();
            chunk.push((key.to_vec(), row.to_vec()));
            if bytes > CHUNK {
                bytes = 0;
                failed = write(&mut chunk).err();
            }
        }
        Ok(())
    });
    let written = match failed {
        Some(error) => Err(error),
        None => write(&mut chunk),
    };
    written.map_err(broken)?;
    Ok(state)
}

/// Says of each registry that there is one, and that it changed.
fn mend_registries(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let mut tables = Tables::of(transaction);
    let mut entries: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for row in tables.entries.range::<&[u8]>(..)? {
        let (key, _) = row?;
        let name = key.value().split(|byte| *byte == 0).next().unwrap_or_default();
        *entries.entry(name.to_vec()).or_default() += 1;
    }
    let mut known: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for row in tables.revisions.range::<&[u8]>(..)? {
        let (key, row) = row?;
        let version = RevisionRow::read(Some(row.value())).map_or(0, |row| row.version);
        known.insert(key.value().to_vec(), version);
    }
    let mut last = known.values().copied().max().unwrap_or(0);
    for (name, entries) in entries {
        let version = known.get(&name).copied().filter(|version| *version > 0);
        let version = version.unwrap_or_else(|| {
            last += 1;
            last
        });
        let row = RevisionRow { version, entries };
        tables.revisions.insert(&name[..], &row.encode()[..])?;
        tables.changes.insert(&version.to_be_bytes()[..], &name[..])?;
    }
    Ok(())
}

/// Leaves out pending deliveries without an event, and has those pending that nothing says the end of.
fn mend_deliveries(
    transaction: &WriteTransaction,
    now: Timestamp,
    salvaged: &mut Salvaged,
) -> Result<(), redb::Error> {
    let mut tables = Tables::of(transaction);
    let mut gone = Vec::new();
    for row in tables.due.range::<&[u8]>(..)? {
        let (key, _) = row?;
        let named =
            keys::read_delivery(key.value()).map(|(tenant, id)| keys::named(&tenant, id.event.as_str()));
        let there = match named {
            Some(named) => tables.places.get(&named[..])?.is_some(),
            None => false,
        };
        if !there {
            gone.push(key.value().to_vec());
        }
    }
    salvaged.deliveries_lost = gone.len() as u64;
    for key in gone {
        tables.due.remove(&key[..])?;
    }
    let mut again: Vec<(Vec<u8>, DueRow)> = Vec::new();
    for row in tables.events.range::<&[u8]>(..)? {
        let (key, row) = row?;
        let Some((tenant, _)) = keys::read_event(key.value()) else {
            continue;
        };
        let decoded = EventRow::read(&Bytes::copy_from_slice(row.value()))
            .and_then(|row| decode_event(&tenant, &row.id, &row.record));
        let Ok((event, targets)) = decoded else { continue };
        let trigger = match event.fate {
            Fate::Test => Trigger::Test,
            Fate::Published | Fate::Filtered { .. } => Trigger::Published,
        };
        for target in targets {
            let id = DeliveryId {
                event: event.id.clone(),
                target,
                run: 0,
            };
            let key = keys::delivery(&tenant, &id);
            if tables.due.get(&key[..])?.is_none() && tables.deliveries.get(&key[..])?.is_none() {
                again.push((key, DueRow::new(now, trigger)));
            }
        }
    }
    for row in tables.deliveries.range::<&[u8]>(..)? {
        let (key, row) = row?;
        if let Ok(record) = read_delivery_row(key.value(), row.value())
            && let DeliveryState::Pending { next } = record.state
            && tables.due.get(key.value())?.is_none()
        {
            again.push((key.value().to_vec(), DueRow::new(next, record.trigger)));
        }
    }
    salvaged.deliveries_again = again.len() as u64;
    for (key, row) in again {
        tables.due.insert(&key[..], &row.encode(&key)[..])?;
    }
    Ok(())
}

impl Salvaged {
    /// Result of checking the damaged store.
    pub fn inspection(&self) -> Inspection {
        Inspection {
            tables: self.tables.clone(),
            ..Inspection::default()
        }
    }
}

/// Bytes of rows in one transaction.
const CHUNK: usize = 4 << 20;
