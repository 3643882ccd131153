//! Looking through a store that no gateway uses: every page against its checksum, every row, and what rows say of each other.
//! Nothing is changed.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTableMetadata as _, TableError,
    TableHandle as _,
};

use super::backup::FILE;
use super::damage::guarded;
use super::keys;
use super::lock::DirectoryLock;
use super::overlay::Overlay;
use super::row_checksum;
use super::tables::{
    self, ALL, Definition, DueRow, EventRow, FeedRow, KeyRow, NoteRow, RevisionRow, read_change,
    read_delivery_row, read_place,
};
use crate::StoreError;
use crate::codec::{StatsRecord, decode_attempt, decode_event};
use hookgate_domain::TenantId;

/// Result of a store check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Reason why pages are damaged; `None`: every page matches its checksum.
    pub pages: Option<String>,
    /// The tables.
    pub tables: Vec<TableState>,
    /// Tenants with damaged rows.
    pub tenants: BTreeSet<String>,
}

/// A table of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableState {
    /// Its name.
    pub name: String,
    /// Rows that are whole.
    pub whole: u64,
    /// Rows that can be found and are damaged.
    pub damaged: u64,
    /// Rows that cannot be found.
    pub missing: u64,
    /// The first thing that is wrong.
    pub reason: Option<String>,
}

impl Inspection {
    /// Tells whether all is as it was written.
    pub fn is_whole(&self) -> bool {
        let whole = |table: &TableState| table.damaged + table.missing == 0 && table.reason.is_none();
        self.pages.is_none() && self.tables.iter().all(whole)
    }
}

pub(super) type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Looks through the store in a directory.
///
/// # Errors
/// `Unusable`: there is none, or a gateway uses it.
pub fn inspect(directory: &Path) -> Result<Inspection, StoreError> {
    let file = existing(directory)?;
    let _lock = DirectoryLock::take(directory)?;
    let mut found = Inspection {
        pages: open(&file, true).err(),
        ..Inspection::default()
    };
    let opened = open(&file, false).and_then(|database| Ok((snapshot(&database)?, database)));
    let (transaction, _database) = match opened {
        Ok(opened) => opened,
        Err(reason) => {
            found.pages.get_or_insert(reason);
            return Ok(found);
        }
    };
    let tenants = tenants(&transaction);
    for definition in ALL {
        let mut damaged = BTreeSet::new();
        let state = walk(&transaction, definition, &tenants, |key, row| {
            let sound = sound(definition, key, row);
            if sound.is_err() {
                damaged.extend(tenant_of(key));
            }
            sound
        });
        found.tenants.extend(damaged);
        found.tables.push(state);
    }
    Ok(found)
}

/// The store's file in a directory.
pub(super) fn existing(directory: &Path) -> Result<std::path::PathBuf, StoreError> {
    let file = directory.join(FILE);
    if file.is_file() {
        return Ok(file);
    }
    Err(StoreError::Unusable(format!(
        "there is no store in {}",
        directory.display()
    )))
}

/// Opens a file that is left as it is.
///
/// # Errors
/// What is wrong with it.
pub(super) fn open(file: &Path, checked: bool) -> Result<Database, String> {
    let overlay = Overlay::open(file).map_err(|error| error.to_string())?;
    let opened = guarded(AssertUnwindSafe(|| {
        Database::builder()
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(checked)
            .create_with_backend(overlay)
    }))?;
    opened.map_err(|error| error.to_string())
}

pub(super) fn snapshot(database: &Database) -> Result<ReadTransaction, String> {
    let begun = guarded(AssertUnwindSafe(|| database.begin_read()))?;
    begun.map_err(|error| error.to_string())
}

/// Shows every row that can be found to `look`, each once; what came of them. A damaged page hides rows: those before it, those
/// behind it, and those of each tenant are looked for.
pub(super) fn walk(
    transaction: &ReadTransaction,
    definition: Definition,
    tenants: &BTreeSet<TenantId>,
    mut look: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> TableState {
    let mut state = TableState {
        name: definition.name().to_owned(),
        ..TableState::default()
    };
    let opened = guarded(AssertUnwindSafe(|| transaction.open_table(definition)));
    let table: Rows = match opened {
        Ok(Ok(table)) => table,
        // A store of an older version has fewer.
        Ok(Err(TableError::TableDoesNotExist(_))) => return state,
        Ok(Err(error)) => return state.with(error.to_string()),
        Err(reason) => return state.with(reason),
    };
    let mut seen = |key: &[u8], row: &[u8]| match look(key, row) {
        Ok(()) => state.whole += 1,
        Err(error) => {
            state.damaged += 1;
            state.reason.get_or_insert(error.to_string());
        }
    };
    let gap = part(&table, &[], None, &mut seen);
    let reason = gap.map(|(reason, from, to)| {
        for tenant in tenants {
            let begin = keys::tenant(tenant);
            let end = keys::behind(begin.clone());
            let end = to.as_ref().map_or(end.clone(), |to| end.min(to.clone()));
            let begin = begin.max(from.clone());
            if begin < end {
                part(&table, &begin, Some(&end), &mut seen);
            }
        }
        reason
    });
    let expected = guarded(AssertUnwindSafe(|| table.len()));
    if let Ok(Ok(expected)) = expected {
        state.missing = expected.saturating_sub(state.whole + state.damaged);
        if state.missing > 0 {
            state.reason = state.reason.take().or(reason.clone());
        }
    }
    match reason {
        Some(reason) => state.with(reason),
        None => state,
    }
}

impl TableState {
    fn with(mut self, reason: String) -> Self {
        self.reason.get_or_insert(reason);
        self
    }
}

/// A gap between rows: what is wrong there, the first key in it, and the first one behind it.
type Gap = (String, Vec<u8>, Option<Vec<u8>>);

/// Goes through a part of a table from both ends, as far as it can be read; the gap between, if there is one.
fn part(table: &Rows, from: &[u8], to: Option<&[u8]>, seen: &mut impl FnMut(&[u8], &[u8])) -> Option<Gap> {
    let mut low = from.to_vec();
    let forth = run(table, &low.clone(), to, false, |key, row| {
        seen(key, row);
        low.clear();
        low.extend_from_slice(key);
        low.push(0);
    });
    let reason = forth.err()?;
    let mut high = to.map(<[u8]>::to_vec);
    let begin = low.clone();
    // It ends at the same damage from the other side.
    let _ = run(table, &begin, to, true, |key, row| {
        seen(key, row);
        high = Some(key.to_vec());
    });
    Some((reason, low, high))
}

/// Reads rows of a range one way until the end or the first that cannot be read.
fn run(
    table: &Rows,
    from: &[u8],
    to: Option<&[u8]>,
    back: bool,
    mut seen: impl FnMut(&[u8], &[u8]),
) -> Result<(), String> {
    let text = |error: redb::StorageError| error.to_string();
    let begun = guarded(AssertUnwindSafe(|| match to {
        Some(to) => table.range::<&[u8]>(from..to),
        None => table.range::<&[u8]>(from..),
    }))?;
    let mut rows = begun.map_err(text)?;
    let mut last: Option<Vec<u8>> = None;
    loop {
        let next = guarded(AssertUnwindSafe(|| {
            let row = if back { rows.next_back() } else { rows.next() };
            row.map(|row| row.map(|(key, row)| (key.value().to_vec(), row.value().to_vec())))
        }));
        let next = match next {
            Ok(next) => next,
            Err(reason) => {
                // Its state is unknown: its end is not to be run into.
                std::mem::forget(rows);
                return Err(reason);
            }
        };
        let Some(row) = next else { return Ok(()) };
        let (key, row) = row.map_err(text)?;
        let follows = last
            .as_ref()
            .is_none_or(|last| if back { key < *last } else { key > *last });
        if !follows || key.as_slice() < from || to.is_some_and(|to| key.as_slice() >= to) {
            return Err("its keys are not in their order".to_owned());
        }
        seen(&key, &row);
        last = Some(key);
    }
}

/// Every tenant that a table which has few rows names.
pub(super) fn tenants(transaction: &ReadTransaction) -> BTreeSet<TenantId> {
    let mut tenants = BTreeSet::new();
    for definition in [tables::REVISIONS, tables::USAGE, tables::FEEDS] {
        walk(transaction, definition, &BTreeSet::new(), |key, _| {
            let name = std::str::from_utf8(key).ok();
            tenants.extend(name.and_then(|name| TenantId::from_store(name).ok()));
            Ok(())
        });
    }
    tenants
}

/// Checks that a row is one that this version writes or reads.
///
/// # Errors
/// `Corrupt`: the row is not.
pub(super) fn sound(definition: Definition, key: &[u8], row: &[u8]) -> Result<(), StoreError> {
    let name = definition.name();
    let bytes = || bytes::Bytes::copy_from_slice(row);
    let misnamed = || tables::corrupt(name);
    if name == tables::EVENTS.name() {
        let (tenant, _) = keys::read_event(key).ok_or_else(misnamed)?;
        let event = EventRow::read(&bytes())?;
        decode_event(&tenant, &event.id, &event.record).map(drop)
    } else if name == tables::PLACES.name() {
        read_place(row).map(drop)
    } else if name == tables::DUE.name() {
        keys::read_delivery(key).ok_or_else(misnamed)?;
        DueRow::read(key, row).map(drop)
    } else if name == tables::DELIVERIES.name() {
        keys::read_delivery(key).ok_or_else(misnamed)?;
        read_delivery_row(key, row).map(drop)
    } else if name == tables::ATTEMPTS.name() {
        decode_attempt(&row_checksum::open(key, row, "attempt")?).map(drop)
    } else if name == tables::DEAD.name() {
        keys::read_dead_letter(key).map(drop).ok_or_else(misnamed)
    } else if name == tables::KEYS.name() {
        KeyRow::read(row).map(drop)
    } else if name == tables::NOTES.name() {
        NoteRow::read(&bytes()).map(drop)
    } else if name == tables::FEEDS.name() {
        FeedRow::read(Some(row)).map(drop)
    } else if name == tables::ENTRIES.name() {
        row_checksum::open(key, row, "entry").map(drop)
    } else if name == tables::REVISIONS.name() {
        RevisionRow::read(Some(row)).map(drop)
    } else if name == tables::CHANGES.name() {
        read_change(row).map(drop)
    } else if name == tables::STATS.name() {
        StatsRecord::decode(&bytes()).map(drop)
    } else {
        Ok(())
    }
}

/// The tenant that a key begins with.
fn tenant_of(key: &[u8]) -> Option<String> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&key[..end]).ok()?;
    TenantId::from_store(name).ok().map(|tenant| tenant.to_string())
}

/// Memory for pages, in bytes.
const CACHE: usize = 64 << 20;
