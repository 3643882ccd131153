//! Parts on an event's path, ingest and scheduler, and the tracer that follows it.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Common, StartError, stored};
use crate::config::Config;
use crate::delivery;
use crate::dispatch::Inbox;
use crate::dispatch::inbox::Ready;
use crate::http::Auth;
use crate::ingest::{self, Ingest};
use crate::scheduler::{self, Scheduler};
use crate::traces::Exporter;
use hookgate_plugin_host::Host;
use hookgate_registry::Registry;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::telemetry::Metrics;
use hookgate_runtime::telemetry::traces::Tracer;

/// Creates the tracer and the exporter of its spans; without a collector, the tracer is off.
pub(super) fn traces(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<(Tracer, Option<Exporter>), StartError> {
    let Some(settings) = config.trace_export().map_err(StartError::Traces)? else {
        return Ok((Tracer::default(), None));
    };
    let traces = &config.traces;
    let (tracer, queue) = Tracer::new(
        traces.sampling(),
        traces.max_queue,
        clock.clone(),
        metrics.clone(),
    );
    let exporter = Exporter::new(settings, queue, clock.clone(), metrics.clone())?;
    Ok((tracer, Some(exporter)))
}

pub(super) fn scheduler(
    config: &Config,
    registry: &Registry,
    inbox: Inbox,
    ready: UnboundedReceiver<Ready>,
    common: &Common,
) -> Result<Scheduler, StartError> {
    let parts = delivery::Parts {
        registry: registry.clone(),
        client: common.egress.clone(),
        committer: common.committer.clone(),
        inbox: inbox.clone(),
        clock: common.clock.clone(),
        store_clock: common.store_clock.clone(),
        watch: common.watch.clone(),
        system_events: common.system_events.clone(),
        metrics: common.metrics.clone(),
        tracer: common.tracer.clone(),
    };
    let attempter = delivery::Attempter::new(config.delivery.clone(), config.retry.policy()?, parts);
    let parts = scheduler::Parts {
        attempter,
        store: Arc::clone(&common.store),
        inbox,
        store_clock: common.store_clock.clone(),
        journal: stored::journal(config),
        metrics: common.metrics.clone(),
    };
    Ok(Scheduler::new(config.scheduler_on_store(), parts, ready))
}

pub(super) fn ingest(config: &Config, auth: Auth, host: Host, inbox: Inbox, common: &Common) -> Ingest {
    let parts = ingest::Parts {
        auth,
        host,
        store: Arc::clone(&common.store),
        committer: common.committer.clone(),
        inbox,
        egress: common.egress.clone(),
        quotas: common.quotas.clone(),
        memory: common.memory.clone(),
        ids: IdSource::new(common.clock.clone()),
        clock: common.clock.clone(),
        system_events: common.system_events.clone(),
        metrics: common.metrics.clone(),
        tracer: common.tracer.clone(),
        keep_trace_context: config.delivery.trace_context,
        tasks: common.tasks.clone(),
    };
    Ingest::new(config.ingest.clone(), parts, config.server.body_timeout.get())
}
