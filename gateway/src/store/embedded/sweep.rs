//! Removing what is old, inside the writer's transaction, a little at a time: those who accept and settle wait no longer for it
//! than for a batch.

use std::ops::Range;

use bytes::Bytes;
use redb::ReadableTable;

use super::keys::{self, Place, Space};
use super::tables::{EventRow, FeedRow, KeyRow, corrupt, get};
use super::turn::{Step, Turn};
use crate::domain::{DeliveryId, DeliveryState, EventId, TenantId, Timestamp};
use crate::store::StoreError;
use crate::store::codec::DeliveryRecord;

/// Rows that one transaction looks at.
pub(super) const STEP: usize = 256;

/// How far a sweep has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Events from this key on.
    Events(Vec<u8>),
    /// Idempotency keys, the oldest first.
    Keys,
    /// Statistics from this key on.
    Stats(Vec<u8>),
    /// Notes that are over.
    Notes,
}

impl Stage {
    /// Where a sweep begins.
    pub(super) const FIRST: Self = Self::Events(Vec::new());
}

/// What the next event is to a sweep.
enum Found {
    /// It is old.
    Old(TenantId, Place, EventId),
    /// It is young, and so are all up to this key.
    Young(Vec<u8>),
    /// There is none.
    Nothing,
}

impl Turn<'_> {
    /// Goes on with a sweep. Where it goes on after this; `None` when it is at its end.
    pub(super) fn sweep(&mut self, stage: Stage) -> Step<Option<Stage>> {
        match stage {
            Stage::Events(from) => self.sweep_events(from),
            Stage::Keys => self.sweep_keys(),
            Stage::Stats(from) => self.sweep_stats(&from),
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
                    let next = Place {
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

    /// Removes an event with all that belongs to it; from the feed only, when a delivery is still pending.
    pub(super) fn remove_event(&mut self, tenant: &TenantId, place: Place, event: &EventId) -> Step<()> {
        let deliveries = keys::deliveries_of(tenant, event);
        let deliveries = deliveries.clone()..keys::behind(deliveries);
        let range = &deliveries.start[..]..&deliveries.end[..];
        let pending = self.tables.due.range::<&[u8]>(range)?.next().is_some();
        if pending && place.space == Space::Aside {
            return Ok(Ok(()));
        }
        if place.space == Space::Feed
            && let Err(error) = self.feed_begins_after(tenant, place.sequence)?
        {
            return Ok(Err(error));
        }
        if pending {
            self.set_aside(tenant, place, event)?;
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

    fn set_aside(&mut self, tenant: &TenantId, place: Place, event: &EventId) -> Result<(), redb::Error> {
        let from = keys::event(tenant, place);
        let aside = Place {
            space: Space::Aside,
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

    /// Notes that the feed begins later, and where its sequence is: soon no event may be left that tells it.
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
            .retain_in::<&[u8], _>(keys_in_range(), |_, _| false)?;
        self.tables
            .attempts
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
                // The key may have been used anew since it expired.
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
    let record = DeliveryRecord::decode(&Bytes::copy_from_slice(record))?;
    let DeliveryState::Dead { at } = record.state else {
        return Ok(None);
    };
    let (_, id) = keys::read_delivery(key).ok_or_else(|| corrupt("delivery"))?;
    Ok(Some((at, id)))
}
