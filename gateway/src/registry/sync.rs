//! How a process learns what others changed: it asks the store for tenants changed since it last asked.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Registry, RegistryError, Tenant};
use crate::domain::TenantId;
use crate::plugin::Tripped;
use crate::telemetry::error_chain;

/// Keeps a process's snapshots current. Run once.
pub struct Sync {
    registry: Registry,
    tripped: mpsc::UnboundedReceiver<Tripped>,
    /// Canaries that could not be called off yet.
    failing: Vec<Tripped>,
}

/// What was published last. Kept beside the snapshot, under one lock.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The store's version of what is published.
    version: u64,
    /// Tenants whose chain lacks a component: it may be loadable later.
    incomplete: BTreeSet<TenantId>,
}

impl Sync {
    pub(super) fn new(registry: Registry, tripped: mpsc::UnboundedReceiver<Tripped>) -> Self {
        Self {
            registry,
            tripped,
            failing: Vec::new(),
        }
    }

    /// Polls until the shutdown. A store that is away is asked again at the same pace; what is in memory goes on serving.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut polls = interval(self.registry.inner.config.poll_interval.get());
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut repairs = interval(REPAIR_INTERVAL);
        let mut reachable = true;
        loop {
            let result = tokio::select! {
                () = shutdown.cancelled() => return,
                Some(tripped) = self.tripped.recv() => {
                    self.failing.push(tripped);
                    self.call_off().await
                }
                _ = repairs.tick() => match self.call_off().await {
                    Ok(()) => self.registry.repair().await,
                    Err(error) => Err(error),
                },
                _ = polls.tick() => self.registry.catch_up().await,
            };
            match result {
                Err(error) if reachable => {
                    warn!(error = %error_chain(&error), "registry.stale");
                    reachable = false;
                }
                Ok(()) if !reachable => {
                    info!("registry.current");
                    reachable = true;
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

impl Sync {
    /// Calls canaries off that failed too often; those that it cannot now, later.
    async fn call_off(&mut self) -> Result<(), RegistryError> {
        while let Some(tripped) = self.failing.last() {
            self.registry.called_off(tripped).await?;
            self.failing.pop();
        }
        Ok(())
    }
}

impl Registry {
    /// Publishes what changed in the store since the last time. For whoever must not decide on what is out of date.
    ///
    /// # Errors
    /// `Store`; or a tenant that cannot be read: the others are current, and the next call looks at it again.
    pub async fn catch_up(&self) -> Result<(), RegistryError> {
        let mut progress = self.inner.publishing.lock().await;
        let (mut version, mut changed) = self.inner.store.registry_changes(progress.version).await?;
        if version < progress.version {
            // The store went back: it was emptied or restored. What it holds now is the truth, and only that.
            warn!(revision = version, "registry.reset");
            (version, changed) = self.inner.store.registry_changes(0).await?;
            changed.extend(self.held());
            changed.sort();
            changed.dedup();
        }
        if !changed.is_empty() {
            self.publish(&mut progress, changed).await?;
        }
        progress.version = version;
        Ok(())
    }

    /// Publishes one tenant as it is in the store now.
    pub(super) async fn refresh(&self, id: &TenantId) -> Result<(), RegistryError> {
        let mut progress = self.inner.publishing.lock().await;
        self.publish(&mut progress, vec![id.clone()]).await
    }

    /// Tries again to load the components that were missing.
    async fn repair(&self) -> Result<(), RegistryError> {
        let mut progress = self.inner.publishing.lock().await;
        let incomplete: Vec<_> = progress.incomplete.iter().cloned().collect();
        if incomplete.is_empty() {
            return Ok(());
        }
        self.publish(&mut progress, incomplete).await
    }
}

impl Progress {
    pub(super) fn note(&mut self, id: &TenantId, tenant: Option<&Tenant>) {
        let chains = tenant.into_iter().flat_map(|tenant| {
            let delivery = tenant.delivery.values().map(|chain| &chain.run);
            tenant.chain.iter().chain(delivery)
        });
        if chains
            .flat_map(|chain| &chain.steps)
            .any(|step| step.component.is_none())
        {
            self.incomplete.insert(id.clone());
        } else {
            self.incomplete.remove(id);
        }
    }
}

const REPAIR_INTERVAL: Duration = Duration::from_secs(5);
