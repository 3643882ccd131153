//! Periodic maintenance: sweeps of the store and of plugins, store health, and last uses of keys.
//!
//! The sweep of the store removes expired data. The sweep of plugins removes those that nothing
//! references. The last uses of keys are written to the store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use hookgate_registry::Registry;
use hookgate_runtime::telemetry::{Metrics, error_chain};
use hookgate_store::{Health, Store};

/// Runs the maintenance until the shutdown.
pub(super) struct Maintenance {
    store: Arc<dyn Store>,
    metrics: Metrics,
    registry: Registry,
    sweep_every: Duration,
    write_uses_every: Duration,
    last: Mutex<Option<Health>>,
}

impl Maintenance {
    pub(super) fn new(
        store: Arc<dyn Store>,
        metrics: Metrics,
        registry: Registry,
        sweep_every: Duration,
        write_uses_every: Duration,
    ) -> Self {
        Self {
            store,
            metrics,
            registry,
            sweep_every,
            write_uses_every,
            last: Mutex::default(),
        }
    }

    /// Runs all tasks concurrently until the shutdown, which waits for none of them.
    ///
    /// The next sweep continues one that was interrupted. The uses of keys up to the end are
    /// written afterwards, within [`LAST_USES`].
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let all = async {
            tokio::join!(
                self.look_often(),
                self.sweep_often(),
                self.sweep_plugins_often(),
                self.write_uses_often()
            )
        };
        shutdown.run_until_cancelled(all).await;
        if tokio::time::timeout(LAST_USES, self.registry.write_uses())
            .await
            .is_err()
        {
            warn!("keys.uses_not_written");
        }
    }

    async fn write_uses_often(&self) {
        let mut ticks = ticks(interval(self.write_uses_every));
        loop {
            ticks.tick().await;
            self.registry.write_uses().await;
        }
    }

    async fn look_often(&self) {
        let mut ticks = ticks(interval(LOOK_EVERY));
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    async fn sweep_often(&self) {
        let mut ticks = ticks(interval(self.sweep_every));
        loop {
            ticks.tick().await;
            self.sweep().await;
        }
    }

    async fn sweep_plugins_often(&self) {
        let mut ticks = ticks(interval_at(Instant::now() + PLUGINS_EVERY, PLUGINS_EVERY));
        loop {
            ticks.tick().await;
            self.sweep_plugins().await;
        }
    }

    /// Reads the store's health, and logs one line per change.
    async fn look(&self) {
        let health = self.store.health().await;
        self.metrics.store_is(health.available);
        self.metrics.store_takes(health.accepting, health.warnings.len());
        self.metrics
            .store_has_lost(health.lost_events, health.damaged_records);
        let before = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(health.clone());
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

fn ticks(mut interval: Interval) -> Interval {
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Maximum time for which a shutdown waits for the last uses of keys.
const LAST_USES: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Interval of the search for unreferenced components, which reads every tenant.
const PLUGINS_EVERY: Duration = Duration::from_secs(3_600);
