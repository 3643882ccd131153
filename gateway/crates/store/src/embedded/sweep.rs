//! Removes expired data in small steps, inside the write transaction.
//!
//! Accepts and settlements wait no longer for a step than for a batch.

use std::ops::Range;

use bytes::Bytes;

use super::keys::{self, EventSlot, Space};
use super::tables::{EventRow, FeedRow, KeyRow, corrupt, get, read_delivery_row};
use super::write_txn::{Step, WriteTxn};
use crate::StoreError;
use hookgate_domain::{DeliveryId, DeliveryState, EventId, TenantId, Timestamp};

/// Maximum number of rows per transaction.
pub(super) const STEP: usize = 256;

/// Progress of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Events from this key on.
    Events(Vec<u8>),
    /// Idempotency keys, the oldest first.
    Keys,
    /// Statistics from this key on.
    Stats(Vec<u8>),
    /// Attempt logs from this key on.
    Log(Vec<u8>),
    /// Time series from this key on.
    Series(Vec<u8>),
    /// Notes that are over.
    Notes,
}

impl Stage {
    /// First stage of a sweep.
    pub(super) const FIRST: Self = Self::Events(Vec::new());
}

/// Next event, as seen by a sweep.
enum Found {
    /// Expired event.
    Old(TenantId, EventSlot, EventId),
    /// The event has not expired, and neither have all events up to this key.
    Young(Vec<u8>),
    /// No event.
    Nothing,
}

impl WriteTxn<'_> {
    /// Performs one step of a sweep; returns the next stage, `None` at the end.
    pub(super) fn sweep(&mut self, stage: Stage) -> Step<Option<Stage>> {
        match stage {
            Stage::Events(from) => self.sweep_events(from),
            Stage::Keys => self.sweep_keys(),
            Stage::Stats(from) => self.sweep_stats(&from),
            Stage::Log(from) => self.sweep_log(&from),
            Stage::Series(from) => self.sweep_series(&from),
            Stage::Notes => self.sweep_notes(STEP),
        }
    }

    fn sweep_events(&mut self, mut from: Vec<u8>) -> Step<Option<Stage>> {
        let old = self.now.minus(self.rules.retention.events.get());
        for _ in 0..STEP {
            match self.next_event(&from, old)? {
                Ok(Found::Nothing) => return Ok(Ok(Some(Stage::Keys))),
                Ok(Found::Young(until)) => from = until,
                Ok(Found::Old(tenant, place, event)) => {
                    if let Err(error) = self.remove_event(&tenant, place, &event)? {
                        return Ok(Err(error));
                    }
                    let next = EventSlot {
                        sequence: place.sequence + 1,
                        ..place
                    };
                    from = keys::event(&tenant, next);
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Some(Stage::Events(from))))
    }

    fn next_event(&self, from: &[u8], old: Timestamp) -> Step<Found> {
        let Some(row) = self.tables.events.range::<&[u8]>(from..)?.next().transpose()? else {
            return Ok(Ok(Found::Nothing));
        };
        let Some((tenant, place)) = keys::read_event(row.0.value()) else {
            return Ok(Err(corrupt("event")));
        };
        Ok(
            EventRow::read(&Bytes::copy_from_slice(row.1.value())).map(|event| {
                if event.accepted <= old {
                    Found::Old(tenant, place, event.id)
                } else {
                    Found::Young(keys::behind(keys::space(&tenant, place.space)))
                }
            }),
        )
    }

    /// Removes an event with its deliveries; with a pending delivery, from the feed only.
    pub(super) fn remove_event(&mut self, tenant: &TenantId, place: EventSlot, event: &EventId) -> Step<()> {
        let deliveries = keys::deliveries_of(tenant, event);
        let deliveries = deliveries.clone()..keys::behind(deliveries);
        let range = &deliveries.start[..]..&deliveries.end[..];
        let pending = self.tables.due.range::<&[u8]>(range)?.next().is_some();
        if pending && place.space == Space::Hidden {
            return Ok(Ok(()));
        }
        if place.space == Space::Feed
            && let Err(error) = self.feed_begins_after(tenant, place.sequence)?
        {
            return Ok(Err(error));
        }
        if pending {
            self.hide(tenant, place, event)?;
            return Ok(Ok(()));
        }
        if let Err(error) = self.remove_deliveries(tenant, &deliveries)? {
            return Ok(Err(error));
        }
        let row = get(&self.tables.events, &keys::event(tenant, place))?;
        let bytes = match row.as_ref().map(EventRow::read).transpose() {
            Ok(row) => row.map_or(0, |row| row.record.len() as u64),
            Err(error) => return Ok(Err(error)),
        };
        self.free_bytes(tenant, bytes)?;
        self.tables.events.remove(&keys::event(tenant, place)[..])?;
        self.tables
            .places
            .remove(&keys::named(tenant, event.as_str())[..])?;
        self.wrote();
        Ok(Ok(()))
    }

    fn hide(&mut self, tenant: &TenantId, place: EventSlot, event: &EventId) -> Result<(), redb::Error> {
        let from = keys::event(tenant, place);
        let aside = EventSlot {
            space: Space::Hidden,
            ..place
        };
        if let Some(row) = get(&self.tables.events, &from)? {
            self.tables
                .events
                .insert(&keys::event(tenant, aside)[..], &row[..])?;
        }
        self.tables.events.remove(&from[..])?;
        let id = keys::named(tenant, event.as_str());
        self.tables.places.insert(&id[..], &aside.to_bytes()[..])?;
        self.wrote();
        Ok(())
    }

    /// Records the new beginning of the feed, and the tenant's sequence.
    /// After the removal there may be no event left from which to derive the sequence.
    fn feed_begins_after(&mut self, tenant: &TenantId, removed: u64) -> Step<()> {
        if let Err(error) = self.know_sequence(tenant)? {
            return Ok(Err(error));
        }
        let next = self.sequence(tenant);
        let row = FeedRow { next, removed };
        self.tables
            .feeds
            .insert(tenant.as_str().as_bytes(), &row.encode()[..])?;
        self.wrote();
        Ok(Ok(()))
    }

    fn remove_deliveries(&mut self, tenant: &TenantId, range: &Range<Vec<u8>>) -> Step<()> {
        let keys_in_range = || &range.start[..]..&range.end[..];
        let mut dead = Vec::new();
        for row in self.tables.deliveries.range::<&[u8]>(keys_in_range())? {
            let (key, record) = row?;
            match dead_letter(key.value(), record.value()) {
                Ok(letter) => dead.extend(letter),
                Err(error) => return Ok(Err(error)),
            }
        }
        for (at, id) in dead {
            self.tables.dead.remove(&keys::dead_letter(tenant, at, &id)[..])?;
        }
        self.tables
            .deliveries
            .write()?
            .retain_in::<&[u8], _>(keys_in_range(), |_, _| false)?;
        self.tables
            .attempts
            .write()?
            .retain_in::<&[u8], _>(keys_in_range(), |_, _| false)?;
        self.wrote();
        Ok(Ok(()))
    }

    fn sweep_keys(&mut self) -> Step<Option<Stage>> {
        let old = self.now.minus(self.rules.retention.idempotency_keys.get());
        let mut aged = Vec::new();
        for row in self.tables.key_ages.range::<&[u8]>(..)?.take(STEP) {
            let (key, _) = row?;
            let Some((at, name)) = key.value().split_first_chunk::<8>() else {
                return Ok(Err(corrupt("idempotency key")));
            };
            let first_used = Timestamp::from_micros(u64::from_be_bytes(*at));
            if first_used > old {
                break;
            }
            aged.push((first_used, name.to_vec()));
        }
        for (first_used, name) in &aged {
            let row = get(&self.tables.keys, name)?;
            match row.map(|row| KeyRow::read(&row)).transpose() {
                // The key may have been used again since it expired.
                Ok(Some(row)) if row.first_used != *first_used => {}
                Ok(_) => {
                    self.tables.keys.remove(&name[..])?;
                }
                Err(error) => return Ok(Err(error)),
            }
            self.tables.key_ages.remove(&keys::aged(*first_used, name)[..])?;
            self.wrote();
        }
        let done = aged.len() < STEP;
        Ok(Ok(Some(if done {
            Stage::Stats(Vec::new())
        } else {
            Stage::Keys
        })))
    }
}

fn dead_letter(key: &[u8], record: &[u8]) -> Result<Option<(Timestamp, DeliveryId)>, StoreError> {
    let record = read_delivery_row(key, record)?;
    let DeliveryState::Dead { at } = record.state else {
        return Ok(None);
    };
    let (_, id) = keys::read_delivery(key).ok_or_else(|| corrupt("delivery"))?;
    Ok(Some((at, id)))
}
