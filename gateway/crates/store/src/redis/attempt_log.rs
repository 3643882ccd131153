//! The attempt log: a stream by tenant that `settle.lua` writes and keeps as short as `retention.attempt_log` says. Its ids are the
//! positions, and their times when attempts were settled.

use async_trait::async_trait;
use redis::Value;

use super::feed::{self, Way, edge, position};
use super::{Inner, RedisStore, codec, read, reply};
use crate::{FeedPosition, Lists, LogEntry, LogRange, StoreError, StoredEvent};
use hookgate_domain::{EventId, TenantId, Timestamp};

/// Bytes of the fingerprint before the events of an idempotency key.
const FINGERPRINT: usize = 32;

#[async_trait]
impl Lists for RedisStore {
    async fn attempts(
        &self,
        tenant: &TenantId,
        range: LogRange,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let store = &self.inner;
        let (command, from, way, end) = match range {
            LogRange::After(after) => ("XRANGE", after, Way::On, "+"),
            LogRange::Before(before) => ("XREVRANGE", before, Way::Back, "-"),
        };
        let mut fetch = redis::cmd(command);
        fetch.arg(store.keys.log(tenant)).arg(edge(from, way)).arg(end);
        fetch.arg("COUNT").arg(limit);
        let entries = reply::array(store.connection.one(fetch).await?)?;
        entries.into_iter().map(read).collect()
    }

    fn attempts_since(&self, since: Timestamp) -> FeedPosition {
        feed::since(since)
    }

    async fn events(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
    ) -> Result<Vec<Option<StoredEvent>>, StoreError> {
        read::events(&self.inner, tenant, ids).await
    }

    async fn events_of_key(&self, tenant: &TenantId, key: &str) -> Result<Vec<EventId>, StoreError> {
        let store = &self.inner;
        let mut get = redis::cmd("GET");
        get.arg(store.keys.idempotency(tenant, key));
        let Some(kept) = reply::optional(store.connection.one(get).await?)? else {
            return Ok(Vec::new());
        };
        let ids = kept
            .get(FINGERPRINT..)
            .and_then(|ids| std::str::from_utf8(ids).ok());
        let ids = ids.ok_or_else(|| reply::unexpected("an idempotency key"))?;
        let ids = ids.split(' ').map(str::parse);
        ids.collect::<Result<_, _>>()
            .map_err(|_| reply::unexpected("an event's id"))
    }
}

/// An entry is `[id, ["a", record]]`.
fn read(value: Value) -> Result<LogEntry, StoreError> {
    let mut parts = reply::array(value)?.into_iter();
    let (Some(id), Some(content)) = (parts.next(), parts.next()) else {
        return Err(reply::unexpected("an entry of the attempt log"));
    };
    let position = position(&reply::bytes(id)?)?;
    let record = reply::array(content)?.into_iter().nth(1).unwrap_or_default();
    Ok(LogEntry {
        position,
        at: Timestamp::from_millis(position.major),
        attempt: codec::decode_logged(&reply::bytes(record)?)?,
    })
}

/// Removes what is older than this, and all of it where nothing is kept.
pub(super) async fn cut(store: &Inner, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
    let retention = &store.retention;
    let oldest = now.minus(retention.attempt_log_age.get());
    let mut cut = redis::cmd("XTRIM");
    cut.arg(store.keys.log(tenant));
    if retention.attempt_log == 0 {
        cut.arg("MAXLEN").arg(0);
    } else {
        cut.arg("MINID").arg(format!("{}-0", oldest.as_millis()));
    }
    store.connection.one(cut).await.map(drop)
}
