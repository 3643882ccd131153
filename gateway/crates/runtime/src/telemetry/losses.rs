//! Figures of what a store has lost, at `/metrics`.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::Metrics;

/// Counters of a store's losses.
#[derive(Debug, Default)]
pub(super) struct Losses {
    events: Counter,
    damaged: Counter,
}

impl Losses {
    /// Names them.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "store_lost_events",
            "Events that the store had confirmed and has no more",
            self.events.clone(),
        );
        registry.register(
            "store_damaged_records",
            "Records of the store that were found damaged",
            self.damaged.clone(),
        );
    }
}

impl Metrics {
    /// Sets the numbers of confirmed events lost and of damaged records found since the start.
    pub fn store_has_lost(&self, events: u64, damaged: u64) {
        let losses = self.losses();
        losses.events.inner().store(events, Ordering::Relaxed);
        losses.damaged.inner().store(damaged, Ordering::Relaxed);
    }
}
