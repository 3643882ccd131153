//! The attempts of a tenant, from its attempt log.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::describe::described;
use super::super::input::{Consuming, Params};
use super::super::page;
use super::super::views::{DeliveryStatus, StatusClassView, TriggerView, text};
use super::page::{End, writer};
use super::{Filter, Key, List, ListQuery, Pager, Way};
use crate::http::Problem;
use hookgate_domain::Target;
use hookgate_registry::Tenant;
use hookgate_store::{FeedPosition, LogEntry, LogRange};

pub(in crate::api) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/attempts",
        get_with(
            list,
            described(
                "Deliveries",
                "listAttempts",
                "List attempts",
                "The newest first, from the tenant's attempt log, which has ids and numbers alone and goes back as far as \
                 `retention.attempt_log` and `retention.attempt_log_age` say. A page that ends before its limit because a request \
                 looks at no more is `partial`.",
            ),
        ),
    )
}

/// Attempt, as recorded in the attempt log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LoggedAttempt")]
pub(in crate::api) struct AttemptLine {
    /// Time at which the attempt ended and was recorded.
    pub at: String,
    /// Id of the delivery.
    pub delivery: String,
    /// Id of the event.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Id of the subscription; `inline`: the endpoint that the event itself names.
    pub subscription: String,
    /// Origin of the delivery.
    pub trigger: TriggerView,
    /// Number of the attempt, from 1.
    #[schemars(range(min = 1))]
    pub number: u32,
    /// Outcome of the attempt.
    #[schemars(with = "super::super::words::AttemptOutcome")]
    pub outcome: &'static str,
    /// HTTP status of the response, if there was one.
    #[schemars(range(min = 100, max = 999))]
    pub response_status: Option<u16>,
    /// Class of the outcome; null if it shows nothing about the endpoint or a plugin.
    pub status_class: Option<StatusClassView>,
    /// Its length in milliseconds.
    pub took_ms: u64,
    /// State of the delivery after it: `pending` is tried again.
    pub status: DeliveryStatus,
}

impl AttemptLine {
    pub fn new(tenant: &Tenant, entry: &LogEntry) -> Self {
        let attempt = &entry.attempt;
        Self {
            at: text(entry.at),
            delivery: attempt.delivery.to_string(),
            event: attempt.delivery.event.to_string(),
            kind: attempt.kind.to_string(),
            subscription: match attempt.delivery.target {
                Target::Subscription(id) => tenant.public_id(id),
                Target::Inline => attempt.delivery.target.to_string(),
            },
            trigger: attempt.trigger.into(),
            number: attempt.number,
            outcome: attempt.outcome.word(),
            response_status: attempt.status,
            status_class: attempt.class().map(StatusClassView::from),
            took_ms: attempt.took_ms,
            status: attempt.left.into(),
        }
    }
}

async fn list(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<ListQuery>,
) -> Result<Json<List<AttemptLine>>, Problem> {
    let tenant = &caller.tenant;
    let way = Way::read(&api, &tenant.id, LIST, query.cursor.as_deref())?;
    let filter = Filter::read(&api, &caller, &query).await?;
    let mut pager = Pager::new(way, page::limit(query.limit)?);
    let reach = (way, api.config.list_scan);
    let end = search(&api, &caller, &filter, reach, |entry, matches| {
        let key = Key::at(entry.position);
        pager.looked_at(key);
        !matches || pager.take(key, AttemptLine::new(tenant, entry))
    });
    let end = end.await?;
    Ok(Json(pager.finish(end, writer(&api, &tenant.id, LIST))))
}

/// Looks at the log's entries along the way, so many at most, until `take` wants no more.
pub(super) async fn search(
    api: &Api,
    caller: &Consuming,
    filter: &Filter,
    (way, mut budget): (Way, usize),
    mut take: impl FnMut(&LogEntry, bool) -> bool,
) -> Result<End, Problem> {
    // What was settled before `first` is too old, and from `last` on too new.
    let first = filter.since.map(|since| api.store.attempts_since(since));
    let last = filter.until.map(|until| api.store.attempts_since(until));
    let mut from = match way {
        Way::Newest => FeedPosition::END,
        Way::Older(key) => key.position.next(),
        Way::Newer(key) => key.position.previous(),
    };
    from = match (way.is_back(), first, last) {
        (true, Some(first), _) => from.max(first),
        (false, _, Some(last)) => from.min(last.next()),
        _ => from,
    };
    while budget > 0 {
        let (range, count) = match way.is_back() {
            true => (LogRange::After(from), budget.min(AT_ONCE)),
            false => (LogRange::Before(from), budget.min(AT_ONCE)),
        };
        let entries = api.store.attempts(&caller.tenant.id, range, count).await?;
        let found = entries.len();
        for entry in entries {
            from = entry.position;
            let over = match way.is_back() {
                true => last.is_some_and(|last| from > last),
                false => first.is_some_and(|first| from <= first),
            };
            if over {
                return Ok(End::All);
            }
            if !way.covers(Key::at(from)) {
                continue;
            }
            let matches = filter.logged(&entry.attempt) && caller.reaches(entry.attempt.delivery.target);
            if !take(&entry, matches) {
                return Ok(End::All);
            }
        }
        budget -= found;
        if found < count {
            return Ok(End::All);
        }
    }
    Ok(End::Budget)
}

/// Name that the list's cursors belong to.
const LIST: &str = "attempts";
/// Entries that are asked of the store at once.
const AT_ONCE: usize = 1_000;
