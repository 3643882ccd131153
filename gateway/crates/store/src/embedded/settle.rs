//! Settles and enqueues deliveries, inside the write transaction.

use super::index::{Entry, Index, Taken};
use super::keys;
use super::row_checksum::with_checksum;
use super::tables::{Crashes, DueRow, delivery_row, get, read_delivery_row};
use super::write_txn::{Step, WriteTxn};
use crate::codec::{DeliveryRecord, encode_attempt};
use crate::tally::Added;
use crate::{LoggedAttempt, Next, Settled, Settlement, StoreError};
use hookgate_domain::{Attempt, DeliveryId, DeliveryState, StoredLimits, StoredUsage, TenantId, Trigger};

/// Extends a lease, if that is what a settlement does.
/// Leases are in memory only: that needs no transaction, and goes on while the disk does not answer.
pub(super) fn extend(index: &mut Index, settlement: &Settlement) -> Option<Settled> {
    let Next::Extend(until) = settlement.next else {
        return None;
    };
    let key = keys::delivery(&settlement.tenant, &settlement.id);
    Some(index.extend(&key, settlement.token, until))
}

impl WriteTxn<'_> {
    /// Ends or extends a lease.
    pub(super) fn settle(&mut self, settlement: &Settlement) -> Step<Settled> {
        let key = keys::delivery(&settlement.tenant, &settlement.id);
        if let Next::Extend(until) = settlement.next {
            return Ok(Ok(self.index().extend(&key, settlement.token, until)));
        }
        let always = matches!(settlement.next, Next::Done);
        let taken = self.index().take(&key, settlement.token, always);
        let entry = match taken {
            Taken::Parked(entry) => entry,
            Taken::Stale => return Ok(Ok(Settled::Stale)),
            Taken::Missing => return Ok(Ok(Settled::Missing)),
        };
        let settled = self.settle_parked(&key, entry, settlement)?;
        if settled.is_ok()
            && let Some(added) = Added::of(settlement)
        {
            self.count(&settlement.tenant, added)?;
        }
        if settled.is_ok()
            && let Some(logged) = LoggedAttempt::of(settlement)
        {
            self.log(&settlement.tenant, &logged);
        }
        self.unpark_later(&key);
        Ok(settled)
    }

    fn settle_parked(&mut self, key: &[u8], entry: Entry, settlement: &Settlement) -> Step<Settled> {
        let attempt = settlement.attempt.as_ref();
        let at = self.now;
        let ended = match &settlement.next {
            Next::Done => DeliveryState::Delivered { at },
            Next::Dead => DeliveryState::Dead { at },
            Next::Cancelled => DeliveryState::Cancelled { at },
            Next::Shadowed => DeliveryState::Shadowed { at },
            Next::RetryAt { at, body } => {
                let record = match self.attempted(key, entry, attempt)? {
                    Ok(record) => record,
                    Err(error) => return Ok(Err(error)),
                };
                let body = body.clone().or_else(|| record.body.clone());
                let crashes = match self.crashes_after(key, entry, attempt)? {
                    Ok(crashes) => crashes,
                    Err(error) => return Ok(Err(error)),
                };
                let row = DueRow {
                    crashes,
                    ..DueRow::new(*at, entry.trigger)
                };
                self.retry(key, row, DeliveryRecord { body, ..record })?;
                return Ok(Ok(Settled::Applied(None)));
            }
            Next::Release => {
                self.index().rescore(key, at, entry.due);
                return Ok(Ok(Settled::Applied(None)));
            }
            // `settle` extends a lease without parking the delivery.
            Next::Extend(_) => return Ok(Ok(Settled::Stale)),
        };
        let record = match self.attempted(key, entry, attempt)? {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        self.finish(
            key,
            settlement,
            DeliveryRecord {
                state: ended,
                ..record
            },
        )?;
        Ok(Ok(Settled::Applied(None)))
    }

    /// Schedules a retry: stores the time that was computed for it.
    fn retry(&mut self, key: &[u8], row: DueRow, record: DeliveryRecord) -> Result<(), redb::Error> {
        let due = row.due;
        self.tables.due.insert(key, &row.encode(key)[..])?;
        let state = DeliveryState::Pending { next: due };
        let record = DeliveryRecord { state, ..record };
        self.tables
            .deliveries
            .insert(key, &delivery_row(key, &record)[..])?;
        self.wrote();
        let mut index = self.index();
        index.rescore(key, due, due);
        index.set_crashes(key, row.crashes.count);
        Ok(())
    }

    /// Crashes of a delivery after a settlement: an attempt with an outcome resets the count.
    fn crashes_after(&self, key: &[u8], entry: Entry, attempt: Option<&Attempt>) -> Step<Crashes> {
        if entry.crashes == 0 || attempt.is_some() {
            return Ok(Ok(Crashes::default()));
        }
        self.crashes(key)
    }

    fn finish(
        &mut self,
        key: &[u8],
        settlement: &Settlement,
        record: DeliveryRecord,
    ) -> Result<(), redb::Error> {
        self.tables.due.remove(key)?;
        let record = DeliveryRecord { body: None, ..record };
        self.tables
            .deliveries
            .insert(key, &delivery_row(key, &record)[..])?;
        if let DeliveryState::Dead { at } = record.state {
            let letter = keys::dead_letter(&settlement.tenant, at, &settlement.id);
            self.tables.dead.insert(&letter[..], &[][..])?;
        }
        self.wrote();
        self.index().remove(key);
        Ok(())
    }

    /// Record of the delivery with one more attempt.
    /// The previous last attempt becomes a row of its own: most deliveries have one attempt, and so
    /// one row.
    fn attempted(&mut self, key: &[u8], entry: Entry, attempt: Option<&Attempt>) -> Step<DeliveryRecord> {
        let mut record = match self.record(key, entry)? {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(attempt) = attempt {
            if let Some(earlier) = record.last.replace(attempt.clone()) {
                let index = record.attempts.saturating_sub(1);
                let name = keys::attempt(key, index);
                self.tables
                    .attempts
                    .insert(&name[..], &with_checksum(&name, encode_attempt(&earlier))[..])?;
                self.wrote();
            }
            record.attempts += 1;
            record.first_attempt.get_or_insert(attempt.started);
        }
        Ok(Ok(record))
    }

    pub(super) fn record(&self, key: &[u8], entry: Entry) -> Step<DeliveryRecord> {
        Ok(match get(&self.tables.deliveries, key)? {
            Some(row) => read_delivery_row(key, &row),
            None => Ok(DeliveryRecord {
                trigger: entry.trigger,
                state: DeliveryState::Pending { next: entry.due },
                attempts: 0,
                first_attempt: None,
                last: None,
                body: None,
            }),
        })
    }

    /// Makes deliveries of stored events; returns the number made.
    pub(super) fn enqueue(
        &mut self,
        tenant: &TenantId,
        deliveries: &[(DeliveryId, Trigger)],
        limits: StoredLimits,
    ) -> Step<usize> {
        if self.pending() + deliveries.len() > self.rules.max_pending {
            let reason = format!("{} deliveries are pending already", self.rules.max_pending);
            return Ok(Err(StoreError::Full(reason)));
        }
        let added = StoredUsage {
            pending_deliveries: deliveries.len() as u64,
            stored_bytes: 0,
        };
        if let Err(over) = self.room_for(tenant, limits, added)? {
            return Ok(Err(over));
        }
        let mut made = 0;
        for (id, trigger) in deliveries {
            let key = keys::delivery(tenant, id);
            let event = keys::named(tenant, id.event.as_str());
            let possible = self.tables.places.get(&event[..])?.is_some()
                && self.tables.due.get(&key[..])?.is_none()
                && self.tables.deliveries.get(&key[..])?.is_none();
            if possible {
                let row = DueRow::new(self.now, *trigger);
                self.add_pending(tenant, &key, self.now, row)?;
                made += 1;
            }
        }
        Ok(Ok(made))
    }
}
