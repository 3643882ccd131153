//! Reads: snapshots of the committed data, concurrent with the writer.
//! Everything here blocks and runs on blocking threads.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use redb::{
    AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata as _, TableDefinition,
};

use super::damage::{Damage, guarded_read};
use super::index::{Claim, Key};
use super::keys::{self, Space};
use super::row_checksum;
use super::tables::{
    self, DueRow, EventRow, FeedRow, NoteRow, RevisionRow, corrupt, get, read_change, read_count,
    read_delivery_row, read_place, read_version,
};
use super::usage::{self, Stored};
use crate::codec::{DeliveryRecord, StatsRecord, decode_attempt, decode_event};
use crate::{
    FEED_PAGE_BYTES, FeedPage, FeedPosition, Leased, RegistryRecord, StoreError, StoredEvent, Token,
};
use hookgate_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, Event, EventId, Stats, SubscriptionId, Target, TenantId,
    Timestamp,
};

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Guard<'t> = AccessGuard<'t, &'static [u8]>;
pub(super) type Row<'t> = Result<(Guard<'t>, Guard<'t>), redb::StorageError>;

/// Snapshot of the committed data at its creation.
pub(super) struct Snapshot(ReadTransaction);

impl Snapshot {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self(transaction)
    }

    /// Read transaction of the snapshot.
    pub(super) fn transaction(&self) -> &ReadTransaction {
        &self.0
    }

    /// Claimed deliveries with all that an attempt needs. One that cannot be read is left out and noted: its lease ends, and the
    /// others go on.
    pub(super) fn leased(
        &self,
        claimed: &[Claim],
        token: Token,
        damage: &Damage,
    ) -> Result<Vec<Leased>, StoreError> {
        let (places, events) = (self.rows(tables::PLACES)?, self.rows(tables::EVENTS)?);
        let deliveries = self.rows(tables::DELIVERIES)?;
        let mut known: HashMap<(TenantId, EventId), Arc<Event>> = HashMap::new();
        let mut leased = Vec::with_capacity(claimed.len());
        for claim in claimed {
            let key = &claim.key;
            let one = || -> Result<Leased, StoreError> {
                let (tenant, id) = keys::read_delivery(key).ok_or_else(|| corrupt("due"))?;
                let name = (tenant, id.event.clone());
                let event = match known.get(&name) {
                    Some(event) => event.clone(),
                    None => {
                        let found = find_event(&places, &events, &name.0, &name.1)?;
                        let (event, _) = found.ok_or_else(|| corrupt("event"))?;
                        let event = Arc::new(event);
                        known.insert(name, event.clone());
                        event
                    }
                };
                let record = read_record(&deliveries, key)?;
                Ok(Leased {
                    event,
                    id,
                    trigger: claim.trigger,
                    token,
                    attempts: record.as_ref().map_or(0, |r| r.attempts),
                    first_attempt: record.as_ref().and_then(|r| r.first_attempt),
                    crashes: claim.crashes,
                    body: record.and_then(|r| r.body),
                })
            };
            match guarded_read(one) {
                Ok(one) => leased.push(one),
                Err(error @ StoreError::Corrupt(_)) => damage.row(key, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(leased)
    }

    /// An event and the targets it was accepted for.
    pub(super) fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        let (places, events) = (self.rows(tables::PLACES)?, self.rows(tables::EVENTS)?);
        let Some((event, targets)) = find_event(&places, &events, tenant, id)? else {
            return Ok(None);
        };
        let mut deliveries = self.deliveries_of(tenant, id)?;
        // Those of run 0 in the order of the event's targets, then the others by time.
        let place = |target: Target| targets.iter().position(|t| *t == target);
        deliveries.sort_by_cached_key(|d| (d.id.run, place(d.id.target), d.id.target));
        Ok(Some(StoredEvent { event, deliveries }))
    }

    fn deliveries_of(&self, tenant: &TenantId, event: &EventId) -> Result<Vec<Delivery>, StoreError> {
        let prefix = keys::deliveries_of(tenant, event);
        let end = keys::behind(prefix.clone());
        let mut deliveries = HashMap::new();
        for row in scan(&self.rows(tables::DUE)?, &prefix, &end)? {
            let (key, row) = row.map_err(broken)?;
            let id = delivery_id(key.value())?;
            let row = DueRow::read(key.value(), row.value())?;
            deliveries.insert(id.clone(), untried(id, row));
        }
        for row in scan(&self.rows(tables::DELIVERIES)?, &prefix, &end)? {
            let (key, record) = row.map_err(broken)?;
            let id = delivery_id(key.value())?;
            let record = read_delivery_row(key.value(), record.value())?;
            deliveries.insert(id.clone(), tried(id, record));
        }
        Ok(deliveries.into_values().collect())
    }

    /// A delivery with its attempts.
    pub(super) fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
        let key = keys::delivery(tenant, id);
        let Some(mut record) = read_record(&self.rows(tables::DELIVERIES)?, &key)? else {
            let due = self.rows(tables::DUE)?;
            let Some(row) = get(&due, &key).map_err(broken)? else {
                return Ok(None);
            };
            return Ok(Some((untried(id.clone(), DueRow::read(&key, &row)?), Vec::new())));
        };
        let mut attempts = Vec::new();
        let (from, to) = (keys::attempt(&key, 0), keys::attempt(&key, u32::MAX));
        for row in scan(&self.rows(tables::ATTEMPTS)?, &from, &to)? {
            let (name, attempt) = row.map_err(broken)?;
            attempts.push(decode_attempt(&row_checksum::open(
                name.value(),
                attempt.value(),
                "attempt",
            )?)?);
        }
        attempts.extend(record.last.clone());
        record.body = None;
        Ok(Some((tried(id.clone(), record), attempts)))
    }

    /// Entries of a feed on one side of a position.
    pub(super) fn feed(
        &self,
        tenant: &TenantId,
        range: FeedRange,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        let events = self.rows(tables::EVENTS)?;
        let prefix = keys::space(tenant, Space::Feed);
        let at = |sequence| {
            keys::event(
                tenant,
                keys::EventSlot {
                    space: Space::Feed,
                    sequence,
                },
            )
        };
        let (from, to) = match range {
            FeedRange::After(position) => (at(position.major.saturating_add(1)), keys::behind(prefix)),
            FeedRange::Before(position) => {
                // A place behind an event is before the next one.
                let behind = u64::from(position.minor > 0);
                (prefix, at(position.major.saturating_add(behind)))
            }
        };
        let mut page = FeedPage {
            events: Vec::new(),
            kept_from: self.kept_from(tenant)?,
            more: false,
        };
        let rows = scan(&events, &from, &to)?;
        let rows: Box<dyn Iterator<Item = Row>> = match range {
            FeedRange::After(_) => Box::new(rows),
            FeedRange::Before(_) => Box::new(rows.rev()),
        };
        let mut bytes = 0;
        for row in rows {
            if page.events.len() == limit || bytes >= FEED_PAGE_BYTES {
                page.more = true;
                break;
            }
            let (key, row) = row.map_err(broken)?;
            let (_, place) = keys::read_event(key.value()).ok_or_else(|| corrupt("event"))?;
            let position = FeedPosition {
                major: place.sequence,
                minor: 0,
            };
            let (event, _) = read_event(tenant, &Bytes::copy_from_slice(row.value()))?;
            bytes += event.size();
            page.events.push((position, event));
        }
        Ok(page)
    }

    /// Position before the first entry of a feed that was accepted at `since` or later.
    /// Sequences grow with time, so a binary search finds it.
    pub(super) fn feed_since(&self, tenant: &TenantId, since: Timestamp) -> Result<FeedPosition, StoreError> {
        let events = self.rows(tables::EVENTS)?;
        let space = Space::Feed;
        let prefix = keys::space(tenant, space);
        let end = keys::behind(prefix.clone());
        let entry = |row: Row| {
            let (key, row) = row.map_err(broken)?;
            let (_, place) = keys::read_event(key.value()).ok_or_else(|| corrupt("event"))?;
            let row = EventRow::read(&Bytes::copy_from_slice(row.value()))?;
            Ok::<_, StoreError>((place.sequence, row.accepted))
        };
        let last = scan(&events, &prefix, &end)?.next_back().map(entry).transpose()?;
        // Every entry before `low` is older; from `high` on none is older, or there is none.
        let (mut low, mut high) = (0, last.map_or(0, |(sequence, _)| sequence.saturating_add(1)));
        while low < high {
            let middle = low + (high - low) / 2;
            let from = keys::event(
                tenant,
                keys::EventSlot {
                    space,
                    sequence: middle,
                },
            );
            match scan(&events, &from, &end)?.next().map(entry).transpose()? {
                Some((sequence, accepted)) if accepted < since => low = sequence + 1,
                _ => high = middle,
            }
        }
        Ok(FeedPosition {
            major: low.saturating_sub(1),
            minor: 0,
        })
    }

    fn kept_from(&self, tenant: &TenantId) -> Result<FeedPosition, StoreError> {
        let feeds = self.rows(tables::FEEDS)?;
        let row = get(&feeds, tenant.as_str().as_bytes()).map_err(broken)?;
        Ok(FeedPosition {
            major: FeedRow::read(row.as_deref())?.removed,
            minor: 0,
        })
    }

    /// Dead letters, the newest first.
    pub(super) fn dead_letters(
        &self,
        tenant: &TenantId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError> {
        let from = keys::tenant(tenant);
        let to = match before {
            Some(before) => keys::dead_letters_until(tenant, before),
            None => keys::behind(from.clone()),
        };
        let dead = self.rows(tables::DEAD)?;
        let mut letters = Vec::new();
        for row in scan(&dead, &from, &to)?.rev().take(limit) {
            let (key, _) = row.map_err(broken)?;
            letters.push(keys::read_dead_letter(key.value()).ok_or_else(|| corrupt("dead letter"))?);
        }
        Ok(letters)
    }

    /// Tenants whose registry changed after a version, and the current version.
    pub(super) fn registry_changes(&self, since: u64) -> Result<(u64, Vec<TenantId>), StoreError> {
        let changes = self.rows(tables::CHANGES)?;
        let from = since.saturating_add(1).to_be_bytes();
        let (mut version, mut tenants) = (since, Vec::new());
        for row in changes.range::<&[u8]>(&from[..]..).map_err(broken)? {
            let (key, tenant) = row.map_err(broken)?;
            version = read_version(key.value())?;
            let tenant = read_change(tenant.value())?;
            if since > 0 || self.revision(&tenant)?.entries > 0 {
                tenants.push(tenant);
            }
        }
        Ok((version, tenants))
    }

    /// A tenant's registry.
    pub(super) fn registry(&self, tenant: &TenantId) -> Result<Option<RegistryRecord>, StoreError> {
        let revision = self.revision(tenant)?.revision();
        if revision == 0 {
            return Ok(None);
        }
        let prefix = keys::tenant(tenant);
        let mut entries = Vec::new();
        for row in scan(
            &self.rows(tables::ENTRIES)?,
            &prefix,
            &keys::behind(prefix.clone()),
        )? {
            let (key, value) = row.map_err(broken)?;
            let name = std::str::from_utf8(&key.value()[prefix.len()..]).map_err(|_| corrupt("entry"))?;
            let value = row_checksum::open(key.value(), value.value(), "entry")?;
            entries.push((name.to_owned(), value));
        }
        Ok(Some(RegistryRecord { revision, entries }))
    }

    fn revision(&self, tenant: &TenantId) -> Result<RevisionRow, StoreError> {
        let row = get(&self.rows(tables::REVISIONS)?, tenant.as_str().as_bytes()).map_err(broken)?;
        RevisionRow::read(row.as_deref())
    }

    /// Statistics of a subscription.
    pub(super) fn stats(&self, tenant: &TenantId, id: SubscriptionId) -> Result<Stats, StoreError> {
        let row = get(&self.rows(tables::STATS)?, &keys::subscription(tenant, id)).map_err(broken)?;
        let record = row.map(|row| StatsRecord::decode(&row)).transpose()?;
        Ok(record.unwrap_or_default().stats)
    }

    /// A blob.
    pub(super) fn blob(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        get(&self.rows(tables::BLOBS)?, name.as_bytes()).map_err(broken)
    }

    /// Note that has not ended at this time.
    pub(super) fn note(&self, name: &str, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let row = get(&self.rows(tables::NOTES)?, name.as_bytes()).map_err(broken)?;
        let row = row.map(|row| NoteRow::read(&row)).transpose()?;
        Ok(row.filter(|row| row.end > now).map(|row| row.note))
    }

    /// Number of an owner's notes.
    pub(super) fn notes_of(&self, owner: &str) -> Result<u64, StoreError> {
        let row = get(&self.rows(tables::NOTE_COUNTS)?, owner.as_bytes()).map_err(broken)?;
        read_count(row.as_deref())
    }

    /// Bytes of the events of each tenant.
    pub(super) fn stored(&self) -> Result<Stored, StoreError> {
        let usage = self.rows(tables::USAGE)?;
        let rows = usage.range::<&[u8]>(..).map_err(broken)?;
        rows.map(|row| {
            let (tenant, bytes) = row.map_err(broken)?;
            usage::read_row(tenant.value(), bytes.value())
        })
        .collect()
    }

    /// Every pending delivery. One that cannot be read is left out and noted.
    ///
    /// # Errors
    /// `Corrupt`: there are not as many as the table has.
    pub(super) fn pending(&self, damage: &Damage) -> Result<Vec<(Key, DueRow)>, StoreError> {
        let due = self.rows(tables::DUE)?;
        let (mut pending, mut count, mut last) = (Vec::new(), 0, Vec::new());
        for row in due.range::<&[u8]>(..).map_err(broken)? {
            let (key, row) = row.map_err(broken)?;
            if count > 0 && key.value() <= &last[..] {
                return Err(corrupt("due"));
            }
            key.value().clone_into(&mut last);
            count += 1;
            match DueRow::read(key.value(), row.value()) {
                Ok(row) => pending.push((Key::from(key.value()), row)),
                Err(error) => damage.row(key.value(), &error),
            }
        }
        let expected = due.len().map_err(broken)?;
        if count != expected {
            return Err(StoreError::Corrupt(format!(
                "{count} of {expected} pending deliveries can be found in its file"
            )));
        }
        Ok(pending)
    }

    pub(super) fn rows(
        &self,
        table: TableDefinition<'static, &'static [u8], &'static [u8]>,
    ) -> Result<Rows, StoreError> {
        self.0.open_table(table).map_err(broken)
    }
}

/// Range of a feed's entries.
#[derive(Debug, Clone, Copy)]
pub(super) enum FeedRange {
    /// Those after a position, the oldest first.
    After(FeedPosition),
    /// Those before a position, the newest first.
    Before(FeedPosition),
}

/// Converts an error of the database into one of the store.
pub(super) fn broken(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => StoreError::Corrupt(what),
        error => StoreError::Unavailable(error.to_string()),
    }
}

pub(super) fn scan<'t>(
    table: &'t Rows,
    from: &[u8],
    to: &[u8],
) -> Result<redb::Range<'t, &'static [u8], &'static [u8]>, StoreError> {
    // The database panics on a range that ends before it begins. After the end of a feed there are
    // no entries.
    let from = from.min(to);
    ReadableTable::range::<&[u8]>(table, from..to).map_err(broken)
}

fn find_event(
    places: &Rows,
    events: &Rows,
    tenant: &TenantId,
    id: &EventId,
) -> Result<Option<(Event, Vec<Target>)>, StoreError> {
    let Some(place) = get(places, &keys::named(tenant, id.as_str())).map_err(broken)? else {
        return Ok(None);
    };
    let key = keys::event(tenant, read_place(&place)?);
    let row = get(events, &key).map_err(broken)?;
    let row = row.ok_or_else(|| corrupt("event"))?;
    let (event, targets) = read_event(tenant, &row)?;
    // Its place leads to it, and not to another.
    match event.id == *id {
        true => Ok(Some((event, targets))),
        false => Err(corrupt("place")),
    }
}

fn read_event(tenant: &TenantId, row: &Bytes) -> Result<(Event, Vec<Target>), StoreError> {
    let row = EventRow::read(row)?;
    decode_event(tenant, &row.id, &row.record)
}

fn read_record(deliveries: &Rows, key: &[u8]) -> Result<Option<DeliveryRecord>, StoreError> {
    let record = get(deliveries, key).map_err(broken)?;
    record.map(|record| read_delivery_row(key, &record)).transpose()
}

fn delivery_id(key: &[u8]) -> Result<DeliveryId, StoreError> {
    let (_, id) = keys::read_delivery(key).ok_or_else(|| corrupt("delivery"))?;
    Ok(id)
}

fn untried(id: DeliveryId, row: DueRow) -> Delivery {
    Delivery {
        id,
        trigger: row.trigger,
        state: DeliveryState::Pending { next: row.due },
        attempts: 0,
        first_attempt: None,
        last: None,
    }
}

fn tried(id: DeliveryId, record: DeliveryRecord) -> Delivery {
    Delivery {
        id,
        trigger: record.trigger,
        state: record.state,
        attempts: record.attempts,
        first_attempt: record.first_attempt,
        last: record.last.map(|attempt| attempt.outcome),
    }
}
