//! What is done now and then: the store is swept of what is too old, the plugins of what nobody wants, and the store looked at.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::registry::Registry;
use crate::store::{Health, Store};
use crate::telemetry::{Metrics, error_chain};

/// Sweeps and looks, until the shutdown.
pub(super) struct Upkeep {
    store: Arc<dyn Store>,
    metrics: Metrics,
    registry: Registry,
    sweep_every: Duration,
    last: Option<Health>,
}

impl Upkeep {
    pub(super) fn new(
        store: Arc<dyn Store>,
        metrics: Metrics,
        registry: Registry,
        sweep_every: Duration,
    ) -> Self {
        Self {
            store,
            metrics,
            registry,
            sweep_every,
            last: None,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweeps = interval(self.sweep_every);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut plugins = interval_at(Instant::now() + PLUGINS_EVERY, PLUGINS_EVERY);
        plugins.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = looks.tick() => self.look().await,
                _ = sweeps.tick() => self.sweep().await,
                _ = plugins.tick() => self.sweep_plugins().await,
            }
        }
    }

    /// One line when something changes, none while it stays.
    async fn look(&mut self) {
        let health = self.store.health().await;
        self.metrics.store_is(health.available);
        let before = self.last.replace(health.clone());
        let was_available = before.as_ref().is_none_or(|before| before.available);
        match (was_available, health.available) {
            (true, false) => warn!("store.unavailable"),
            (false, true) => info!("store.available"),
            (true, true) | (false, false) => {}
        }
        let known = before.map(|before| before.warnings).unwrap_or_default();
        for warning in health.warnings.iter().filter(|warning| !known.contains(warning)) {
            warn!(reason = %warning, "store.warning");
        }
    }

    async fn sweep_plugins(&self) {
        if let Err(error) = self.registry.sweep().await {
            warn!(error = %error_chain(&error), "plugins.not_swept");
        }
    }

    async fn sweep(&self) {
        if let Err(error) = self.store.sweep().await {
            warn!(error = %error_chain(&error), "store.not_swept");
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often components are looked at that nobody names any more: every tenant is read for it.
const PLUGINS_EVERY: Duration = Duration::from_secs(3_600);
