//! Ingest of events, from a request's headers and bytes to `202 Accepted`: they are stored durably.
//!
//! `accept` follows the processing of an event: the tenant, the size, the content (`format`,
//! `parse`, `native`, `cloudevents`), the tenant's schema, rules and chain (`screen`, `making`),
//! the receivers, and the only commit (`commit`). A request is accepted as a whole or not at all.
//! The server calls it for every `POST /v1/events`, without the router: this is the hot path.
//!
//! Nothing here stores or logs the received data: only the chain's output is stored, and only ids
//! and numbers are logged.

mod answer;
mod candidate;
mod cloudevents;
mod commit;
mod config;
mod detach;
mod dry_run;
mod endpoints;
mod format;
mod idempotency;
mod making;
mod native;
mod parse;
mod routes;
mod run_chain;
mod test_event;
mod traced;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use hyper::body::Body;

use crate::dispatch::Inbox;
use crate::http::{
    Account, Auth, BodyLimits, Code, InFlight, InFlightFull, InFlightLimit, Problem, Publish, RequestBody,
    Response, hops, idempotency_key, json_text, receive,
};
use crate::quota::QuotaGate;
use crate::system_events::SystemEvents;
use hookgate_domain::Scope;
use hookgate_egress::Client;
use hookgate_plugin_host::Host;
use hookgate_registry::Tenant;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::memory::MemoryPool;
use hookgate_runtime::tasks::Tasks;
use hookgate_runtime::telemetry::traces::Tracer;
use hookgate_runtime::telemetry::{AcceptResult, Metrics};
use hookgate_store::{Committer, Store};

use detach::DetachOnDrop;
use dry_run::PublishQuery;
use format::Format;
use parse::Allowed;
use traced::RequestTrace;

pub use answer::{AcceptedEvent, AcceptedEvents, EventStatus};
pub use config::Config;
pub use idempotency::stored_key;
pub use routes::routes;
pub(crate) use run_chain::{lane_refused, too_much_work};

/// Accepts events. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    inner: Arc<Inner>,
}

/// Dependencies of the ingest.
pub struct Parts {
    /// Authentication.
    pub auth: Auth,
    /// Plugin host that runs the chains.
    pub host: Host,
    /// Store, which a dry run asks for known ids.
    pub store: Arc<dyn Store>,
    /// Group commit of the store.
    pub committer: Committer,
    /// Hand-over of new deliveries to the scheduler.
    pub inbox: Inbox,
    /// Client that checks the endpoints that events name.
    pub egress: Client,
    /// Quotas of tenants.
    pub quotas: QuotaGate,
    /// Memory for bodies and data derived from them.
    pub memory: MemoryPool,
    /// Generator of ids.
    pub ids: IdSource,
    /// Source of the time.
    pub clock: Clock,
    /// System events, for failing plugins.
    pub system_events: SystemEvents,
    /// Metrics.
    pub metrics: Metrics,
    /// Records traces of requests.
    pub tracer: Tracer,
    /// Set if events keep their producer's trace context even where it is not recorded.
    pub keep_trace_context: bool,
    /// Tasks that continue commits whose producer has disconnected.
    pub tasks: Tasks,
}

struct Inner {
    config: Config,
    parts: Parts,
    body: BodyLimits,
    allowed: Allowed,
    in_flight: InFlightLimit,
}

impl Ingest {
    /// Creates an ingest. `body_timeout` is the server's.
    pub fn new(config: Config, parts: Parts, body_timeout: Duration) -> Self {
        let max = config.max_body.bytes();
        let body = BodyLimits {
            max,
            time: body_timeout,
        };
        let allowed = config.allowed();
        let in_flight = InFlightLimit::new(config.max_in_flight, config.max_in_flight_per_tenant);
        Self {
            inner: Arc::new(Inner {
                config,
                parts,
                body,
                allowed,
                in_flight,
            }),
        }
    }

    /// Accepts the events of a request; or only answers what would become of them, if it asks so.
    ///
    /// # Errors
    /// A problem; nothing was accepted, or, if its `retry` is `same_key`, it is unknown whether it
    /// was.
    pub async fn accept<B>(&self, request: Request<B>) -> Result<Response, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let tenant = self.inner.parts.auth.tenant(&head, Scope::Publish)?;
        let query = PublishQuery::read(&head.uri)?;
        let trace = RequestTrace::begin(&self.inner.parts, &tenant.id, &head.headers);
        let answered = self
            .accept_of(&tenant, &head.headers, body, (query, &trace))
            .await;
        let results = answered.as_ref().map(|(accepted, _)| accepted.as_slice());
        trace.end(query.success(), results);
        let (accepted, many) = answered?;
        if !accepted.is_empty() && !query.dry_run {
            let took = started.elapsed();
            self.inner.parts.metrics.accept_took(took);
            told(&tenant, &accepted, took);
        }
        Ok(answer::reply_to(query.success(), accepted, many))
    }

    /// Accepts the events of a tenant's request. Returns their results, and `true` if they came as
    /// an array.
    async fn accept_of<B>(
        &self,
        tenant: &Arc<Tenant>,
        headers: &HeaderMap,
        body: B,
        (query, trace): (PublishQuery, &RequestTrace),
    ) -> Result<(Vec<AcceptedEvent>, bool), Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let hops = hops(headers)?;
        let format = Format::of(headers)?;
        let key = idempotency_key(headers)?;
        let account = Account {
            pool: &self.inner.parts.memory,
            owner: Some(&tenant.id),
        };
        self.admit_request(tenant).await?;
        let received = receive(headers, body, self.inner.body, account).await?;
        let in_flight = self.enter(tenant)?;
        let (body, mut memory) = (json_text(received.bytes)?, received.memory);
        account.charge_document(&mut memory, &body)?;
        let parsed = parse::parse(format, headers, &body, self.inner.allowed)?;
        let idempotency = key.map(|key| idempotency::of(key, tenant.created, format, headers, &body));
        drop(body);
        let many = parsed.many;
        if parsed.candidates.is_empty() {
            return Ok((Vec::new(), many));
        }
        self.admit_events(tenant, parsed.candidates.len())?;
        parse::check_times(&parsed.candidates, self.inner.parts.clock.now(), many)?;
        let recording = trace.recording();
        let mut screened = self
            .run_chain(tenant, parsed.candidates, many, recording.clone())
            .await?;
        if query.dry_run {
            return Ok((self.would_accept(tenant, screened).await?, many));
        }
        for new in &mut screened {
            let event = Arc::make_mut(&mut new.event);
            event.hops = hops;
            event.trace = trace.stored();
        }
        let commit = self
            .clone()
            .commit(Arc::clone(tenant), screened, idempotency, recording);
        let held = (memory, in_flight);
        let accepted = DetachOnDrop::new(&self.inner.parts.tasks, async move {
            let accepted = commit.await;
            drop(held);
            accepted
        });
        Ok((accepted.await?, many))
    }

    /// Charges the tenant's quotas for a request, before its body is read.
    async fn admit_request(&self, tenant: &Tenant) -> Result<(), Problem> {
        let admitted = self.inner.parts.quotas.admit_request(tenant).await;
        admitted.inspect_err(|_| self.count_over_quota(1))
    }

    /// Charges the tenant's rate for all events of a request.
    fn admit_events(&self, tenant: &Tenant, events: usize) -> Result<(), Problem> {
        let admitted = self.inner.parts.quotas.admit_events(tenant, events);
        admitted.inspect_err(|_| self.count_over_quota(events as u64))
    }

    fn count_over_quota(&self, events: u64) {
        let metrics = &self.inner.parts.metrics;
        metrics.events_accepted(AcceptResult::OverQuota, events);
    }

    /// Admits a request, within the limits of the gateway and of the tenant.
    fn enter(&self, tenant: &Tenant) -> Result<InFlight, Problem> {
        self.inner.in_flight.enter(&tenant.id).map_err(|full| {
            self.inner.parts.metrics.events_accepted(AcceptResult::Unavailable, 1);
            let problem = match full {
                InFlightFull::Tenant => Problem::new(
                    Code::TenantBusy,
                    "The tenant has as many requests with events under way as it may (`ingest.max_in_flight_per_tenant`).",
                ),
                InFlightFull::Total => Problem::new(
                    Code::Overloaded,
                    "The gateway works on as many requests with events as it may (`ingest.max_in_flight`).",
                ),
            };
            problem.retry_after(PAUSE)
        })
    }
}

/// `Retry-After` when too many requests are in flight.
const PAUSE: Duration = Duration::from_secs(1);

/// Logs one event per accepted event.
/// There are thousands a second: at `debug`, since each is in the store and in the metrics.
fn told(tenant: &Tenant, accepted: &[AcceptedEvent], took: Duration) {
    for answer in accepted {
        tracing::debug!(
            tenant = %tenant.id,
            event = %answer.id,
            outcome = answer.status.word(),
            deliveries = answer.deliveries,
            took_ms = took.as_millis(),
            "event.accepted"
        );
    }
}

impl Publish for Ingest {
    async fn publish(&self, request: Request<RequestBody>) -> Response {
        self.accept(request).await.unwrap_or_else(Problem::into_reply)
    }
}
