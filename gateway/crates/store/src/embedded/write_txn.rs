//! Write transaction: its tables, and the changes of the memory after the commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use redb::WriteTransaction;

use super::attempt_log::LogEnds;
use super::index::{Index, Key};
use super::keys::{self, EventSlot, Space};
use super::tables::{DueRow, FeedRow, Tables};
use super::usage::{Stored, Used};
use crate::codec::StatsRecord;
use crate::{Retention, StoreError};
use hookgate_domain::{TenantId, Timestamp};

/// Result of one operation.
/// The outer error ends the whole transaction. The inner error is the answer of this operation,
/// which then has written nothing.
pub(super) type Step<T> = Result<Result<T, StoreError>, redb::Error>;

/// Every tenant's next sequence, as far as it was asked for.
type Sequences = HashMap<TenantId, u64>;

/// Ends of tenants' lists as the writer knows them, as far as it asked for it.
#[derive(Default)]
pub(super) struct Known {
    sequences: Sequences,
    log_ends: LogEnds,
}

impl Known {
    /// Forgets all of it: the file may have it otherwise.
    pub(super) fn clear(&mut self) {
        self.sequences.clear();
        self.log_ends.clear();
    }
}

/// Limits and retention for operations.
pub(super) struct Rules {
    /// Retention of stored data.
    pub(super) retention: Retention,
    /// Maximum number of pending deliveries.
    pub(super) max_pending: usize,
}

/// Write transaction in progress.
pub(super) struct WriteTxn<'t> {
    pub(super) tables: Tables<'t>,
    pub(super) rules: &'t Rules,
    /// The store's time, constant during the transaction.
    pub(super) now: Timestamp,
    /// Error of new events, if they are refused.
    pub(super) refusing: Option<StoreError>,
    index: &'t Mutex<Index>,
    sequences: &'t mut Sequences,
    pub(super) effects: Effects,
    /// Changed statistics, written at the end.
    pub(super) counted: HashMap<Vec<u8>, StatsRecord>,
    /// Changed usage of tenants, written at the end.
    pub(super) used: HashMap<TenantId, Used>,
    /// Attempts that were noted, to be written at the end.
    pub(super) logged: HashMap<TenantId, Vec<Bytes>>,
    pub(super) log_ends: &'t mut LogEnds,
    wrote: bool,
}

/// Changes of the memory after the commit.
#[derive(Default)]
pub(super) struct Effects {
    /// New pending deliveries, with the time at which they are due or their lease ends.
    added: Vec<(Key, Timestamp, DueRow)>,
    /// Deliveries that become claimable again.
    unparked: Vec<Key>,
    /// Bytes of events by tenant.
    pub(super) stored: Vec<(TenantId, u64)>,
}

impl<'t> WriteTxn<'t> {
    /// Begins a transaction. The tables live as long as the transaction is borrowed.
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        rules: &'t Rules,
        index: &'t Mutex<Index>,
        known: &'t mut Known,
        now: Timestamp,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            tables: Tables::of(transaction),
            rules,
            now,
            refusing: None,
            index,
            sequences: &mut known.sequences,
            effects: Effects::default(),
            counted: HashMap::new(),
            used: HashMap::new(),
            logged: HashMap::new(),
            log_ends: &mut known.log_ends,
            wrote: false,
        })
    }

    /// Closes the tables; returns the flag that there is data to commit, and the effects.
    pub(super) fn end(self) -> (bool, Effects) {
        (self.wrote, self.effects)
    }

    /// Records that data was written.
    pub(super) fn wrote(&mut self) {
        self.wrote = true;
    }

    /// Locks the index of pending deliveries; only briefly, because claims wait for it.
    pub(super) fn index(&self) -> MutexGuard<'t, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of pending deliveries, those of this transaction included.
    pub(super) fn pending(&self) -> usize {
        self.index().len() + self.effects.added.len()
    }

    /// Writes a pending delivery, which claims see after the commit.
    /// It is due by its row, or leased until `score`.
    pub(super) fn add_pending(
        &mut self,
        tenant: &TenantId,
        key: &[u8],
        score: Timestamp,
        row: DueRow,
    ) -> Result<(), redb::Error> {
        self.tables.due.insert(key, &row.encode(key)[..])?;
        self.effects.added.push((Arc::from(key), score, row));
        self.used(tenant).added_pending += 1;
        self.wrote = true;
        Ok(())
    }

    /// Removes a delivery from the index, because its row is removed.
    pub(super) fn drop_pending(&mut self, tenant: &TenantId, key: &[u8]) {
        self.index().remove(key);
        let before = self.effects.added.len();
        self.effects.added.retain(|(added, ..)| **added != *key);
        let dropped = (before - self.effects.added.len()) as u64;
        let used = self.used(tenant);
        used.added_pending = used.added_pending.saturating_sub(dropped);
        self.wrote = true;
    }

    /// Makes a parked delivery claimable after the commit.
    pub(super) fn unpark_later(&mut self, key: &[u8]) {
        self.effects.unparked.push(Arc::from(key));
    }

    /// Loads the tenant's next sequence.
    pub(super) fn know_sequence(&mut self, tenant: &TenantId) -> Step<()> {
        if self.sequences.contains_key(tenant) {
            return Ok(Ok(()));
        }
        Ok(self.first_sequence(tenant)?.map(|first| {
            self.sequences.insert(tenant.clone(), first);
        }))
    }

    /// Takes the next slot in a list of a tenant with a loaded sequence.
    pub(super) fn take_place(&mut self, tenant: &TenantId, space: Space) -> EventSlot {
        let next = self.sequences.entry(tenant.clone()).or_insert(1);
        let sequence = *next;
        *next += 1;
        EventSlot { space, sequence }
    }

    /// Next sequence of a tenant with a loaded sequence.
    pub(super) fn sequence(&self, tenant: &TenantId) -> u64 {
        self.sequences.get(tenant).copied().unwrap_or(1)
    }

    /// Sequence after the last one in the tenant's rows.
    fn first_sequence(&self, tenant: &TenantId) -> Step<u64> {
        let feed = self.tables.feeds.get(tenant.as_str().as_bytes())?;
        let mut next = match FeedRow::read(feed.as_ref().map(redb::AccessGuard::value)) {
            Ok(row) => row.next.max(1),
            Err(error) => return Ok(Err(error)),
        };
        for space in Space::ALL {
            let prefix = keys::space(tenant, space);
            let end = keys::behind(prefix.clone());
            let mut rows = self.tables.events.range::<&[u8]>(&prefix[..]..&end[..])?;
            if let Some(last) = rows.next_back().transpose()?
                && let Some((_, place)) = keys::read_event(last.0.value())
            {
                next = next.max(place.sequence + 1);
            }
        }
        Ok(Ok(next))
    }
}

impl Effects {
    /// Applies the changes to the index and the usage in memory.
    pub(super) fn apply(self, index: &Mutex<Index>, stored: &Mutex<Stored>) {
        if !self.stored.is_empty() {
            let mut stored = stored.lock().unwrap_or_else(PoisonError::into_inner);
            stored.extend(self.stored);
        }
        if self.added.is_empty() && self.unparked.is_empty() {
            return;
        }
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, score, row) in self.added {
            index.put(key, score, row);
        }
        for key in self.unparked {
            index.unpark(&key);
        }
    }
}
