//! Tables of the database file, and the rows of the smaller ones.

use bytes::Bytes;
use redb::{TableDefinition, WriteTransaction};

use super::keys::EventSlot;
use super::lazy_table::{LazyTable, Rows};
use super::row_checksum::{self, with_checksum};
use crate::StoreError;
use crate::codec::DeliveryRecord;
use hookgate_domain::{EventId, TenantId, Timestamp, Trigger};

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Events by tenant, list and sequence: what the feed pages through. `EventRow`.
pub(super) const EVENTS: Definition = Definition::new("events");
/// Positions of events by id. `EventSlot`.
pub(super) const PLACES: Definition = Definition::new("places");
/// Pending deliveries, with the time at which they are due without a lease. `DueRow`.
/// Leases are in memory only.
pub(super) const DUE: Definition = Definition::new("due");
/// Deliveries that were attempted or are finished. `DeliveryRecord`, with the last attempt.
pub(super) const DELIVERIES: Definition = Definition::new("deliveries");
/// Attempts before the last one. `codec::encode_attempt`.
pub(super) const ATTEMPTS: Definition = Definition::new("attempts");
/// Dead letters by time: all data is in the key.
pub(super) const DEAD: Definition = Definition::new("dead");
/// Idempotency keys. `KeyRow`.
pub(super) const KEYS: Definition = Definition::new("keys");
/// Idempotency keys by age: all data is in the key.
pub(super) const KEY_AGES: Definition = Definition::new("key_ages");
/// Sequences of tenants whose events do not determine it any more. `FeedRow`.
pub(super) const FEEDS: Definition = Definition::new("feeds");
/// Registry entries, unchanged.
pub(super) const ENTRIES: Definition = Definition::new("entries");
/// A tenant's last registry change. `RevisionRow`.
pub(super) const REVISIONS: Definition = Definition::new("revisions");
/// Tenants by the version of their last registry change.
pub(super) const CHANGES: Definition = Definition::new("changes");
/// Attempts that were settled of a tenant, by time. `LogBlock`.
pub(super) const LOG: Definition = Definition::new("attempt_log");
/// Counts by tenant, kind of keys, step, time and key. `codec::encode_cells`.
pub(super) const SERIES: Definition = Definition::new("series");
/// Delivery statistics by subscription. `StatsRecord`.
pub(super) const STATS: Definition = Definition::new("stats");
/// Bytes of a tenant's events: the sum of their records. 8 bytes, big-endian.
pub(super) const USAGE: Definition = Definition::new("usage");
/// Blobs by name, unchanged.
pub(super) const BLOBS: Definition = Definition::new("blobs");
/// Notes by name. `NoteRow`.
pub(super) const NOTES: Definition = Definition::new("notes");
/// Notes by their end: all data is in the key.
pub(super) const NOTE_ENDS: Definition = Definition::new("note_ends");
/// Owners of notes that are counted, by the note's name.
pub(super) const NOTE_OWNERS: Definition = Definition::new("note_owners");
/// Number of an owner's notes. 8 bytes, big-endian.
pub(super) const NOTE_COUNTS: Definition = Definition::new("note_counts");
/// Layout version of this file, under `layout`; under `usage`, the mark that `USAGE` is complete.
pub(super) const META: Definition = Definition::new("meta");

/// Every table.
pub(super) const ALL: [Definition; 22] = [
    EVENTS,
    PLACES,
    DUE,
    DELIVERIES,
    ATTEMPTS,
    DEAD,
    KEYS,
    KEY_AGES,
    FEEDS,
    ENTRIES,
    REVISIONS,
    CHANGES,
    LOG,
    SERIES,
    STATS,
    USAGE,
    BLOBS,
    NOTES,
    NOTE_ENDS,
    NOTE_OWNERS,
    NOTE_COUNTS,
    META,
];

/// Creates the tables that do not exist: readers open none that was never created.
pub(super) fn create_all(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    for definition in ALL {
        transaction.open_table(definition)?;
    }
    Ok(())
}

/// All tables of one write transaction.
pub(super) struct Tables<'t> {
    pub(super) events: LazyTable<'t>,
    pub(super) places: LazyTable<'t>,
    pub(super) due: LazyTable<'t>,
    pub(super) deliveries: LazyTable<'t>,
    pub(super) attempts: LazyTable<'t>,
    pub(super) dead: LazyTable<'t>,
    pub(super) keys: LazyTable<'t>,
    pub(super) key_ages: LazyTable<'t>,
    pub(super) feeds: LazyTable<'t>,
    pub(super) entries: LazyTable<'t>,
    pub(super) revisions: LazyTable<'t>,
    pub(super) changes: LazyTable<'t>,
    pub(super) log: LazyTable<'t>,
    pub(super) series: LazyTable<'t>,
    pub(super) stats: LazyTable<'t>,
    pub(super) usage: LazyTable<'t>,
    pub(super) blobs: LazyTable<'t>,
    pub(super) notes: LazyTable<'t>,
    pub(super) note_ends: LazyTable<'t>,
    pub(super) note_owners: LazyTable<'t>,
    pub(super) note_counts: LazyTable<'t>,
    pub(super) meta: LazyTable<'t>,
}

impl<'t> Tables<'t> {
    /// Tables of a transaction, none of them open yet.
    pub(super) fn of(transaction: &'t WriteTransaction) -> Self {
        let table = |definition| LazyTable::new(transaction, definition);
        Self {
            events: table(EVENTS),
            places: table(PLACES),
            due: table(DUE),
            deliveries: table(DELIVERIES),
            attempts: table(ATTEMPTS),
            dead: table(DEAD),
            keys: table(KEYS),
            key_ages: table(KEY_AGES),
            feeds: table(FEEDS),
            entries: table(ENTRIES),
            revisions: table(REVISIONS),
            changes: table(CHANGES),
            log: table(LOG),
            series: table(SERIES),
            stats: table(STATS),
            usage: table(USAGE),
            blobs: table(BLOBS),
            notes: table(NOTES),
            note_ends: table(NOTE_ENDS),
            note_owners: table(NOTE_OWNERS),
            note_counts: table(NOTE_COUNTS),
            meta: table(META),
        }
    }
}

/// Copy of a row's bytes.
pub(super) fn get(table: &impl Rows, key: &[u8]) -> Result<Option<Bytes>, redb::Error> {
    Ok(table.row(key)?.map(|row| Bytes::copy_from_slice(row.value())))
}

/// Row of an event: the codec's record with the fields that it omits.
pub(super) struct EventRow {
    /// Time of acceptance, from which its retention counts.
    pub(super) accepted: Timestamp,
    /// Its id.
    pub(super) id: EventId,
    /// The codec's record.
    pub(super) record: Bytes,
}

impl EventRow {
    pub(super) fn encode(accepted: Timestamp, id: &EventId, record: &[u8]) -> Vec<u8> {
        let id = id.as_str().as_bytes();
        let mut row = Vec::with_capacity(9 + id.len() + record.len());
        row.extend_from_slice(&accepted.as_micros().to_be_bytes());
        row.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        row.extend_from_slice(id);
        row.extend_from_slice(record);
        // It moves between keys; that it is where its id leads is checked by whoever looks it up.
        with_checksum(b"", row)
    }

    pub(super) fn read(row: &Bytes) -> Result<Self, StoreError> {
        let whole = row.slice_ref(row_checksum::checked(b"", row, "event")?);
        Self::try_read(&whole).ok_or_else(|| corrupt("event"))
    }

    fn try_read(row: &Bytes) -> Option<Self> {
        let (accepted, rest) = row.split_first_chunk::<8>()?;
        let length = usize::from(*rest.first()?);
        let mut accepted = *accepted;
        accepted[0] = row_checksum::unmarked(accepted[0]);
        let id = rest.get(1..=length)?;
        Some(Self {
            accepted: Timestamp::from_micros(u64::from_be_bytes(accepted)),
            id: std::str::from_utf8(id).ok()?.parse().ok()?,
            record: row.slice(9 + length..),
        })
    }
}

/// A pending delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DueRow {
    /// Time at which it is due.
    pub(super) due: Timestamp,
    /// Origin of the delivery.
    pub(super) trigger: Trigger,
    /// Crashes during its attempts since the last recorded one; stored only if there are any.
    pub(super) crashes: Crashes,
}

/// Number of process crashes during attempts of a delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crashes {
    /// Number of crashes.
    pub(super) count: u32,
    /// Lease that was counted last.
    pub(super) last: Timestamp,
}

impl DueRow {
    /// Row of a delivery without crashes.
    pub(super) fn new(due: Timestamp, trigger: Trigger) -> Self {
        Self {
            due,
            trigger,
            crashes: Crashes::default(),
        }
    }

    pub(super) fn encode(self, key: &[u8]) -> Vec<u8> {
        let mut row = Vec::with_capacity(21 + row_checksum::LENGTH);
        row.extend_from_slice(&self.due.as_micros().to_be_bytes());
        row.push(match self.trigger {
            Trigger::Published => 0,
            Trigger::Replay => 1,
            Trigger::Test => 2,
        });
        if self.crashes.count > 0 {
            row.extend_from_slice(&self.crashes.count.to_be_bytes());
            row.extend_from_slice(&self.crashes.last.as_micros().to_be_bytes());
        }
        with_checksum(key, row)
    }

    pub(super) fn read(key: &[u8], row: &[u8]) -> Result<Self, StoreError> {
        let row = row_checksum::checked(key, row, "due")?;
        Self::try_read(row).ok_or_else(|| corrupt("due"))
    }

    fn try_read(row: &[u8]) -> Option<Self> {
        let (due, rest) = row.split_first_chunk::<8>()?;
        let (trigger, crashes) = rest.split_first()?;
        let mut due = *due;
        due[0] = row_checksum::unmarked(due[0]);
        Some(Self {
            due: Timestamp::from_micros(u64::from_be_bytes(due)),
            trigger: match trigger {
                0 => Trigger::Published,
                1 => Trigger::Replay,
                2 => Trigger::Test,
                _ => return None,
            },
            crashes: Crashes::read(crashes)?,
        })
    }
}

impl Crashes {
    fn read(row: &[u8]) -> Option<Self> {
        if row.is_empty() {
            return Some(Self::default());
        }
        let (count, last) = row.split_first_chunk::<4>()?;
        Some(Self {
            count: u32::from_be_bytes(*count),
            last: Timestamp::from_micros(u64::from_be_bytes(last.try_into().ok()?)),
        })
    }
}

/// An idempotency key that was used.
pub(super) struct KeyRow {
    /// Time of its first use.
    pub(super) first_used: Timestamp,
    /// Fingerprint of its request.
    pub(super) fingerprint: [u8; 32],
    /// The events of that request.
    pub(super) events: Vec<EventId>,
}

impl KeyRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut row = self.first_used.as_micros().to_be_bytes().to_vec();
        row.extend_from_slice(&self.fingerprint);
        for (n, event) in self.events.iter().enumerate() {
            if n > 0 {
                row.push(0);
            }
            row.extend_from_slice(event.as_str().as_bytes());
        }
        with_checksum(b"", row)
    }

    pub(super) fn read(row: &[u8]) -> Result<Self, StoreError> {
        let row = row_checksum::checked(b"", row, "idempotency key")?;
        Self::try_read(row).ok_or_else(|| corrupt("idempotency key"))
    }

    fn try_read(row: &[u8]) -> Option<Self> {
        let (first_used, rest) = row.split_first_chunk::<8>()?;
        let mut first_used = *first_used;
        first_used[0] = row_checksum::unmarked(first_used[0]);
        let (fingerprint, events) = rest.split_first_chunk::<32>()?;
        let events = std::str::from_utf8(events).ok()?.split('\0').map(str::parse);
        Some(Self {
            first_used: Timestamp::from_micros(u64::from_be_bytes(first_used)),
            fingerprint: *fingerprint,
            events: events.collect::<Result<_, _>>().ok()?,
        })
    }
}

/// Row of a note.
pub(super) struct NoteRow {
    /// End, from which on it is expired.
    pub(super) end: Timestamp,
    /// Value of the note.
    pub(super) note: Bytes,
}

impl NoteRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.end.as_micros().to_be_bytes()[..], &self.note].concat()
    }

    pub(super) fn read(row: &Bytes) -> Result<Self, StoreError> {
        let (end, _) = row.split_first_chunk::<8>().ok_or_else(|| corrupt("note"))?;
        Ok(Self {
            end: Timestamp::from_micros(u64::from_be_bytes(*end)),
            note: row.slice(8..),
        })
    }
}

/// Decodes the number of an owner's notes; 0 without a row.
pub(super) fn read_count(row: Option<&[u8]>) -> Result<u64, StoreError> {
    let Some(row) = row else { return Ok(0) };
    let count = row.try_into().map_err(|_| corrupt("note count"))?;
    Ok(u64::from_be_bytes(count))
}

/// State of a feed: the next sequence and the newest removed entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FeedRow {
    /// Next sequence: no event has had it or a later one.
    pub(super) next: u64,
    /// Newest entry that was removed from the feed; 0 if none was.
    pub(super) removed: u64,
}

impl FeedRow {
    pub(super) fn encode(self) -> [u8; 16] {
        pair(self.next, self.removed)
    }

    pub(super) fn read(row: Option<&[u8]>) -> Result<Self, StoreError> {
        let Some(row) = row else {
            return Ok(Self::default());
        };
        let (next, removed) = read_pair(row).ok_or_else(|| corrupt("feed"))?;
        Ok(Self { next, removed })
    }
}

/// A tenant's last registry change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RevisionRow {
    /// Its version, unique over all tenants and growing: the registry's revision.
    pub(super) version: u64,
    /// Number of entries afterwards; the registry exists if there are any.
    pub(super) entries: u64,
}

impl RevisionRow {
    pub(super) fn encode(self) -> [u8; 16] {
        pair(self.version, self.entries)
    }

    pub(super) fn read(row: Option<&[u8]>) -> Result<Self, StoreError> {
        let Some(row) = row else {
            return Ok(Self::default());
        };
        let (version, entries) = read_pair(row).ok_or_else(|| corrupt("revision"))?;
        Ok(Self { version, entries })
    }

    /// The revision that a change must expect.
    pub(super) fn revision(self) -> u64 {
        if self.entries == 0 { 0 } else { self.version }
    }
}

/// Decodes an event's slot.
pub(super) fn read_place(row: &[u8]) -> Result<EventSlot, StoreError> {
    EventSlot::read(row).ok_or_else(|| corrupt("place"))
}

/// Tenant of a row of `CHANGES`.
pub(super) fn read_change(row: &[u8]) -> Result<TenantId, StoreError> {
    let tenant = std::str::from_utf8(row)
        .ok()
        .and_then(|name| TenantId::from_store(name).ok());
    tenant.ok_or_else(|| corrupt("change"))
}

/// Version of a key of `CHANGES`.
pub(super) fn read_version(key: &[u8]) -> Result<u64, StoreError> {
    let version = key.try_into().map(u64::from_be_bytes);
    version.map_err(|_| corrupt("change"))
}

/// A delivery's record as a row.
pub(super) fn delivery_row(key: &[u8], record: &DeliveryRecord) -> Vec<u8> {
    with_checksum(key, record.encode())
}

/// The delivery's record that a row is.
pub(super) fn read_delivery_row(key: &[u8], row: &[u8]) -> Result<DeliveryRecord, StoreError> {
    DeliveryRecord::decode(&row_checksum::open(key, row, "delivery")?)
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a row ({what}) is no such row"))
}

fn pair(a: u64, b: u64) -> [u8; 16] {
    let mut row = [0; 16];
    row[..8].copy_from_slice(&a.to_be_bytes());
    row[8..].copy_from_slice(&b.to_be_bytes());
    row
}

fn read_pair(row: &[u8]) -> Option<(u64, u64)> {
    let (a, b) = row.split_first_chunk::<8>()?;
    let b: &[u8; 8] = b.try_into().ok()?;
    Some((u64::from_be_bytes(*a), u64::from_be_bytes(*b)))
}
