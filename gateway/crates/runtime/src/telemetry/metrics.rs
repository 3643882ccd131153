//! The figures at `/metrics`.
//!
//! Components receive a clone of [`Metrics`] and call the method named after the occurrence. Labels
//! come from closed sets only: the gateway's enums. The names and versions of shared plugins are
//! the exception; their number is bounded (`series`). Neither a tenant nor any name given by a
//! tenant is a label.

mod words;
mod zero;

pub use zero::SYSTEM_EVENTS;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::backups::BackupFigures;
use super::calls::CallFigures;
use super::losses::Losses;
use super::process::Process;
use super::requests::HttpFigures;
use super::series::PluginSeries;
use super::traces::TraceFigures;
use hookgate_domain::Outcome;
use hookgate_domain::delivery::Stage;
use hookgate_domain::subscription::DisableReason;

/// Handle of the metrics. Cheap to clone; clones share their counters.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

/// Result of accepting an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AcceptResult {
    /// Stored.
    Stored,
    /// Dropped by a plugin.
    Filtered,
    /// Accepted before: a duplicate.
    Duplicate,
    /// Invalid request, or rejected by a plugin.
    Rejected,
    /// Not accepted at present: the gateway is full or busy, or its store is unavailable.
    Unavailable,
    /// Refused over a quota of the tenant.
    OverQuota,
}

/// Verdict of a plugin, or its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PluginVerdict {
    /// Pass.
    Pass,
    /// Drop.
    Drop,
    /// Reject.
    Reject,
    /// Delay.
    Delay,
    /// Failed, trapped or exceeded a limit.
    Failed,
}

/// Reason why a chain was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The tenant's plugins have used up their CPU time.
    Budget,
    /// Too many calls wait.
    Busy,
}

/// Final state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryEnd {
    /// Accepted by the endpoint.
    Delivered,
    /// Dead: its attempts are used up, or no attempt could ever succeed.
    Dead,
    /// Cancelled.
    Cancelled,
    /// Recorded in place of being sent (shadow mode).
    Shadowed,
}

/// Batch operation of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreOperation {
    /// `accept`.
    Accept,
    /// `claim`.
    Claim,
    /// `settle`.
    Settle,
    /// `settle` that only extends leases.
    Renew,
}

impl Metrics {
    /// Creates metrics, all at zero.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner::new()),
        }
    }

    /// Counts events of a request by their result.
    pub fn events_accepted(&self, result: AcceptResult, events: u64) {
        self.inner
            .events
            .get_or_create(&[("result", result.word())])
            .inc_by(events);
    }

    /// Records the duration of an accept request, from its head's arrival to the response.
    pub fn accept_took(&self, took: Duration) {
        self.inner.accept_seconds.observe(took.as_secs_f64());
    }

    /// Counters of a shared plugin in one version.
    /// At most `most` plugins have their own counters; the others share one set with all tenants'
    /// own plugins (`None`).
    pub fn plugin_calls(&self, labels: Option<(&str, &str)>, most: usize) -> Arc<CallFigures> {
        self.inner.plugins.of(labels, most)
    }

    /// Counts a chain that was not run: its event is refused, its delivery deferred.
    pub fn chain_not_run(&self, why: Refusal) {
        let why = match why {
            Refusal::Budget => "budget",
            Refusal::Busy => "busy",
        };
        self.inner.chains_not_run.get_or_create(&[("reason", why)]).inc();
    }

    /// Records the end of a delivery attempt, and its duration unless it was shadowed.
    pub fn delivery_attempted(&self, outcome: &Outcome, took: Duration) {
        self.inner
            .attempts
            .get_or_create(&[("outcome", outcome.word())])
            .inc();
        if !matches!(outcome, Outcome::Shadowed { .. }) {
            self.inner.attempt_seconds.observe(took.as_secs_f64());
        }
    }

    /// Counts a failed exchange or response body of an endpoint; `error` is from a closed set.
    pub fn egress_failed(&self, during: Stage, error: &'static str) {
        let labels = [("stage", during.word()), ("error", error)];
        self.inner.egress_errors.get_or_create(&labels).inc();
    }

    /// Counts a request that was sent again because a reused connection closed before a response.
    pub fn request_repeated(&self) {
        self.inner.repeated.inc();
    }

    /// Counts the end of a delivery.
    pub fn delivery_ended(&self, end: DeliveryEnd) {
        self.inner.deliveries.get_or_create(&[("end", end.word())]).inc();
    }

    /// Counts a subscription that was not disabled by its owner.
    pub fn subscription_disabled(&self, reason: DisableReason) {
        let reason = match reason {
            DisableReason::Asked => "asked",
            DisableReason::Gone => "gone",
            DisableReason::Failing => "failing",
        };
        self.inner.disabled.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts a stored system event of this type.
    pub fn system_event(&self, kind: &'static str) {
        self.inner.system_events.get_or_create(&[("type", kind)]).inc();
    }

    /// Counts reports without a system event, because there were too many.
    pub fn system_events_left_out(&self, count: u64) {
        self.inner.left_out.inc_by(count);
    }

    /// Counts an attempt as in flight until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.inner.in_flight.inc();
        InFlight(self.inner.in_flight.clone())
    }

    /// Sets the number of deliveries that wait in memory.
    pub fn ready_queue_is(&self, length: usize) {
        self.inner
            .ready_queue
            .set(i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// Records the delay of a claimed delivery after its due time.
    pub fn claimed_late_by(&self, lag: Duration) {
        self.inner.due_lag_seconds.observe(lag.as_secs_f64());
    }

    /// Records a batch that the store answered.
    pub fn store_answered(&self, operation: StoreOperation, batch: usize, took: Duration) {
        let label = [("operation", operation.word())];
        let size = f64::from(u32::try_from(batch).unwrap_or(u32::MAX));
        self.inner.store_batch_size.get_or_create(&label).observe(size);
        self.inner
            .store_seconds
            .get_or_create(&label)
            .observe(took.as_secs_f64());
    }

    /// Sets the availability of the store.
    pub fn store_is(&self, available: bool) {
        self.inner.store_available.set(available.into());
    }

    /// Sets if the store takes new events, and the number of its warnings.
    pub fn store_takes(&self, accepting: bool, warnings: usize) {
        self.inner.store_accepting.set(accepting.into());
        self.inner
            .store_warnings
            .set(i64::try_from(warnings).unwrap_or(i64::MAX));
    }

    pub(super) fn losses(&self) -> &Losses {
        &self.inner.losses
    }

    /// Sets the number of tenants that this process holds.
    pub fn tenants_are(&self, count: usize) {
        self.inner.tenants.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Refusals over a quota, by the quota's name.
    pub(super) fn quotas(&self) -> &Family<Labels<1>, Counter> {
        &self.inner.quotas
    }

    /// Metrics of HTTP requests and connections.
    pub(super) fn http(&self) -> &HttpFigures {
        &self.inner.http
    }

    /// Figures of traces.
    pub(super) fn traces(&self) -> &TraceFigures {
        &self.inner.traces
    }

    /// Figures of backups.
    pub(super) fn backups(&self) -> &BackupFigures {
        &self.inner.backups
    }

    /// Figures of the gateway, and those that every process has.
    pub(super) fn registries(&self) -> [&Registry; 2] {
        [&self.inner.registry, &self.inner.process]
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Guard of an attempt in flight.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Label names and values, both from closed sets.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

struct Inner {
    registry: Registry,
    /// Names that all processes share: without a prefix.
    process: Registry,
    events: Family<Labels<1>, Counter>,
    accept_seconds: Histogram,
    plugins: PluginSeries,
    chains_not_run: Family<Labels<1>, Counter>,
    quotas: Family<Labels<1>, Counter>,
    attempts: Family<Labels<1>, Counter>,
    attempt_seconds: Histogram,
    egress_errors: Family<Labels<2>, Counter>,
    repeated: Counter,
    deliveries: Family<Labels<1>, Counter>,
    disabled: Family<Labels<1>, Counter>,
    system_events: Family<Labels<1>, Counter>,
    left_out: Counter,
    in_flight: Gauge,
    ready_queue: Gauge,
    due_lag_seconds: Histogram,
    store_batch_size: Family<Labels<1>, Histogram, fn() -> Histogram>,
    store_seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    store_available: Gauge,
    store_accepting: Gauge,
    store_warnings: Gauge,
    backups: BackupFigures,
    traces: TraceFigures,
    losses: Losses,
    tenants: Gauge,
    http: HttpFigures,
}

impl Inner {
    fn new() -> Self {
        let mut inner = Self {
            registry: Registry::with_prefix("hookgate"),
            process: Registry::default(),
            events: Family::default(),
            accept_seconds: waits(),
            plugins: PluginSeries::default(),
            chains_not_run: Family::default(),
            quotas: Family::default(),
            attempts: Family::default(),
            attempt_seconds: waits(),
            egress_errors: Family::default(),
            repeated: Counter::default(),
            deliveries: Family::default(),
            disabled: Family::default(),
            system_events: Family::default(),
            left_out: Counter::default(),
            in_flight: Gauge::default(),
            ready_queue: Gauge::default(),
            due_lag_seconds: waits(),
            store_batch_size: Family::new_with_constructor(sizes),
            store_seconds: Family::new_with_constructor(waits),
            store_available: Gauge::default(),
            store_accepting: Gauge::default(),
            store_warnings: Gauge::default(),
            backups: BackupFigures::default(),
            traces: TraceFigures::default(),
            losses: Losses::default(),
            tenants: Gauge::default(),
            http: HttpFigures::default(),
        };
        inner.http.register(&mut inner.registry);
        inner.register_events();
        inner.register_deliveries();
        inner.register_process();
        inner.backups.register(&mut inner.registry);
        inner.traces.register(&mut inner.registry);
        inner.begin_at_zero();
        inner
    }

    fn register_events(&mut self) {
        let r = &mut self.registry;
        r.register(
            "events",
            "Events dealt with, by what became of them",
            self.events.clone(),
        );
        r.register_with_unit(
            "accept",
            "Time to answer a request that brings events",
            Unit::Seconds,
            self.accept_seconds.clone(),
        );
        r.register_collector(Box::new(self.plugins.clone()));
        r.register(
            "chains_not_run",
            "Chains that were not run, because their tenant has used up its processor time or its queue is full",
            self.chains_not_run.clone(),
        );
        r.register(
            "quota_refusals",
            "Requests refused because a tenant's quota is used up, by the quota",
            self.quotas.clone(),
        );
    }

    fn register_deliveries(&mut self) {
        let r = &mut self.registry;
        r.register("attempts", "Attempts by outcome", self.attempts.clone());
        r.register_with_unit(
            "attempt",
            "Time of an attempt",
            Unit::Seconds,
            self.attempt_seconds.clone(),
        );
        r.register(
            "egress_errors",
            "Exchanges with endpoints that failed, and bodies of answers that were not read to their end, by stage and error",
            self.egress_errors.clone(),
        );
        r.register(
            "egress_repeated_requests",
            "Requests made again on a new connection, because a kept one had ended",
            self.repeated.clone(),
        );
        r.register(
            "deliveries",
            "Deliveries that ended, by how",
            self.deliveries.clone(),
        );
        r.register(
            "subscriptions_disabled",
            "Subscriptions disabled by this process, by why",
            self.disabled.clone(),
        );
        r.register(
            "system_events",
            "System events stored, by type",
            self.system_events.clone(),
        );
        r.register(
            "system_events_left_out",
            "Reports that came to no system event, because there were too many",
            self.left_out.clone(),
        );
        r.register("attempts_in_flight", "Attempts under way", self.in_flight.clone());
        r.register(
            "ready_queue_length",
            "Deliveries that wait in memory",
            self.ready_queue.clone(),
        );
        r.register_with_unit(
            "due_lag",
            "How late due deliveries were claimed",
            Unit::Seconds,
            self.due_lag_seconds.clone(),
        );
    }

    fn register_process(&mut self) {
        let r = &mut self.registry;
        r.register(
            "store_batch_size",
            "How many items went to the store together",
            self.store_batch_size.clone(),
        );
        r.register_with_unit(
            "store_batch",
            "Time of a batch in the store",
            Unit::Seconds,
            self.store_seconds.clone(),
        );
        r.register(
            "store_available",
            "Whether the store answers (1) or not (0)",
            self.store_available.clone(),
        );
        r.register(
            "store_accepting",
            "Whether the store takes new events (1) or not (0)",
            self.store_accepting.clone(),
        );
        r.register(
            "store_warnings",
            "Warnings of the store's health, as `/readyz` tells them",
            self.store_warnings.clone(),
        );
        self.losses.register(r);
        r.register("tenants", "Tenants that this process holds", self.tenants.clone());
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "Which build this is", version);
        self.process.register_collector(Box::new(Process));
    }
}

/// Buckets from 0.1 ms to 30 s: for responses, attempts and lags.
fn waits() -> Histogram {
    Histogram::new([
        0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
        10.0, 30.0,
    ])
}

/// Buckets from 1 to 1024.
fn sizes() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Called;

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = Metrics::new();
        metrics.events_accepted(AcceptResult::Stored, 3);
        let called = |plugin: Option<&str>, verdict, failure| {
            let labels = plugin.map(|plugin| (plugin, "1.0.0"));
            metrics.plugin_calls(labels, 1).count(&Called {
                verdict,
                failure,
                took: Duration::from_micros(15),
                bytes_in: 100,
                bytes_out: 60,
                at_ms: 1,
            });
        };
        called(Some("own"), PluginVerdict::Failed, Some("timeout"));
        called(Some("redact"), PluginVerdict::Pass, None);
        called(Some("third"), PluginVerdict::Drop, None);
        called(None, PluginVerdict::Drop, None);
        metrics.delivery_attempted(&Outcome::Delivered { status: 200 }, Duration::from_millis(2));
        metrics.clone().delivery_ended(DeliveryEnd::Delivered);
        metrics.store_answered(StoreOperation::Accept, 64, Duration::from_millis(1));
        metrics.store_is(true);
        let guard = metrics.in_flight();
        let text = metrics.shown();
        for line in [
            r#"hookgate_events_total{result="stored"} 3"#,
            r#"hookgate_plugin_calls_total{plugin="redact",version="1.0.0",verdict="pass"} 1"#,
            r#"hookgate_plugin_calls_total{plugin="other",version="other",verdict="drop"} 2"#,
            r#"hookgate_plugin_failures_total{plugin="own",version="1.0.0",kind="timeout"} 1"#,
            r#"hookgate_plugin_document_bytes_total{plugin="own",version="1.0.0",direction="in"} 100"#,
            r#"hookgate_plugin_call_seconds_bucket{le="0.000016",plugin="redact",version="1.0.0"} 1"#,
            r#"hookgate_plugin_call_seconds_count{plugin="redact",version="1.0.0"} 1"#,
            r#"hookgate_attempts_total{outcome="delivered"} 1"#,
            "hookgate_attempts_in_flight 1",
            "hookgate_store_available 1",
            r#"hookgate_store_batch_size_bucket{le="64.0",operation="accept"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(
            !text.contains("third"),
            "there is room for one, and for what is shipped"
        );
        drop(guard);
        assert!(metrics.shown().contains("hookgate_attempts_in_flight 0"));
    }

    #[test]
    fn a_well_formed_end() {
        assert!(Metrics::new().shown().ends_with("# EOF\n"));
    }
}
