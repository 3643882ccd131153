//! Exposure of an event type: recently delivered paths, and today's class of each.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::describe::described;
use super::input::{Acting, Granted, Id, Params, not_found};
use super::views::text;
use super::{Api, events};
use crate::http::{Code, Problem};
use crate::ingest::lane_refused;
use hookgate_contract::privacy::{Basis, Class, Exposure};
use hookgate_domain::{Event, EventType, Fate};
use hookgate_plugin_host::TenantLane;
use hookgate_registry::Tenant;
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::{FEED_PAGE_BYTES, FeedPosition};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/event-types/{id}/exposure",
        get_with(
            get,
            described(
                "Event types",
                "getEventTypeExposure",
                "What its events expose",
                "Looks at the newest events of the type as they were stored and sent: which paths their data has, the class that each \
                 has today by schemas and by the dictionary of names, and whether today's rules would take it out. A path with a \
                 class that `stays` is one to look at. Values are never told, and keys that may be values are `*`.",
            ),
        ),
    )
}

/// Parameters of an exposure report.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExposureQuery {
    /// Maximum number of events to examine, 1 to 100; default: 20.
    #[schemars(range(min = 1, max = 100))]
    events: Option<usize>,
}

/// Exposure of an event type.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Exposure")]
struct ExposureView {
    /// Event type.
    #[serde(rename = "type")]
    kind: String,
    /// Number of events examined.
    events: usize,
    /// Number of these events that exceeded the work budget and are reported in part.
    left_out: usize,
    /// Time of the oldest of these events.
    since: Option<String>,
    /// Paths in the data of these events, ordered by name; at most 500.
    paths: Vec<PathView>,
    /// Set when there are more paths.
    cut: bool,
}

/// Path in the event data.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExposedPath")]
struct PathView {
    /// JSON pointer; `*` matches every element, and keys that may be values.
    pointer: String,
    /// Number of events that have the path.
    events: u64,
    /// Class of the path; `null` if nothing classifies it.
    #[schemars(with = "Option<super::words::FieldClass>")]
    class: Option<&'static str>,
    /// Source of the class. `name` is that of the path or of a parent, `default` that of the schema.
    #[schemars(with = "Option<super::words::FieldClassBasis>")]
    by: Option<&'static str>,
    /// Set when today's rules deliver the path.
    stays: bool,
}

async fn get(
    State(api): State<Api>,
    Acting(tenant): Acting,
    granted: Granted,
    id: Id,
    Params(query): Params<ExposureQuery>,
) -> Result<Json<ExposureView>, Problem> {
    let kind: EventType = id.parse()?;
    if !granted.sees(&kind) {
        return Err(not_found());
    }
    let limit = query.events.unwrap_or(DEFAULT_EVENTS);
    if limit == 0 || limit > MAX_EVENTS {
        let detail = format!("`events` is 1 to {MAX_EVENTS}.");
        return Err(Problem::new(Code::InvalidParameter, detail));
    }
    // One read of the store, and the sample.
    let most = FEED_PAGE_BYTES + 2 * MAX_BYTES;
    let most = most.min(api.memory.max_per_tenant() / 2);
    let _memory = api.memory.reserve(Some(&tenant.id), MemoryUse::Pages, most)?;
    let sample = sample(&api, &tenant, &kind, limit).await?;
    let count = sample.len();
    let since = sample.last().map(|event| text(event.created));
    let (exposure, left_out) = examine(&api, &tenant, sample).await?;
    let (paths, cut) = exposure.into_paths();
    let paths = paths.into_iter().map(|(pointer, found, stays)| PathView {
        pointer,
        events: found.events,
        class: found.class.map(Class::name),
        by: found.basis.map(|basis| match basis {
            Basis::Schema => "schema",
            Basis::Name => "name",
            Basis::Default => "default",
        }),
        stays,
    });
    Ok(Json(ExposureView {
        kind: kind.to_string(),
        events: count,
        left_out,
        since,
        paths: paths.collect(),
        cut,
    }))
}

/// Returns the newest events of a type as they are stored, newest first.
async fn sample(api: &Api, tenant: &Tenant, kind: &EventType, limit: usize) -> Result<Vec<Event>, Problem> {
    let floor = events::floor(api, tenant).await?;
    let (mut sample, mut bytes, mut at) = (Vec::new(), 0, FeedPosition::END);
    for _ in 0..MAX_LOOKS {
        let page = api.store.feed_back(&tenant.id, at, EVENTS_AT_ONCE).await?;
        for (position, event) in page.events {
            if position <= floor || sample.len() == limit || bytes >= MAX_BYTES {
                return Ok(sample);
            }
            at = position;
            if event.kind == *kind && event.fate == Fate::Published {
                bytes += event.data.len();
                sample.push(event);
            }
        }
        if !page.more {
            break;
        }
    }
    Ok(sample)
}

/// Examines the events in batches in the tenant's lane.
///
/// Also returns the number of events that exceeded the work budget.
async fn examine(api: &Api, tenant: &Arc<Tenant>, sample: Vec<Event>) -> Result<(Exposure, usize), Problem> {
    let own = tenant
        .contract
        .as_ref()
        .map(|profile| profile.privacy.own.as_slice());
    let mut exposure = Exposure::new(own.unwrap_or_default(), MAX_PATHS);
    let (mut sample, mut left_out) = (sample.into_iter().peekable(), 0);
    while sample.peek().is_some() {
        let part: Vec<_> = sample.by_ref().take(EXAMINED_AT_ONCE).collect();
        let tenant_of_job = Arc::clone(tenant);
        let job = move |lane: &mut TenantLane<'_>| {
            let mut left_out = 0;
            for event in part {
                let rules = tenant_of_job.privacy.of(&event.kind);
                left_out += usize::from(exposure.add(&event.data, rules, &lane.work()).is_err());
            }
            (exposure, left_out)
        };
        let (examined, more) = api.host.run_for(&tenant.id, job).await.map_err(lane_refused)?;
        exposure = examined;
        left_out += more;
    }
    Ok((exposure, left_out))
}

const DEFAULT_EVENTS: usize = 20;
const MAX_EVENTS: usize = 100;
/// Maximum size of the sampled data in bytes; the last event may exceed it.
const MAX_BYTES: usize = 1 << 20;
const MAX_PATHS: usize = 500;
const EVENTS_AT_ONCE: usize = 50;
/// Maximum number of feed pages that one request reads.
const MAX_LOOKS: usize = 10;
/// Number of events in one job of the tenant's lane; other jobs run in between.
const EXAMINED_AT_ONCE: usize = 8;
