//! Counts crashes of deliveries, inside the write transaction.

use super::keys;
use super::tables::{Crashes, DueRow};
use super::write_txn::{Step, WriteTxn};
use crate::Interrupted;

impl WriteTxn<'_> {
    /// Counts a crash of each pending delivery without an attempt recorded since.
    /// Returns the number counted. A delivery with unreadable rows is left out and logged.
    pub(super) fn interrupted(&mut self, deliveries: &[Interrupted]) -> Step<usize> {
        let mut counted = 0;
        for delivery in deliveries {
            match self.count_crash(delivery)? {
                Ok(true) => counted += 1,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "delivery.unreadable"),
            }
        }
        Ok(Ok(counted))
    }

    fn count_crash(&mut self, delivery: &Interrupted) -> Step<bool> {
        let key = keys::delivery(&delivery.tenant, &delivery.id);
        let Some(entry) = self.index().entry(&key) else {
            return Ok(Ok(false));
        };
        let record = match self.record(&key, entry)? {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        let crashes = match self.crashes(&key)? {
            Ok(crashes) => crashes,
            Err(error) => return Ok(Err(error)),
        };
        let lease = delivery.token.0;
        if record.attempts != delivery.attempts || crashes.last >= lease {
            return Ok(Ok(false));
        }
        let row = DueRow {
            crashes: Crashes {
                count: crashes.count.saturating_add(1),
                last: lease,
            },
            ..DueRow::new(entry.due, entry.trigger)
        };
        self.tables.due.insert(&key[..], &row.encode(&key)[..])?;
        self.wrote();
        let now = self.now;
        let mut index = self.index();
        index.set_crashes(&key, row.crashes.count);
        if entry.score == lease {
            index.rescore(&key, now, entry.due);
        }
        Ok(Ok(true))
    }

    /// Crashes of a pending delivery, from its row.
    pub(super) fn crashes(&self, key: &[u8]) -> Step<Crashes> {
        let row = self.tables.due.get(key)?;
        let row = row.map(|row| DueRow::read(key, row.value())).transpose();
        Ok(row.map(|row| row.map_or_else(Crashes::default, |row| row.crashes)))
    }
}
