//! What is done now and then: the store is swept of what is too old, the plugins of what nobody wants, the store looked at, and
//! the last uses of keys written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};
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
    write_uses_every: Duration,
    last: Mutex<Option<Health>>,
}

impl Upkeep {
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

    /// All go on side by side: none waits for another, and the shutdown for none. A sweep that is cut short is taken up
    /// by the next one. What keys were used for up to the end is written after it, within [`LAST_USES`].
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

    /// One line when something changes, none while it stays.
    async fn look(&self) {
        let health = self.store.health().await;
        self.metrics.store_is(health.available);
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

/// How long a shutdown waits for the last uses of keys.
const LAST_USES: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often components are looked at that nobody names any more: every tenant is read for it.
const PLUGINS_EVERY: Duration = Duration::from_secs(3_600);
