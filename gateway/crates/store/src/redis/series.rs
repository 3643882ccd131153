//! Time series: a hash by tenant, kind of keys and step, that expires by itself. Its fields are `CELL:KEY`.

use std::collections::HashMap;

use async_trait::async_trait;
use redis::{Pipeline, Value};

use super::keys::Keys;
use super::{Inner, RedisStore, reply};
use crate::StoreError;
use crate::series::{Cells, Point, RollUp, Series, SeriesKey, SeriesKind, SeriesStep, Waiting};
use hookgate_domain::{Target, TenantId, Timestamp};

/// Counts that are added in one go.
const AT_ONCE: usize = 200;
/// Steps that are read in one go, where each may have a few thousand fields.
const READ_AT_ONCE: usize = 20;
/// Counts that are kept longer than this, in milliseconds, are not looked for when their tenant is forgotten: 90 days.
const MOST_KEPT: u64 = 90 * 86_400_000;

#[async_trait]
impl Series for RedisStore {
    async fn roll_up(&self, mut counts: Vec<RollUp>) -> Result<(), StoreError> {
        let store = &self.inner;
        // What goes in one pipeline is of one shard.
        counts.sort_by_key(|one| Keys::shard(&one.tenant).0);
        let mut failed = Ok(());
        for part in counts.chunk_by(|one, other| Keys::shard(&one.tenant) == Keys::shard(&other.tenant)) {
            for part in part.chunks(AT_ONCE) {
                let mut pipeline = Pipeline::new();
                for one in part {
                    self.add(&mut pipeline, one);
                }
                // Not again: what was added must not be added twice.
                if let Err(error) = store.connection.many(&pipeline).await {
                    failed = Err(error);
                }
            }
        }
        failed
    }

    async fn series(
        &self,
        tenant: &TenantId,
        kind: SeriesKind,
        step: SeriesStep,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, StoreError> {
        let store = &self.inner;
        let first = step.start(from);
        let first = if first < from {
            first.as_millis() + step.millis()
        } else {
            first.as_millis()
        };
        let span = until.as_millis().saturating_sub(first).div_ceil(step.millis());
        let starts: Vec<_> = (0..span)
            .map(|n| Timestamp::from_millis(first + n * step.millis()))
            .collect();
        let mut points = Vec::new();
        let at_once = if kind == SeriesKind::All {
            AT_ONCE
        } else {
            READ_AT_ONCE
        };
        for part in starts.chunks(at_once) {
            let mut pipeline = Pipeline::with_capacity(part.len());
            for start in part {
                pipeline
                    .cmd("HGETALL")
                    .arg(store.keys.series(tenant, kind, step, *start));
            }
            let found = store.connection.many(&pipeline).await?;
            for (start, found) in part.iter().zip(found) {
                read(&mut points, kind, *start, found)?;
            }
        }
        Ok(points)
    }

    async fn waiting(&self, tenant: &TenantId, targets: &[Target]) -> Result<Vec<Waiting>, StoreError> {
        let store = &self.inner;
        let Some(now) = store.time.now(Keys::shard(tenant)) else {
            return Ok(Vec::new());
        };
        let mut waiting = Vec::new();
        for part in targets.chunks(AT_ONCE) {
            let mut pipeline = Pipeline::with_capacity(2 * part.len());
            for target in part {
                let due = store.keys.due(tenant, *target);
                pipeline.cmd("ZCARD").arg(&due);
                pipeline.cmd("ZRANGE").arg(&due).arg(0).arg(0).arg("WITHSCORES");
            }
            let mut found = store.connection.many(&pipeline).await?.into_iter();
            let mut next = || found.next().unwrap_or_default();
            for target in part {
                let (pending, first) = (reply::number(next())?, reply::array(next())?.pop());
                let first = first.map(reply::score).transpose()?.flatten();
                let overdue = first.map(|first| now.since(first)).unwrap_or_default();
                waiting.push(Waiting {
                    target: *target,
                    pending,
                    overdue,
                });
            }
        }
        waiting.retain(|one| one.pending > 0);
        Ok(waiting)
    }
}

/// Forgets a tenant's counts, of all steps that may be there: they are named by their time.
pub(super) async fn forget(store: &Inner, tenant: &TenantId) -> Result<(), StoreError> {
    let Some(now) = store.time.now(Keys::shard(tenant)) else {
        return Ok(());
    };
    let mut keys = Vec::new();
    for step in SeriesStep::ALL {
        let kept = u64::try_from(store.retention.of_series(step).as_millis()).unwrap_or(u64::MAX);
        // One that is under way by another clock, too.
        let last = step.start(now).as_millis() + step.millis();
        let first = last
            .saturating_sub(kept.min(MOST_KEPT))
            .saturating_sub(2 * step.millis());
        let starts = (first..=last)
            .rev()
            .step_by(usize::try_from(step.millis()).unwrap_or(usize::MAX));
        for start in starts.map(Timestamp::from_millis) {
            keys.extend(SeriesKind::ALL.map(|kind| store.keys.series(tenant, kind, step, start)));
        }
    }
    for part in keys.chunks(AT_ONCE) {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(part);
        store.connection.one(unlink).await?;
    }
    Ok(())
}

impl RedisStore {
    fn add(&self, pipeline: &mut Pipeline, one: &RollUp) {
        let store = &self.inner;
        for step in SeriesStep::ALL {
            let kept = store.retention.of_series(step);
            if kept.is_zero() {
                continue;
            }
            let key = store
                .keys
                .series(&one.tenant, one.key.kind(), step, step.start(one.minute));
            let text = one.key.text();
            for (cell, count) in one.cells.0.iter().enumerate().filter(|(_, count)| **count > 0) {
                pipeline
                    .cmd("HINCRBY")
                    .arg(&key)
                    .arg(format!("{cell}:{text}"))
                    .arg(*count);
            }
            let kept = kept.as_secs() + step.millis() / 1_000;
            pipeline.cmd("EXPIRE").arg(&key).arg(kept);
        }
    }
}

fn read(points: &mut Vec<Point>, kind: SeriesKind, start: Timestamp, found: Value) -> Result<(), StoreError> {
    let mut places: HashMap<SeriesKey, usize> = HashMap::new();
    for (name, count) in reply::pairs(found)? {
        let (name, count) = (reply::text(name)?, reply::number(count)?);
        let read = || {
            let (cell, text) = name.split_once(':')?;
            Some((cell.parse::<usize>().ok()?, SeriesKey::read(kind, text)?))
        };
        let (cell, key) = read().ok_or_else(|| reply::unexpected("a time series"))?;
        let at = match places.get(&key) {
            Some(at) => *at,
            None => {
                let cells = Cells::default();
                places.insert(key.clone(), points.len());
                points.push(Point { start, key, cells });
                points.len() - 1
            }
        };
        // One that a later version counts is left out.
        if let Some(of) = points[at].cells.0.get_mut(cell) {
            *of = count;
        }
    }
    Ok(())
}
