//! Store in Redis, or a server with its protocol (6.2 or later), single or as a cluster.
//!
//! The data is in 16 shards, each under a separate hash tag (`keys`); a tenant is in one. A pending
//! delivery is a member of exactly one sorted set, its endpoint's, scored by the time at which it
//! is due or its lease ends. No delivery can be lost between two lists: the turns of a shard are an
//! index of those sets, and every script that changes a set sets its turn.
//!
//! Decisions that must be atomic are scripts (`scripts/*.lua`); writes that must only happen
//! together are a transaction (`accept`); bodies are fetched by ordinary commands. `connection`
//! sends, `watch` restores the connection, `checks` evaluates the server's setup.
//!
//! The durability of confirmed data is that of the server's `appendfsync`; `checks` warns of
//! everything weaker than `always`.

mod accept;
mod attempt_log;
mod checks;
mod claim;
mod config;
mod connection;
mod dial;
mod enqueue;
mod fault;
mod feed;
mod forget;
mod interrupted;
mod keys;
mod lost;
mod notes;
mod read;
mod record;
mod registry;
mod reply;
mod script;
mod series;
mod settle;
mod stats;
mod status;
mod sweep;
mod time;
mod trip;
mod usage;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::StoreUrl;
use super::retention::Retention;
use super::{
    Accepted, Claimed, FeedPage, FeedPosition, Health, Interrupted, NoteOwner, Pick, RegistryRecord, Settled,
    Settlement, Shard, Store, StoreError, StoredEvent, Submission, Turns, codec,
};
use connection::Connection;
use dial::{DialError, Dialer};
use feed::Way;
use hookgate_domain::{
    Attempt, Delivery, DeliveryId, EventId, Stats, StoredLimits, StoredUsage, SubscriptionId, TenantId,
    Timestamp, Trigger,
};
use keys::Keys;
use script::Scripts;
use status::{Sequences, Status};
use time::ServerTime;
use trip::RoundTrip;
use usage::UsageCache;

pub use config::Config;

/// Redis store. It stays connected in the background until it is dropped.
pub struct RedisStore {
    inner: Arc<Inner>,
    _watch: DropGuard,
}

/// Shared state of all operations.
struct Inner {
    connection: Connection,
    keys: Keys,
    scripts: Scripts,
    time: ServerTime,
    trip: RoundTrip,
    status: Arc<Status>,
    sequences: Sequences,
    usage: UsageCache,
    retention: Retention,
    accept_timeout: Duration,
    dialer: Dialer,
}

impl RedisStore {
    /// Connects to the address.
    ///
    /// # Errors
    /// `Unavailable` if there is no answer, `Unusable` if the server must not be used with its
    /// setup. Both name the address, without the password.
    pub async fn open(url: &StoreUrl, config: &Config, retention: &Retention) -> Result<Self, StoreError> {
        if let Some(fault) = config.fault() {
            return Err(StoreError::Unusable(fault.to_owned()));
        }
        let status = Arc::new(Status::default());
        let inner = Arc::new(Inner {
            connection: Connection::new(config.response_timeout.get(), status.clone()),
            keys: Keys::new(&config.prefix),
            scripts: Scripts::default(),
            time: ServerTime::default(),
            trip: RoundTrip::default(),
            status,
            sequences: Sequences::default(),
            usage: UsageCache::default(),
            retention: retention.clone(),
            accept_timeout: config.accept_timeout.get(),
            dialer: Dialer {
                url: url.clone(),
                config: config.clone(),
                tls_ca: read_ca(config).await?,
            },
        });
        watch::start(&inner).await.map_err(|error| match error {
            DialError::Away(reason) => StoreError::Unavailable(format!("{url}: {reason}")),
            DialError::Loading => StoreError::Unavailable(format!("{url}: {error}")),
            DialError::Unfit(..) => StoreError::Unusable(format!("{url}: {error}")),
            DialError::Refused(reason) => StoreError::Unusable(format!("{url}: {reason}")),
        })?;
        if let Some(reason) = inner.status.refused() {
            return Err(StoreError::Unusable(format!("{url}: {reason}")));
        }
        let shutdown = CancellationToken::new();
        tokio::spawn(watch::watch(inner.clone(), shutdown.clone()));
        let (counted, until) = (inner.clone(), shutdown.clone());
        tokio::spawn(async move { until.run_until_cancelled(usage::count(&counted)).await });
        Ok(Self {
            inner,
            _watch: shutdown.drop_guard(),
        })
    }
}

async fn read_ca(config: &Config) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(path) = &config.tls_ca else {
        return Ok(None);
    };
    let read = tokio::fs::read(path).await;
    read.map(Some)
        .map_err(|error| StoreError::Unusable(format!("store.redis.tls_ca {}: {error}", path.display())))
}

#[async_trait]
impl Store for RedisStore {
    async fn accept(&self, batch: Vec<Submission>) -> Vec<Result<Accepted, StoreError>> {
        accept::accept(&self.inner, &batch).await
    }

    async fn turns(&self, shard: Shard, max: usize) -> Result<Turns, StoreError> {
        claim::turns(&self.inner, shard, max).await
    }

    async fn claim_from(&self, shard: Shard, picks: &[Pick], lease: Duration) -> Result<Claimed, StoreError> {
        claim::claim(&self.inner, shard, picks, lease).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Vec<Result<Settled, StoreError>> {
        settle::settle(&self.inner, &batch).await
    }

    async fn interrupted(&self, deliveries: Vec<Interrupted>) -> Result<usize, StoreError> {
        interrupted::interrupted(&self.inner, &deliveries).await
    }

    async fn enqueue(
        &self,
        tenant: &TenantId,
        deliveries: Vec<(DeliveryId, Trigger)>,
        limits: StoredLimits,
    ) -> Result<usize, StoreError> {
        enqueue::enqueue(&self.inner, tenant, deliveries, limits).await
    }

    async fn feed(
        &self,
        tenant: &TenantId,
        after: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        feed::page(&self.inner, tenant, after, limit, Way::On).await
    }

    async fn feed_back(
        &self,
        tenant: &TenantId,
        before: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError> {
        feed::page(&self.inner, tenant, before, limit, Way::Back).await
    }

    async fn feed_since(&self, _: &TenantId, since: Timestamp) -> Result<FeedPosition, StoreError> {
        Ok(feed::since(since))
    }

    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        read::event(&self.inner, tenant, id).await
    }

    async fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
        read::delivery(&self.inner, tenant, id).await
    }

    async fn dead_letters(
        &self,
        tenant: &TenantId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError> {
        read::dead_letters(&self.inner, tenant, before, limit).await
    }

    async fn stats(&self, tenant: &TenantId, id: SubscriptionId) -> Result<Stats, StoreError> {
        stats::stats(&self.inner, tenant, id).await
    }

    async fn forget_stats(&self, tenant: &TenantId, ids: &[SubscriptionId]) -> Result<(), StoreError> {
        stats::forget(&self.inner, tenant, ids).await
    }

    async fn forget_tenant(&self, tenant: &TenantId, until: FeedPosition) -> Result<bool, StoreError> {
        forget::forget_tenant(&self.inner, tenant, until).await
    }

    async fn usage(&self, tenant: &TenantId, max_age: Duration) -> Result<StoredUsage, StoreError> {
        usage::read(&self.inner, tenant, max_age).await
    }

    fn last_usage(&self, tenant: &TenantId) -> Option<StoredUsage> {
        self.inner.usage.last(tenant)
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        sweep::sweep(&self.inner).await
    }

    async fn registry_changes(&self, since: u64) -> Result<(u64, Vec<TenantId>), StoreError> {
        registry::changes(&self.inner, since).await
    }

    async fn registry_load(&self, tenant: &TenantId) -> Result<Option<RegistryRecord>, StoreError> {
        registry::load(&self.inner, tenant).await
    }

    async fn registry_apply(
        &self,
        tenant: &TenantId,
        expected: u64,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<u64, StoreError> {
        registry::apply(&self.inner, tenant, expected, &changes).await
    }

    async fn blob_put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        registry::blob_put(&self.inner, name, &bytes).await
    }

    async fn blob_get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        registry::blob_get(&self.inner, name).await
    }

    async fn blob_delete(&self, name: &str) -> Result<(), StoreError> {
        registry::blob_delete(&self.inner, name).await
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        notes::get(&self.inner, name).await
    }

    async fn note_put(
        &self,
        name: &str,
        note: Bytes,
        keep: Duration,
        owner: Option<&NoteOwner>,
    ) -> Result<Option<Bytes>, StoreError> {
        match owner {
            Some(owner) => notes::put_owned(&self.inner, name, &note, keep, owner).await,
            None => notes::put(&self.inner, name, &note, keep).await,
        }
    }

    async fn note_replace(
        &self,
        name: &str,
        expected: Bytes,
        next: Option<(Bytes, Duration)>,
        owner: Option<&NoteOwner>,
    ) -> Result<bool, StoreError> {
        notes::replace(&self.inner, name, &expected, next, owner).await
    }

    async fn notes_of(&self, owner: &str) -> Result<u64, StoreError> {
        notes::count(&self.inner, owner).await
    }

    async fn health(&self) -> Health {
        let (connection, config) = (&self.inner.connection, &self.inner.dialer.config);
        let mut health = self
            .inner
            .status
            .health(connection.down().as_deref(), connection.lost());
        let far = self
            .inner
            .trip
            .warning(self.inner.accept_timeout, config.response_timeout.get());
        health.warnings.extend(far);
        health
    }

    fn shards(&self) -> u16 {
        keys::SHARDS
    }

    fn shard_of(&self, tenant: &TenantId) -> Shard {
        Keys::shard(tenant)
    }
}

#[cfg(test)]
mod tests;
