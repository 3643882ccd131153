//! Samples the pending deliveries of all tenants for the time series.

use std::sync::Arc;
use std::time::Duration;

use hookgate_domain::Target;
use hookgate_registry::{Registry, Tenant};
use hookgate_runtime::clock::Clock;
use hookgate_store::series::{Sample, TenantSample};
use hookgate_store::{Committer, Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};

/// Sampler of pending deliveries.
pub(super) struct Sampling {
    pub(super) registry: Registry,
    pub(super) store: Arc<dyn Store>,
    pub(super) committer: Committer,
    pub(super) clock: Clock,
}

impl Sampling {
    /// Takes a sample at each tick, for ever. One that fails is left out as a whole.
    pub(super) async fn run(self) {
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.sample().await {
                Ok(sample) => self.committer.sampled(sample),
                Err(error) => tracing::debug!(%error, "store.not_sampled"),
            }
        }
    }

    async fn sample(&self) -> Result<Sample, StoreError> {
        let mut tenants = Vec::new();
        for tenant in self.registry.tenants() {
            tenants.extend(self.of(&tenant).await?);
        }
        Ok(Sample {
            at: self.clock.now(),
            tenants,
        })
    }

    async fn of(&self, tenant: &Tenant) -> Result<Option<TenantSample>, StoreError> {
        let usage = self.store.usage(&tenant.id, FRESH).await?;
        if usage.pending_deliveries == 0 {
            return Ok(None);
        }
        let subscriptions = tenant.subscriptions.iter();
        let targets = subscriptions.map(|one| Target::Subscription(one.id));
        let targets: Vec<_> = targets.chain([Target::Inline]).collect();
        Ok(Some(TenantSample {
            tenant: tenant.id.clone(),
            pending: usage.pending_deliveries,
            targets: self.store.waiting(&tenant.id, &targets).await?,
        }))
    }
}

/// Interval of samples: several in each step.
const SAMPLE_EVERY: Duration = Duration::from_secs(15);
/// Maximum age of a tenant's usage in a sample.
const FRESH: Duration = Duration::from_secs(1);
