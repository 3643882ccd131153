//! Time series: a row a step, kind and key, to which counts are added.

use async_trait::async_trait;
use bytes::Bytes;

use super::Embedded;
use super::jobs::Job;
use super::keys;
use super::read::{Snapshot, broken, scan};
use super::sweep::{STEP, Stage};
use super::tables::{self, corrupt, get};
use super::write_txn::{Step, WriteTxn};
use crate::codec::{decode_cells, encode_cells};
use crate::series::{Cells, Point, RollUp, Series, SeriesKey, SeriesKind, SeriesStep, Waiting};
use crate::{Endpoint, Retention, StoreError};
use hookgate_domain::{Target, TenantId, Timestamp};

/// Counts that one transaction adds.
const ADDED_AT_ONCE: usize = 512;

#[async_trait]
impl Series for Embedded {
    async fn roll_up(&self, counts: Vec<RollUp>) -> Result<(), StoreError> {
        for part in counts.chunks(ADDED_AT_ONCE) {
            let part = part.to_vec();
            self.ask(|reply| Job::RollUp(part, reply)).await??;
        }
        Ok(())
    }

    async fn series(
        &self,
        tenant: &TenantId,
        kind: SeriesKind,
        step: SeriesStep,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |snapshot| snapshot.series(&tenant, kind, step, (from, until)))
            .await
    }

    async fn waiting(&self, tenant: &TenantId, targets: &[Target]) -> Result<Vec<Waiting>, StoreError> {
        let (now, index) = (self.shared.clock.now(), self.index());
        let of = |target: &Target| {
            let endpoint = Endpoint {
                tenant: tenant.clone(),
                target: *target,
            };
            let (pending, first) = index.endpoint(&endpoint)?;
            Some(Waiting {
                target: *target,
                pending,
                overdue: first.map(|first| now.since(first)).unwrap_or_default(),
            })
        };
        Ok(targets.iter().filter_map(of).collect())
    }
}

impl WriteTxn<'_> {
    /// Adds counts to those of their minutes and hours.
    pub(super) fn roll_up(&mut self, counts: &[RollUp]) -> Step<()> {
        for one in counts {
            for step in SeriesStep::ALL {
                if self.rules.retention.of_series(step).is_zero() {
                    continue;
                }
                let prefix = keys::series(&one.tenant, one.key.kind(), step, step.start(one.minute));
                let key = [&prefix, one.key.text().as_bytes()].concat();
                // What cannot be read is begun anew.
                let known = get(&self.tables.series, &key)?.and_then(|row| decode_cells(&row).ok());
                let mut cells = known.unwrap_or_default();
                cells.add(&one.cells);
                self.tables.series.insert(&key[..], &encode_cells(&cells)[..])?;
                self.wrote();
            }
        }
        Ok(Ok(()))
    }

    /// Removes counts that are too old, from this key on.
    pub(super) fn sweep_series(&mut self, from: &[u8]) -> Step<Option<Stage>> {
        let Some(first) = self.tables.series.range::<&[u8]>(from..)?.next().transpose()? else {
            return Ok(Ok(Some(Stage::Notes)));
        };
        let Some((tenant, kind, step)) = keys::read_series(first.0.value()).map(|(of, ..)| of) else {
            return Ok(Err(corrupt("series")));
        };
        drop(first);
        let kept = self.rules.retention.of_series(step);
        let old = self
            .now
            .minus(kept)
            .minus(std::time::Duration::from_millis(step.millis()));
        let (begin, end) = (
            keys::series(&tenant, kind, step, Timestamp::default()),
            keys::series(&tenant, kind, step, old),
        );
        let more = self.remove_series(&begin, &end)?;
        let next = if more {
            begin
        } else {
            keys::series(&tenant, kind, step, Timestamp::from_micros(u64::MAX))
        };
        Ok(Ok(Some(Stage::Series(next))))
    }

    /// Removes a part of a tenant's counts; whether there may be more.
    pub(super) fn forget_series(&mut self, tenant: &TenantId) -> Result<bool, redb::Error> {
        let prefix = keys::tenant(tenant);
        let end = keys::behind(prefix.clone());
        self.remove_series(&prefix, &end)
    }

    fn remove_series(&mut self, from: &[u8], to: &[u8]) -> Result<bool, redb::Error> {
        let mut old = Vec::new();
        for row in self.tables.series.range::<&[u8]>(from..to)?.take(STEP) {
            old.push(row?.0.value().to_vec());
        }
        for key in &old {
            self.tables.series.remove(&key[..])?;
            self.wrote();
        }
        Ok(old.len() == STEP)
    }
}

impl Snapshot {
    fn series(
        &self,
        tenant: &TenantId,
        kind: SeriesKind,
        step: SeriesStep,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, StoreError> {
        let rows = self.rows(tables::SERIES)?;
        let (from, until) = (
            keys::series(tenant, kind, step, from),
            keys::series(tenant, kind, step, until),
        );
        let mut points = Vec::new();
        for row in scan(&rows, &from, &until)? {
            let (key, cells) = row.map_err(broken)?;
            let (_, start, text) = keys::read_series(key.value()).ok_or_else(|| corrupt("series"))?;
            let key = SeriesKey::read(kind, text).ok_or_else(|| corrupt("series"))?;
            let cells: Cells = decode_cells(&Bytes::copy_from_slice(cells.value()))?;
            points.push(Point { start, key, cells });
        }
        Ok(points)
    }
}

impl Retention {
    /// Time for which counts by this step are kept.
    pub(crate) fn of_series(&self, step: SeriesStep) -> std::time::Duration {
        match step {
            SeriesStep::Minute => self.series_minutes.get(),
            SeriesStep::Hour => self.series_hours.get(),
        }
    }
}
