//! One transaction of the writer: its tables, and what memory must learn once it is committed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{ReadableTable, WriteTransaction};

use super::index::{Index, Key};
use super::keys::{self, Place, Space};
use super::tables::{DueRow, FeedRow, Tables};
use super::usage::{Stored, Used};
use crate::domain::{TenantId, Timestamp};
use crate::store::codec::StatsRecord;
use crate::store::{Retention, StoreError};

/// What one operation comes to. The outer error ends the transaction for everybody in it; the inner one is this one's own answer,
/// and then it has written nothing.
pub(super) type Step<T> = Result<Result<T, StoreError>, redb::Error>;

/// Every tenant's next sequence, as far as it was asked for.
pub(super) type Sequences = HashMap<TenantId, u64>;

/// What operations need to know beside the tables.
pub(super) struct Rules {
    /// How long things are kept.
    pub(super) retention: Retention,
    /// Most deliveries that may be pending.
    pub(super) max_pending: usize,
}

/// A transaction under way.
pub(super) struct Turn<'t> {
    pub(super) tables: Tables<'t>,
    pub(super) rules: &'t Rules,
    /// The store's time, the same for all of the transaction.
    pub(super) now: Timestamp,
    /// Why new events are not taken, if so.
    pub(super) refusing: Option<StoreError>,
    index: &'t Mutex<Index>,
    sequences: &'t mut Sequences,
    pub(super) effects: Effects,
    /// Statistics that were changed, to be written at the end.
    pub(super) counted: HashMap<Vec<u8>, StatsRecord>,
    /// What tenants use, as far as it was changed, to be written at the end.
    pub(super) used: HashMap<TenantId, Used>,
    wrote: bool,
}

/// What memory learns after the commit.
#[derive(Default)]
pub(super) struct Effects {
    /// Pending deliveries that are new, with when they are due or their lease ends.
    added: Vec<(Key, Timestamp, DueRow)>,
    /// Deliveries that claims may have again.
    unparked: Vec<Key>,
    /// Bytes of the events of tenants.
    pub(super) stored: Vec<(TenantId, u64)>,
}

impl<'t> Turn<'t> {
    /// Begins. The tables live as long as the transaction is borrowed.
    pub(super) fn begin(
        transaction: &'t WriteTransaction,
        rules: &'t Rules,
        index: &'t Mutex<Index>,
        sequences: &'t mut Sequences,
        now: Timestamp,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            tables: Tables::open(transaction)?,
            rules,
            now,
            refusing: None,
            index,
            sequences,
            effects: Effects::default(),
            counted: HashMap::new(),
            used: HashMap::new(),
            wrote: false,
        })
    }

    /// Closes the tables. Whether there is anything to commit, and what to tell the index then.
    pub(super) fn end(self) -> (bool, Effects) {
        (self.wrote, self.effects)
    }

    /// Says that something was written.
    pub(super) fn wrote(&mut self) {
        self.wrote = true;
    }

    /// The pending deliveries; held for a moment only, claims wait for it.
    pub(super) fn index(&self) -> MutexGuard<'t, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many deliveries are pending, with those of this transaction.
    pub(super) fn pending(&self) -> usize {
        self.index().len() + self.effects.added.len()
    }

    /// Writes a pending delivery, which claims see after the commit: due by its row, or leased until `score`.
    pub(super) fn add_pending(
        &mut self,
        tenant: &TenantId,
        key: &[u8],
        score: Timestamp,
        row: DueRow,
    ) -> Result<(), redb::Error> {
        self.tables.due.insert(key, &row.encode()[..])?;
        self.effects.added.push((Arc::from(key), score, row));
        self.used(tenant).added_pending += 1;
        self.wrote = true;
        Ok(())
    }

    /// Lets no claim have a delivery any more whose row is removed.
    pub(super) fn drop_pending(&mut self, tenant: &TenantId, key: &[u8]) {
        self.index().remove(key);
        let before = self.effects.added.len();
        self.effects.added.retain(|(added, ..)| **added != *key);
        let dropped = (before - self.effects.added.len()) as u64;
        let used = self.used(tenant);
        used.added_pending = used.added_pending.saturating_sub(dropped);
        self.wrote = true;
    }

    /// Lets claims have a parked delivery again after the commit.
    pub(super) fn unpark_later(&mut self, key: &[u8]) {
        self.effects.unparked.push(Arc::from(key));
    }

    /// Makes sure that the tenant's next sequence is known.
    pub(super) fn know_sequence(&mut self, tenant: &TenantId) -> Step<()> {
        if self.sequences.contains_key(tenant) {
            return Ok(Ok(()));
        }
        Ok(self.first_sequence(tenant)?.map(|first| {
            self.sequences.insert(tenant.clone(), first);
        }))
    }

    /// The next place in a list of a tenant whose sequence is known.
    pub(super) fn take_place(&mut self, tenant: &TenantId, space: Space) -> Place {
        let next = self.sequences.entry(tenant.clone()).or_insert(1);
        let sequence = *next;
        *next += 1;
        Place { space, sequence }
    }

    /// The next sequence of a tenant whose sequence is known.
    pub(super) fn sequence(&self, tenant: &TenantId) -> u64 {
        self.sequences.get(tenant).copied().unwrap_or(1)
    }

    /// The sequence after the last one that the tenant's rows tell of.
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
    /// Tells the index and the usage in memory.
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
