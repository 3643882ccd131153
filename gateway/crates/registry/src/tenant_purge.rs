//! Purge of a deleted tenant's events, deliveries, dead letters and idempotency keys.
//!
//! It runs when the tenant is deleted, and again before another tenant of its name is created, for
//! data that an interrupted purge left or that was written late.
//!
//! A lock in the store ensures that only one gateway at a time creates or purges a tenant of a
//! name, so that no data of a new tenant is removed. The lock expires after [`HOLD`].

use std::time::Duration;

use bytes::Bytes;

use super::{Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::FeedPosition;

/// Lock on a name, held while a tenant is created or purged.
pub(super) struct TenantLock {
    name: String,
    own: Bytes,
}

impl Registry {
    /// Acquires the lock of a tenant's name; waits up to five seconds.
    ///
    /// # Errors
    /// `StillGoing`, `Store`.
    pub(super) async fn lock_tenant(&self, id: &TenantId) -> Result<TenantLock, RegistryError> {
        self.lock_named(format!("tenant:{id}")).await
    }

    /// Acquires the lock of another name that only one gateway at a time may work on.
    ///
    /// # Errors
    /// `StillGoing`, `Store`.
    pub(super) async fn lock_named(&self, name: String) -> Result<TenantLock, RegistryError> {
        let own = Bytes::copy_from_slice(self.inner.ids.event().as_str().as_bytes());
        for _ in 0..TRIES {
            let there = self.inner.store.note_put(&name, own.clone(), HOLD, None).await?;
            if there.is_none_or(|there| there == own) {
                return Ok(TenantLock { name, own });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(RegistryError::StillGoing)
    }

    /// Releases a lock. Returns `false` if it had expired before and another process may have held
    /// it.
    /// If the store cannot be reached, the lock expires by itself.
    pub(super) async fn unlock(&self, turn: TenantLock) -> bool {
        let ended = self
            .inner
            .store
            .note_replace(&turn.name, turn.own, None, None)
            .await;
        ended.unwrap_or_else(|error| {
            tracing::info!(error = %error_chain(&error), "tenant.turn_kept");
            false
        })
    }

    /// Purges the data of a deleted tenant. Does nothing if the tenant exists.
    ///
    /// # Errors
    /// `StillGoing`: the purge takes longer than half of [`HOLD`], and the next call continues it.
    /// `Store`.
    pub(super) async fn purge_tenant(&self, id: &TenantId, _: &TenantLock) -> Result<(), RegistryError> {
        let store = &self.inner.store;
        if store.registry_load(id).await?.is_some() {
            return Ok(());
        }
        self.forget_uses(id).await?;
        let begun = self.inner.clock.now();
        let last = store.feed_back(id, FeedPosition::END, 1).await?;
        let until = last
            .events
            .first()
            .map_or(FeedPosition::START, |(position, _)| *position);
        while store.forget_tenant(id, until).await? {
            if self.inner.clock.now().since(begun) > HOLD / 2 {
                return Err(RegistryError::StillGoing);
            }
        }
        Ok(())
    }

    /// Purges the data of a tenant that was just deleted, however long it takes.
    pub(super) async fn purge_deleted(self, id: TenantId) {
        loop {
            let done = match self.lock_tenant(&id).await {
                Ok(turn) => {
                    let done = self.purge_tenant(&id, &turn).await;
                    self.unlock(turn).await;
                    done
                }
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => return,
                Err(RegistryError::StillGoing) => {}
                Err(error) => {
                    // The rest expires, or is purged before another tenant of this name is created.
                    tracing::warn!(tenant = %id, error = %error_chain(&error), "tenant.events_kept");
                    return;
                }
            }
        }
    }
}

/// Lease of a lock.
const HOLD: Duration = Duration::from_secs(60);
/// Attempts to acquire a lock, [`PAUSE`] apart: five seconds in all.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);
