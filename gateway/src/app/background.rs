//! Background services: health of subscriptions, system events, samples of pending deliveries, and the export of traces.

mod sampling;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Common;
use crate::dispatch::Inbox;
use crate::system_events::{CanaryStopped, CircuitOpened, SystemEvents};
use crate::traces::Exporter;
use crate::{health, system_events};
use hookgate_domain::TenantId;
use hookgate_plugin_host::{Incident, Incidents, Tripped};
use hookgate_registry::Registry;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;

use sampling::Sampling;

/// Services for health, system events, samples and traces, and the incidents of the plugin host.
pub(super) struct Background {
    health: health::Service,
    system_events: system_events::Service,
    exporter: Option<Exporter>,
    incidents: Incidents,
    handle: SystemEvents,
    clock: Clock,
    sampling: Sampling,
}

impl Background {
    pub(super) fn new(
        operator: TenantId,
        exporter: Option<Exporter>,
        (registry, inbox): (&Registry, &Inbox),
        common: &Common,
    ) -> Self {
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
            inbox: inbox.clone(),
            ids: IdSource::new(common.clock.clone()),
            clock: common.clock.clone(),
            metrics: common.metrics.clone(),
        };
        let handle = common.system_events.clone();
        Self {
            health,
            system_events: system_events::Service::new(operator, handle.clone(), parts),
            exporter,
            incidents: registry.host().incidents().clone(),
            handle,
            clock: common.clock.clone(),
            sampling: Sampling {
                registry: registry.clone(),
                store: Arc::clone(&common.store),
                committer: common.committer.clone(),
                clock: common.clock.clone(),
            },
        }
    }

    /// Runs all services until the shutdown, then cancels `told`: the committer ends after that, and
    /// the exporter of traces, with the spans of everything before.
    pub(super) async fn run(self, shutdown: CancellationToken, told: CancellationToken) {
        let flushing = told.clone();
        let services = async {
            tokio::join!(
                self.system_events.run(shutdown.clone()),
                self.health.run(shutdown.clone()),
                shutdown.run_until_cancelled(pass_on(self.incidents, self.handle, self.clock)),
                shutdown.run_until_cancelled(self.sampling.run()),
            );
            told.cancel();
        };
        let exporting = async {
            if let Some(exporter) = self.exporter {
                exporter.run(flushing).await;
            }
        };
        tokio::join!(services, exporting);
    }
}

/// Converts incidents of the plugin host to system events.
async fn pass_on(incidents: Incidents, events: SystemEvents, clock: Clock) {
    loop {
        let incident = incidents.next().await;
        let now = clock.now();
        match incident {
            Incident::CircuitOpened {
                tenant,
                plugin,
                version,
                kind,
            } => {
                let opened = CircuitOpened {
                    tenant,
                    plugin,
                    version,
                    kind,
                };
                events.circuit_opened(opened, now);
            }
            Incident::CanaryStopped(Tripped {
                what,
                calls,
                failures,
            }) => {
                let version = what.digest.get(..VERSION_DIGITS).unwrap_or(&what.digest);
                let stopped = CanaryStopped {
                    tenant: what.tenant,
                    chain: what.place,
                    plugin: what.plugin,
                    version: version.to_owned(),
                    calls,
                    failed: failures,
                };
                events.canary_stopped(stopped, now);
            }
        }
    }
}

const VERSION_DIGITS: usize = 12;
