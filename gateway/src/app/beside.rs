//! What stands beside the way: subscriptions are watched, and system events told.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Common;
use crate::dispatch::Handover;
use crate::domain::TenantId;
use crate::ids::IdSource;
use crate::registry::Registry;
use crate::{health, system_events};

/// The watch and the teller.
pub(super) struct Beside {
    health: health::Service,
    system_events: system_events::Service,
}

impl Beside {
    pub(super) fn new(operator: TenantId, registry: &Registry, handover: &Handover, common: &Common) -> Self {
        let parts = health::Parts {
            registry: registry.clone(),
            store: Arc::clone(&common.store),
            store_clock: common.store_clock.clone(),
            system_events: common.system_events.clone(),
            metrics: common.metrics.clone(),
        };
        let health = health::Service::new(common.watch.clone(), parts);
        let parts = system_events::Parts {
            registry: registry.clone(),
            committer: common.committer.clone(),
            handover: handover.clone(),
            ids: IdSource::new(common.clock.clone()),
            clock: common.clock.clone(),
            metrics: common.metrics.clone(),
        };
        let handle = common.system_events.clone();
        Self {
            health,
            system_events: system_events::Service::new(operator, handle, parts),
        }
    }

    /// Runs both until the shutdown, and then says that everything is told: the committer ends after that.
    pub(super) async fn run(self, shutdown: CancellationToken, told: CancellationToken) {
        tokio::join!(
            self.system_events.run(shutdown.clone()),
            self.health.run(shutdown)
        );
        told.cancel();
    }
}
