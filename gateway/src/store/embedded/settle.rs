//! Settling and replaying, inside the writer's transaction.

use redb::ReadableTable;

use super::index::{Entry, Taken};
use super::keys;
use super::tables::{Crashes, DueRow, get};
use super::turn::{Step, Turn};
use crate::domain::{Attempt, DeliveryId, DeliveryState, StoredLimits, StoredUsage, TenantId, Trigger};
use crate::store::codec::{DeliveryRecord, encode_attempt};
use crate::store::tally::Added;
use crate::store::{Next, Settled, Settlement, StoreError, Token};

impl Turn<'_> {
    /// Ends or prolongs a lease.
    pub(super) fn settle(&mut self, settlement: &Settlement) -> Step<Settled> {
        let key = keys::delivery(&settlement.tenant, &settlement.id);
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
            Next::Extend(lease) => {
                let end = at.plus(*lease);
                self.index().rescore(key, end, entry.due);
                return Ok(Ok(Settled::Applied(Some(Token(end)))));
            }
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

    fn retry(&mut self, key: &[u8], row: DueRow, record: DeliveryRecord) -> Result<(), redb::Error> {
        let due = row.due;
        self.tables.due.insert(key, &row.encode()[..])?;
        let state = DeliveryState::Pending { next: due };
        let record = DeliveryRecord { state, ..record };
        self.tables.deliveries.insert(key, &record.encode()[..])?;
        self.wrote();
        let mut index = self.index();
        index.rescore(key, due, due);
        index.set_crashes(key, row.crashes.count);
        Ok(())
    }

    /// The crashes that a delivery keeps: an attempt with an outcome ends the count.
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
        self.tables.deliveries.insert(key, &record.encode()[..])?;
        if let DeliveryState::Dead { at } = record.state {
            let letter = keys::dead_letter(&settlement.tenant, at, &settlement.id);
            self.tables.dead.insert(&letter[..], &[][..])?;
        }
        self.wrote();
        self.index().remove(key);
        Ok(())
    }

    /// The delivery's record with an attempt more. What was the last attempt goes among the earlier ones: most deliveries have
    /// one attempt, and so one row.
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
                    .insert(&name[..], &encode_attempt(&earlier)[..])?;
                self.wrote();
            }
            record.attempts += 1;
            record.first_attempt.get_or_insert(attempt.started);
        }
        Ok(Ok(record))
    }

    pub(super) fn record(&self, key: &[u8], entry: Entry) -> Step<DeliveryRecord> {
        Ok(match get(&self.tables.deliveries, key)? {
            Some(row) => DeliveryRecord::decode(&row),
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

    /// Makes deliveries of events that are stored. How many were new.
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
