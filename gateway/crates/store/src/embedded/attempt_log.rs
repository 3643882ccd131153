//! The attempt log: a row for what one transaction settled of a tenant, by time. Written once in a transaction, however many
//! settlements are in it; its length is known from the rows at its ends, which say how many came before them.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::Embedded;
use super::keys;
use super::read::{Snapshot, broken};
use super::sweep::{STEP, Stage};
use super::tables::{self, KeyRow, corrupt};
use super::write_txn::{Step, WriteTxn};
use crate::codec::{LogBlock, decode_logged, encode_logged};
use crate::{FeedPosition, Lists, LogEntry, LogRange, LoggedAttempt, StoreError, StoredEvent};
use hookgate_domain::{EventId, TenantId, Timestamp};

/// Entries of a row.
const IN_ROW: usize = 256;
/// Entries after which a log is cut: so many, or a part of what it may have.
const CUT_EVERY: u64 = 1_024;
/// Rows that one cut removes.
const MOST_CUT: usize = 2 * 1_024;

/// Ends of tenants' logs, as far as they were asked for.
pub(super) type LogEnds = HashMap<TenantId, LogEnd>;

/// End of a tenant's log.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LogEnd {
    /// Number of entries that it ever had, as far as its rows tell.
    count: u64,
    /// The key of its last row; 0: there is none.
    last: u64,
}

impl WriteTxn<'_> {
    /// Notes an attempt; it is written at the end of the transaction.
    pub(super) fn log(&mut self, tenant: &TenantId, attempt: &LoggedAttempt) {
        if self.rules.retention.attempt_log == 0 {
            return;
        }
        let record = Bytes::from(encode_logged(attempt));
        match self.logged.get_mut(tenant) {
            Some(records) => records.push(record),
            None => drop(self.logged.insert(tenant.clone(), vec![record])),
        }
    }

    /// Writes what was noted.
    pub(super) fn write_logged(&mut self) -> Result<(), redb::Error> {
        for (tenant, records) in std::mem::take(&mut self.logged) {
            let begun = self.log_end(&tenant)?;
            let mut end = begun;
            for entries in records.chunks(IN_ROW) {
                end.last = self.now.as_micros().max(end.last + 1);
                let block = LogBlock {
                    before: end.count,
                    at: self.now,
                    entries: entries.to_vec(),
                };
                let key = keys::logged(&tenant, end.last);
                self.tables.log.insert(&key[..], &block.encode()[..])?;
                end.count += entries.len() as u64;
            }
            self.wrote();
            let most = self.rules.retention.attempt_log;
            let every = CUT_EVERY.min(most / 8 + 1);
            if end.count / every > begun.count / every {
                self.cut_log(&tenant, end.count.saturating_sub(most), MOST_CUT)?;
            }
            self.log_ends.insert(tenant, end);
        }
        Ok(())
    }

    fn log_end(&self, tenant: &TenantId) -> Result<LogEnd, redb::Error> {
        if let Some(end) = self.log_ends.get(tenant) {
            return Ok(*end);
        }
        let prefix = keys::tenant(tenant);
        let end = keys::behind(prefix.clone());
        let last = self.tables.log.range::<&[u8]>(&prefix[..]..&end[..])?.next_back();
        let Some((key, row)) = last.transpose()? else {
            return Ok(LogEnd::default());
        };
        // One that cannot be read is passed over: no delivery is held up for the log.
        let ends = LogBlock::end_of(&Bytes::copy_from_slice(row.value()));
        Ok(LogEnd {
            count: ends.map_or(0, |(count, _)| count),
            last: keys::read_logged(key.value()).map_or(0, |(_, at)| at),
        })
    }

    /// Removes rows of which every entry is among the first `count`; whether there may be more.
    fn cut_log(&mut self, tenant: &TenantId, count: u64, most: usize) -> Result<bool, redb::Error> {
        self.cut_log_where(tenant, most, |(end, _)| end <= count)
    }

    /// Removes a log's first rows as long as they are so; whether there may be more.
    fn cut_log_where(
        &mut self,
        tenant: &TenantId,
        most: usize,
        goes: impl Fn((u64, Timestamp)) -> bool,
    ) -> Result<bool, redb::Error> {
        let prefix = keys::tenant(tenant);
        let end = keys::behind(prefix.clone());
        let mut old = Vec::new();
        for row in self.tables.log.range::<&[u8]>(&prefix[..]..&end[..])?.take(most) {
            let (key, row) = row?;
            match LogBlock::end_of(&Bytes::copy_from_slice(row.value())) {
                Ok(ends) if !goes(ends) => break,
                // What cannot be read is of no use.
                Ok(_) | Err(_) => old.push(key.value().to_vec()),
            }
        }
        for key in &old {
            self.tables.log.remove(&key[..])?;
            self.wrote();
        }
        Ok(old.len() == most)
    }

    /// Removes a part of a tenant's log; whether there may be more.
    pub(super) fn forget_log(&mut self, tenant: &TenantId) -> Result<bool, redb::Error> {
        self.log_ends.remove(tenant);
        self.cut_log_where(tenant, STEP, |_| true)
    }

    /// Cuts logs, from this key on: what is too old, and what is too much.
    pub(super) fn sweep_log(&mut self, from: &[u8]) -> Step<Option<Stage>> {
        let old = self.now.minus(self.rules.retention.attempt_log_age.get());
        let first = self.tables.log.range::<&[u8]>(from..)?.next().transpose()?;
        let tenant = match first.map(|(key, _)| keys::read_logged(key.value())) {
            None => return Ok(Ok(Some(Stage::Series(Vec::new())))),
            Some(None) => return Ok(Err(corrupt("attempt log"))),
            Some(Some((tenant, _))) => tenant,
        };
        let count = self.log_end(&tenant)?.count;
        let most = count.saturating_sub(self.rules.retention.attempt_log);
        let more = self.cut_log_where(&tenant, STEP, |(end, at)| end <= most || at <= old)?;
        let prefix = keys::tenant(&tenant);
        Ok(Ok(Some(Stage::Log(if more {
            prefix
        } else {
            keys::behind(prefix)
        }))))
    }
}

#[async_trait]
impl Lists for Embedded {
    async fn attempts(
        &self,
        tenant: &TenantId,
        range: LogRange,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.attempts(&tenant, range, limit))
            .await
    }

    fn attempts_since(&self, since: Timestamp) -> FeedPosition {
        FeedPosition {
            major: since.as_micros().saturating_sub(1),
            minor: u64::MAX,
        }
    }

    async fn events(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
    ) -> Result<Vec<Option<StoredEvent>>, StoreError> {
        let (of, ids) = (tenant.clone(), ids.to_vec());
        let found = self.read(move |snapshot| ids.iter().map(|id| snapshot.event(&of, id)).collect());
        let found: Vec<Option<StoredEvent>> = found.await?;
        let found = found.into_iter();
        Ok(found.map(|one| Some(self.with_leases(tenant, one?))).collect())
    }

    async fn events_of_key(&self, tenant: &TenantId, key: &str) -> Result<Vec<EventId>, StoreError> {
        let (tenant, key, now) = (tenant.clone(), key.to_owned(), self.shared.clock.now());
        let kept = self.shared.rules.retention.idempotency_keys.get();
        self.read(move |snapshot| snapshot.events_of_key(&tenant, &key, now, kept))
            .await
    }
}

impl Embedded {
    /// Adds the ends of leases to an event's pending deliveries.
    pub(super) fn with_leases(&self, tenant: &TenantId, found: StoredEvent) -> StoredEvent {
        let deliveries = found.deliveries.into_iter();
        StoredEvent {
            deliveries: deliveries.map(|d| self.with_lease(tenant, d)).collect(),
            event: found.event,
        }
    }
}

impl Snapshot {
    /// Entries of a tenant's log on one side of a position.
    pub(super) fn attempts(
        &self,
        tenant: &TenantId,
        range: LogRange,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let rows = self.rows(tables::LOG)?;
        let (first, end) = (keys::tenant(tenant), keys::behind(keys::tenant(tenant)));
        let mut found = Vec::new();
        let mut add = |row: super::read::Row| {
            let (key, row) = row.map_err(broken)?;
            let (_, major) = keys::read_logged(key.value()).ok_or_else(|| corrupt("attempt log"))?;
            let block = LogBlock::decode(&Bytes::copy_from_slice(row.value()))?;
            let numbered = (0_u64..).zip(&block.entries);
            let places = numbered.map(|(minor, record)| (FeedPosition { major, minor }, record));
            let wanted = |(position, _): &(FeedPosition, &Bytes)| match range {
                LogRange::After(after) => *position > after,
                LogRange::Before(before) => *position < before,
            };
            let mut places: Vec<_> = places.filter(wanted).collect();
            if let LogRange::Before(_) = range {
                places.reverse();
            }
            for (position, record) in places.into_iter().take(limit - found.len()) {
                found.push(LogEntry {
                    position,
                    at: block.at,
                    attempt: decode_logged(record)?,
                });
            }
            Ok::<bool, StoreError>(found.len() < limit)
        };
        match range {
            LogRange::After(after) => {
                let from = keys::logged(tenant, after.major);
                for row in super::read::scan(&rows, &from, &end)? {
                    if !add(row)? {
                        break;
                    }
                }
            }
            LogRange::Before(before) => {
                let to = before
                    .major
                    .checked_add(1)
                    .map_or(end, |to| keys::logged(tenant, to));
                for row in super::read::scan(&rows, &first, &to)?.rev() {
                    if !add(row)? {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// The events of an idempotency key that is younger than `kept` at this time.
    pub(super) fn events_of_key(
        &self,
        tenant: &TenantId,
        key: &str,
        now: Timestamp,
        kept: Duration,
    ) -> Result<Vec<EventId>, StoreError> {
        let keys = self.rows(tables::KEYS)?;
        let row = tables::get(&keys, &keys::named(tenant, key)).map_err(broken)?;
        let row = row.map(|row| KeyRow::read(&row)).transpose()?;
        let row = row.filter(|row| now < row.first_used.plus(kept));
        Ok(row.map(|row| row.events).unwrap_or_default())
    }
}
