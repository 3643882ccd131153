//! Accepts submissions, inside the write transaction.

use super::keys::{self, Space};
use super::tables::{DueRow, EventRow, KeyRow};
use super::write_txn::{Step, WriteTxn};
use crate::codec::encode_event;
use crate::{Accepted, Idempotency, NewEvent, StoreError, Submission, Token};
use hookgate_domain::{DeliveryId, Fate, StoredUsage, Timestamp, Trigger};

impl WriteTxn<'_> {
    /// Stores a submission, or returns the result stored under its idempotency key.
    pub(super) fn accept(&mut self, submission: &Submission) -> Step<Accepted> {
        if let Some(refusal) = &self.refusing {
            return Ok(Err(refusal.clone()));
        }
        let deliveries: usize = submission.events.iter().map(|new| new.targets.len()).sum();
        if self.pending() + deliveries > self.rules.max_pending {
            let reason = format!("{} deliveries are pending already", self.rules.max_pending);
            return Ok(Err(StoreError::Full(reason)));
        }
        if let Some(idempotency) = &submission.idempotency {
            match self.look_up(submission, idempotency)? {
                Ok(None) => {}
                Ok(Some(answer)) => return Ok(Ok(answer)),
                Err(error) => return Ok(Err(error)),
            }
        }
        let records: Vec<_> = submission
            .events
            .iter()
            .map(|new| encode_event(&new.event, &new.targets))
            .collect();
        if !submission.limits.is_unlimited() {
            let added = self.addition(submission, &records)?;
            if let Err(over) = self.room_for(&submission.tenant, submission.limits, added)? {
                return Ok(Err(over));
            }
        }
        self.store(submission, &records)
    }

    /// Increase of the tenant's usage by a submission.
    fn addition(&self, submission: &Submission, records: &[Vec<u8>]) -> Result<StoredUsage, redb::Error> {
        let mut added = StoredUsage::default();
        for (new, record) in submission.events.iter().zip(records) {
            let id = keys::named(&submission.tenant, new.event.id.as_str());
            if !new.id_given || self.tables.places.get(&id[..])?.is_none() {
                added.pending_deliveries += new.targets.len() as u64;
                added.stored_bytes += record.len() as u64;
            }
        }
        Ok(added)
    }

    /// Stored result of the idempotency key; `None` if the key is new.
    fn look_up(&mut self, submission: &Submission, idempotency: &Idempotency) -> Step<Option<Accepted>> {
        let name = keys::named(&submission.tenant, &idempotency.key);
        let row = self.tables.keys.get(&name[..])?;
        let known = match row.map(|row| KeyRow::read(row.value())).transpose() {
            Ok(Some(known)) => known,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        if self.now >= known.first_used.plus(self.rules.retention.idempotency_keys.get()) {
            return Ok(Ok(None));
        }
        Ok(Ok(Some(if known.fingerprint == idempotency.fingerprint {
            Accepted::Repeated(known.events)
        } else {
            Accepted::KeyReused
        })))
    }

    fn store(&mut self, submission: &Submission, records: &[Vec<u8>]) -> Step<Accepted> {
        let end = submission.lease.lease().map(|lease| self.now.plus(lease));
        // Only the sequence can be unreadable here, so it is read before anything is written.
        if !submission.events.is_empty()
            && let Err(error) = self.know_sequence(&submission.tenant)?
        {
            return Ok(Err(error));
        }
        let mut fresh = Vec::with_capacity(submission.events.len());
        for (new, record) in submission.events.iter().zip(records) {
            fresh.push(self.store_event(submission, (new, record), end)?);
        }
        if let Some(idempotency) = &submission.idempotency {
            self.remember(submission, idempotency)?;
        }
        let token = end.map(Token);
        Ok(Ok(Accepted::Stored { fresh, token }))
    }

    /// Stores an event; returns `true` if it was new. `end` is the end of its leases, if any.
    fn store_event(
        &mut self,
        submission: &Submission,
        (new, record): (&NewEvent, &[u8]),
        end: Option<Timestamp>,
    ) -> Result<bool, redb::Error> {
        let (tenant, event) = (&submission.tenant, &new.event);
        let id = keys::named(tenant, event.id.as_str());
        if self.tables.places.get(&id[..])?.is_some() {
            return Ok(false);
        }
        let space = match event.fate {
            Fate::Published => Space::Feed,
            Fate::Filtered { .. } | Fate::Test => Space::Hidden,
        };
        let place = self.take_place(tenant, space);
        let row = EventRow::encode(self.now, &event.id, record);
        self.store_bytes(tenant, record.len() as u64)?;
        let key = keys::event(tenant, place);
        self.tables.events.insert(&key[..], &row[..])?;
        self.tables.places.insert(&id[..], &place.to_bytes()[..])?;
        self.wrote();

        let trigger = match event.fate {
            Fate::Published | Fate::Filtered { .. } => Trigger::Published,
            Fate::Test => Trigger::Test,
        };
        for target in &new.targets {
            let id = DeliveryId {
                event: event.id.clone(),
                target: *target,
                run: 0,
            };
            let due = DueRow::new(self.now, trigger);
            let held = end.filter(|_| submission.lease.holds(*target));
            self.add_pending(
                tenant,
                &keys::delivery(tenant, &id),
                held.unwrap_or(self.now),
                due,
            )?;
        }
        Ok(true)
    }

    fn remember(&mut self, submission: &Submission, idempotency: &Idempotency) -> Result<(), redb::Error> {
        let name = keys::named(&submission.tenant, &idempotency.key);
        let row = KeyRow {
            first_used: self.now,
            fingerprint: idempotency.fingerprint,
            events: submission.events.iter().map(|new| new.event.id.clone()).collect(),
        };
        // The age row of an expired use stays; the sweep compares the time of first use and removes
        // only that row.
        self.tables.keys.insert(&name[..], &row.encode()[..])?;
        self.tables
            .key_ages
            .insert(&keys::aged(self.now, &name)[..], &[][..])?;
        self.wrote();
        Ok(())
    }
}
