//! Watches subscriptions: one that fails too often, by its profile's policy, is warned of and then disabled.
//!
//! Delivery says of each failed attempt whose it was, which costs a moment's lock. The service looks now and then at those that
//! failed meanwhile: it asks the store how they fared (all gateways count together there), decides (`judge`, a pure function),
//! and changes the registry if the subscription still is as it was judged. So one process warns, and one disables, whichever is
//! first; only that one reports it. Activating a subscription begins anew: what was counted before is not looked at.

mod judge;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::system_events::{Change, Figures, SystemEvents};
use hookgate_domain::subscription::DisableReason;
use hookgate_domain::{Status, SubscriptionId, TenantId, Timestamp};
use hookgate_registry::{Registry, RegistryError};
use hookgate_runtime::telemetry::{Metrics, error_chain};
use hookgate_store::clock::StoreClock;
use hookgate_store::{Store, StoreError};

use judge::{Finding, judge};

/// Is told of failures. A [`Service`] must run for them to matter. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// At most as many as there are subscriptions.
    failed: Mutex<HashSet<(TenantId, SubscriptionId)>>,
    told: Notify,
}

/// What the service works with.
pub struct Parts {
    /// Where subscriptions are, and are disabled.
    pub registry: Registry,
    /// Where attempts are counted.
    pub store: Arc<dyn Store>,
    /// What the time is in the store.
    pub store_clock: StoreClock,
    /// Where warnings and ends are reported.
    pub system_events: SystemEvents,
    /// Where it counts.
    pub metrics: Metrics,
}

/// Looks after those that failed.
pub struct Service {
    watch: Watch,
    parts: Parts,
}

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
enum NotLooked {
    #[error("how it fared cannot be read")]
    Stats(#[source] StoreError),
    #[error("it cannot be changed")]
    Registry(#[source] RegistryError),
}

impl Watch {
    /// An attempt failed, and was counted.
    pub fn failed(&self, tenant: &TenantId, subscription: SubscriptionId) {
        let new = self.lock().insert((tenant.clone(), subscription));
        if new {
            self.inner.told.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(TenantId, SubscriptionId)>> {
        self.inner.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// What looks after those that the handle is told of.
    pub fn new(watch: Watch, parts: Parts) -> Self {
        Self { watch, parts }
    }

    /// Looks until the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let looking = async {
            loop {
                self.watch.inner.told.notified().await;
                let failed = std::mem::take(&mut *self.watch.lock());
                for (tenant, subscription) in failed {
                    if let Err(error) = self.look_at(&tenant, subscription).await {
                        let error = error_chain(&error).to_string();
                        // That the store is away is told by those who need it more.
                        tracing::debug!(%tenant, %subscription, %error, "subscription.not_judged");
                        self.watch.failed(&tenant, subscription);
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        shutdown.run_until_cancelled(looking).await;
    }

    async fn look_at(&self, tenant: &TenantId, id: SubscriptionId) -> Result<(), NotLooked> {
        let Some(held) = self.parts.registry.tenant(tenant) else {
            return Ok(());
        };
        let policy = held
            .contract
            .as_ref()
            .and_then(|profile| profile.auto_disable.as_ref());
        let (Some(policy), Some(subscription)) = (policy, held.subscription(id)) else {
            return Ok(());
        };
        if subscription.status != Status::Active {
            return Ok(());
        }
        let stats = self
            .parts
            .store
            .stats(tenant, id)
            .await
            .map_err(NotLooked::Stats)?;
        let now = self.parts.store_clock.now();
        let Some(Finding {
            warn,
            disable,
            figures,
        }) = judge(policy, &stats, subscription, now)
        else {
            return Ok(());
        };
        if warn {
            self.warn(tenant, id, subscription.warned, figures).await?;
        }
        if disable {
            self.disable(tenant, id, subscription.activated, figures).await?;
        }
        Ok(())
    }

    async fn warn(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        before: Option<Timestamp>,
        figures: Figures,
    ) -> Result<(), NotLooked> {
        let warned = self.parts.registry.warn_failing(tenant, id, before).await;
        if let Some(at) = warned.map_err(NotLooked::Registry)? {
            tracing::warn!(%tenant, subscription = %id, count = figures.failed, "subscription.failing");
            let change = Change::new(tenant.clone(), id, at);
            self.parts.system_events.failing(change.by(figures));
        }
        Ok(())
    }

    async fn disable(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        activated: Timestamp,
        figures: Figures,
    ) -> Result<(), NotLooked> {
        let disabled = self.parts.registry.disable_failing(tenant, id, activated).await;
        if let Some(since) = disabled.map_err(NotLooked::Registry)? {
            let reason = DisableReason::Failing;
            tracing::warn!(%tenant, subscription = %id, reason = "failing", "subscription.disabled");
            self.parts.metrics.subscription_disabled(reason);
            let change = Change::new(tenant.clone(), id, since);
            self.parts.system_events.disabled(change.by(figures), reason);
        }
        Ok(())
    }
}

/// How often one subscription is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);
