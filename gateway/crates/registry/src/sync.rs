//! Service that keeps a process's snapshots current.
//! It polls the store for changed tenants and publishes each on its own. It never awaits long work,
//! so that no tenant's change waits for another's.

use std::collections::HashSet;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_plugin_host::Tripped;
use hookgate_runtime::telemetry::error_chain;

/// Polls the store and publishes changed tenants. Run once per process.
pub struct Sync {
    registry: Registry,
    tripped: mpsc::UnboundedReceiver<Tripped>,
    /// Failing canaries that could not be stopped yet.
    failing: Vec<Tripped>,
    /// Set if the last poll of the store succeeded.
    is_current: bool,
    /// Tenants that are being published, each once.
    publishing: HashSet<TenantId>,
    jobs: JoinSet<Done>,
}

/// Finished job.
enum Done {
    Published(TenantId, Result<(), RegistryError>),
    CalledOff(Vec<Tripped>, Result<(), RegistryError>),
}

impl Sync {
    pub(super) fn new(registry: Registry, tripped: mpsc::UnboundedReceiver<Tripped>) -> Self {
        Self {
            registry,
            tripped,
            failing: Vec::new(),
            is_current: true,
            publishing: HashSet::new(),
            jobs: JoinSet::new(),
        }
    }

    /// Polls until the shutdown.
    /// An unavailable store is polled at the same interval; the snapshots in memory stay in use.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut polls = interval(self.registry.inner.config.poll_interval.get());
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut repairs = interval(REPAIR_INTERVAL);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(tripped) = self.tripped.recv() => {
                    self.failing.push(tripped);
                    self.roll_back_failing();
                }
                _ = repairs.tick() => {
                    self.registry.retry_loads();
                    self.roll_back_failing();
                }
                _ = polls.tick() => self.poll().await,
                Some(done) = self.jobs.join_next() => match done {
                    Ok(done) => self.ended(done),
                    Err(ended) => if let Ok(panic) = ended.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    },
                },
            }
        }
        self.jobs.shutdown().await;
    }

    /// Polls the store and starts to publish the changed tenants.
    async fn poll(&mut self) {
        let looked = self.registry.look().await;
        self.tell(&looked);
        for id in self.registry.inner.changed.tenants() {
            if self.publishing.insert(id.clone()) {
                let registry = self.registry.clone();
                self.jobs.spawn(async move {
                    let published = registry.publish_changed(&id).await;
                    Done::Published(id, published)
                });
            }
        }
    }

    /// Starts to stop canaries that failed too often.
    fn roll_back_failing(&mut self) {
        let failing = std::mem::take(&mut self.failing);
        if failing.is_empty() {
            return;
        }
        let registry = self.registry.clone();
        self.jobs.spawn(async move {
            let mut failing = failing;
            while let Some(tripped) = failing.last() {
                if let Err(error) = registry.roll_back_failing(tripped).await {
                    return Done::CalledOff(failing, Err(error));
                }
                failing.pop();
            }
            Done::CalledOff(failing, Ok(()))
        });
    }

    fn ended(&mut self, done: Done) {
        match done {
            Done::Published(id, result) => {
                self.publishing.remove(&id);
                if result.is_err() {
                    self.tell(&result);
                }
            }
            // The remaining canaries are tried again at the next repair.
            Done::CalledOff(left, result) => {
                self.failing.extend(left);
                if result.is_err() {
                    self.tell(&result);
                }
            }
        }
    }

    /// Logs a change of the store's availability, one line each.
    fn tell(&mut self, result: &Result<(), RegistryError>) {
        match result {
            Err(error) if self.is_current => {
                warn!(error = %error_chain(error), "registry.stale");
                self.is_current = false;
            }
            Ok(()) if !self.is_current && self.registry.inner.changed.tenants().is_empty() => {
                info!("registry.current");
                self.is_current = true;
            }
            Ok(()) | Err(_) => {}
        }
    }
}

const REPAIR_INTERVAL: Duration = Duration::from_secs(5);
