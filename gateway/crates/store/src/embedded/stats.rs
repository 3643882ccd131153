//! Counts attempts, inside the write transaction.
//!
//! A subscription's record is read once and written once per transaction, for any number of
//! attempts.

use std::collections::hash_map::Entry;

use super::keys;
use super::sweep::Stage;
use super::tables::get;
use super::write_txn::{Step, WriteTxn};
use crate::codec::StatsRecord;
use crate::tally::Added;
use hookgate_domain::{SubscriptionId, TenantId};

/// Maximum number of records per transaction.
const STEP: usize = 256;

impl WriteTxn<'_> {
    /// Counts an attempt, to be written at the end of the transaction.
    pub(super) fn count(&mut self, tenant: &TenantId, added: Added) -> Result<(), redb::Error> {
        let key = keys::subscription(tenant, added.tally.subscription);
        let record = match self.counted.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let row = get(&self.tables.stats, new.key())?;
                // An unreadable record is started anew: statistics never delay a delivery.
                let known = row.and_then(|row| StatsRecord::decode(&row).ok());
                new.insert(known.unwrap_or_default())
            }
        };
        let forget_at = added.tally.bucket.plus(added.tally.forget_after());
        record.forget_at = record.forget_at.max(forget_at);
        added.count(&mut record.stats);
        Ok(())
    }

    /// Writes the changed statistics.
    pub(super) fn write_counted(&mut self) -> Result<(), redb::Error> {
        for (key, record) in std::mem::take(&mut self.counted) {
            self.tables.stats.insert(&key[..], &record.encode()[..])?;
            self.wrote();
        }
        Ok(())
    }

    /// Deletes the statistics of subscriptions.
    pub(super) fn forget_stats(&mut self, tenant: &TenantId, ids: &[SubscriptionId]) -> Step<()> {
        for id in ids {
            let key = keys::subscription(tenant, *id);
            self.counted.remove(&key);
            self.tables.stats.remove(&key[..])?;
            self.wrote();
        }
        Ok(Ok(()))
    }

    /// Removes expired records from this key on; returns the next stage of the sweep.
    pub(super) fn sweep_stats(&mut self, from: &[u8]) -> Step<Option<Stage>> {
        let (mut old, mut seen) = (Vec::new(), 0);
        let mut last = None;
        for row in self.tables.stats.range::<&[u8]>(from..)?.take(STEP) {
            let (key, _) = row?;
            let row = get(&self.tables.stats, key.value())?;
            let record = row.and_then(|row| StatsRecord::decode(&row).ok());
            if record.is_none_or(|record| record.forget_at <= self.now) {
                old.push(key.value().to_vec());
            }
            last = Some(key.value().to_vec());
            seen += 1;
        }
        for key in old {
            self.tables.stats.remove(&key[..])?;
            self.wrote();
        }
        let more = last.filter(|_| seen == STEP);
        Ok(Ok(Some(more.map_or(Stage::Log(Vec::new()), |mut after| {
            after.push(0);
            Stage::Stats(after)
        }))))
    }
}
