//! Health of subscriptions: warns of those that fail too often, and disables them.
//!
//! The policy is the profile's.
//!
//! Delivery reports each failed attempt to [`Watch`], at the cost of a short lock. The [`Service`]
//! regularly examines the subscriptions that failed: it reads their statistics from the store
//! (which counts for all gateways), decides (`judge`, a pure function), and changes the registry if
//! the subscription is unchanged since. So one process warns, and one disables, the first one in
//! each case, and only that one reports it. An activation begins anew: earlier counts are ignored.

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

/// Receives reports of failed attempts. A [`Service`] must run for them to have an effect. Cheap to
/// clone.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// At most as many entries as there are subscriptions.
    failed: Mutex<HashSet<(TenantId, SubscriptionId)>>,
    told: Notify,
}

/// Parts that the service works with.
pub struct Parts {
    /// Registry, in which subscriptions are disabled.
    pub registry: Registry,
    /// Store, which counts attempts.
    pub store: Arc<dyn Store>,
    /// Clock of the store.
    pub store_clock: StoreClock,
    /// Receiver of warnings and disablings.
    pub system_events: SystemEvents,
    /// Metrics.
    pub metrics: Metrics,
}

/// Examines the subscriptions that failed.
pub struct Service {
    watch: Watch,
    parts: Parts,
}

/// Error of examining a subscription.
#[derive(Debug, thiserror::Error)]
enum NotLooked {
    #[error("how it fared cannot be read")]
    Stats(#[source] StoreError),
    #[error("it cannot be changed")]
    Registry(#[source] RegistryError),
}

impl Watch {
    /// Reports a failed attempt, which was counted.
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
    /// Creates the service that examines what `watch` reports.
    pub fn new(watch: Watch, parts: Parts) -> Self {
        Self { watch, parts }
    }

    /// Runs until the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let looking = async {
            loop {
                self.watch.inner.told.notified().await;
                let failed = std::mem::take(&mut *self.watch.lock());
                for (tenant, subscription) in failed {
                    if let Err(error) = self.look_at(&tenant, subscription).await {
                        let error = error_chain(&error).to_string();
                        // Logged at debug only: other parts report that the store is unavailable.
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

/// Minimum interval at which one subscription is examined.
const LOOK_EVERY: Duration = Duration::from_millis(500);
