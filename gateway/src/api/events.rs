//! Event feed, single events and replays.

use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::deliveries::check_count;
use super::describe::{described, does};
use super::input::{Acting, Consuming, Granted, Id, NoDelivery, OptionalBody, Params, not_found};
use super::lists::List;
use super::lists::events::{Asked, EventLine, EventsQuery, newest};
use super::output::{Accepted, Held};
use super::views::{DeliveryView, StepView, raw, text};
use super::{Api, page};
use crate::dispatch::fan_out_again;
use crate::feed::{Cursor, FeedError, Query, Start};
use crate::http::{Code, FieldError, Problem};
use crate::ingest::{lane_refused, too_much_work};
use crate::ui::{Capability, SessionError};
use hookgate_domain::{
    DeliveryId, Event, EventId, EventPattern, Fate, SubscriptionId, Target, Timestamp, Trigger,
};
use hookgate_plugin_host::TenantLane;
use hookgate_registry::{Tenant, show};
use hookgate_runtime::memory::Reservation;
use hookgate_store::{FeedPosition, StoredEvent};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/events",
            get_with(
                feed,
                described(
                    "Events",
                    "listEvents",
                    "Read the feed",
                    "The tenant's events in the order in which they were accepted, as they are delivered. Begin with the oldest, or \
                     with `since`; then send the last `next_cursor` to go on. The cursor of the last page goes on with what comes \
                     later. With `order=newest` it is a list of events to look at, without their payloads.",
                ),
            ),
        )
        .api_route("/v1/events/{id}", get_with(get, does("Events", "getEvent", "One event with its deliveries")))
        .api_route(
            "/v1/events/{id}/replay",
            post_with(
                replay,
                described(
                    "Events",
                    "replayEvent",
                    "Deliver an event again",
                    "Makes new deliveries with the same event id and body: to one subscription, or to all active ones that \
                     want events of its type.",
                ),
            ),
        )
}

/// Parameters of a read of the feed.
#[derive(Debug)]
pub(super) struct FeedQuery {
    /// Maximum number of events: 1 to 500, default 50.
    pub limit: Option<usize>,
    /// The `next_cursor` of the previous page; default: the oldest event in the feed.
    pub cursor: Option<String>,
    /// Start time in place of a cursor (RFC 3339): the first event accepted at this time or later.
    pub since: Option<String>,
    /// Only events of these types: up to 64 patterns such as `invoice.*`, separated by commas.
    pub types: Option<String>,
    /// Seconds to wait for new events if there are none (long polling).
    pub wait: Option<u64>,
}

/// Result of reading the feed.
pub(super) struct Read {
    /// Events, oldest first.
    pub events: Vec<Event>,
    /// Memory that the page holds until it is sent.
    pub memory: Option<Reservation>,
    /// Cursor of the next page.
    pub next_cursor: String,
    /// Set when more events are available already.
    pub more: bool,
}

/// A page of events, in the order that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum EventsPage {
    /// The oldest first.
    Feed(FeedPage),
    /// The newest first.
    Newest(List<EventLine>),
}

/// A page of the feed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeedPage")]
struct FeedPage {
    /// Events, oldest first.
    data: Vec<FeedEvent>,
    /// Cursor of the next page, usable now or later. Always present.
    next_cursor: String,
    /// Set when more events are available already.
    has_more: bool,
}

/// Event as its consumers see it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeedEvent")]
struct FeedEvent {
    /// Event id; the `webhook-id` of its deliveries.
    id: String,
    /// Event type.
    #[serde(rename = "type")]
    kind: String,
    /// Time at which the event happened.
    created: String,
    /// Payload after the tenant's chain; `null` for a session without the capability `payloads`.
    #[schemars(with = "Value")]
    data: Option<Box<RawValue>>,
}

/// Event with its status, the steps of its chain and its deliveries.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
struct EventView {
    #[serde(flatten)]
    event: FeedEvent,
    /// Status of the event.
    #[schemars(with = "super::words::StoredEventStatus")]
    status: &'static str,
    /// Reason for which a plugin dropped the event.
    reason: Option<String>,
    /// Metadata of the producer.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    metadata: Option<Box<RawValue>>,
    /// Endpoint that the event itself named.
    deliver_to: Option<String>,
    /// Report of each step of the chain.
    steps: Vec<StepView>,
    /// Deliveries: those of the publication, then replays.
    deliveries: Vec<DeliveryView>,
}

/// Parameters of a replay.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ReplayInput {
    /// Only to this subscription.
    subscription: Option<String>,
}

/// Result of a replay.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Replayed")]
struct Replayed {
    /// Ids of the new deliveries.
    deliveries: Vec<String>,
}

async fn feed(
    State(api): State<Api>,
    caller: Consuming,
    Params(query): Params<EventsQuery>,
) -> Result<Held<EventsPage>, Problem> {
    let query = match query.asked()? {
        Asked::Feed(query) => query,
        Asked::List(query) => {
            return Ok(Held(
                EventsPage::Newest(newest(&api, &caller, &query).await?),
                None,
            ));
        }
    };
    caller.granted.check(Capability::Payloads)?;
    let read = read(&api, &caller, &query).await?;
    let page = FeedPage {
        data: read.events.iter().map(FeedEvent::from).collect(),
        next_cursor: read.next_cursor,
        has_more: read.more,
    };
    Ok(Held(EventsPage::Feed(page), read.memory))
}

/// Reads a page of the feed. Shared by all routes that read it.
pub(super) async fn read(api: &Api, caller: &Consuming, query: &FeedQuery) -> Result<Read, Problem> {
    caller.reach.check_whole()?;
    let tenant = &caller.tenant;
    let start = start(api, tenant, query)?;
    let query = Query {
        start,
        floor: floor(api, tenant).await?,
        limit: page::limit(query.limit)?,
        types: caller.granted.narrow(patterns(query.types.as_deref())?)?,
        wait: Duration::from_secs(query.wait.unwrap_or(0)),
    };
    let page = api.feed.page(&tenant.id, query).await;
    let page = page.map_err(|error| refused(api, tenant, start, error))?;
    // It may have ended while this waited.
    if let Some(session) = caller.granted.session()
        && api.sessions.again(session).await?.is_none()
    {
        return Err(SessionError::Ended.into());
    }
    Ok(Read {
        next_cursor: Cursor::at(page.next).to_text(api.feed.cursor_key(), &tenant.id, LIST),
        events: page.events,
        memory: page.memory,
        more: page.more,
    })
}

fn start(api: &Api, tenant: &Tenant, query: &FeedQuery) -> Result<Start, Problem> {
    match (query.cursor.as_deref(), query.since.as_deref()) {
        (Some(_), Some(_)) => Err(Problem::new(
            Code::InvalidParameter,
            "`cursor` and `since` both say where to begin.",
        )
        .fix("Send `since` once, and from then on the `next_cursor` of each page.")),
        (Some(text), None) => {
            let cursor = Cursor::from_text(text, api.feed.cursor_key(), &tenant.id, LIST);
            let cursor = cursor.map_err(|_| page::bad_cursor())?;
            Ok(Start::After(cursor.position))
        }
        (None, Some(text)) => {
            let since = Timestamp::parse(text).map_err(|error| {
                Problem::new(Code::InvalidParameter, format!("`since` is wrong: {error}."))
                    .fix("Send a time of RFC 3339 such as 2026-01-15T00:00:00Z, with `+` as %2B.")
            })?;
            Ok(Start::Since(since))
        }
        (None, None) => Ok(Start::Oldest),
    }
}

/// Converts an error of the feed; a start that is too old gets the cursor to go on with.
fn refused(api: &Api, tenant: &Tenant, start: Start, error: FeedError) -> Problem {
    let FeedError::Expired(oldest) = error else {
        return error.into();
    };
    let gone = match start {
        Start::Since(since) => format!("Of the events accepted since {} some", text(since)),
        Start::Oldest | Start::After(_) => "Of the events after this `cursor` some".to_owned(),
    };
    let kept = match oldest.accepted {
        Some(accepted) => format!("the oldest event that is kept was accepted at {}", text(accepted)),
        None => "no event is kept".to_owned(),
    };
    let cursor = Cursor::at(oldest.after).to_text(api.feed.cursor_key(), &tenant.id, LIST);
    let detail = format!("{gone} are older than the retention and gone; {kept}.");
    Problem::new(Code::CursorExpired, detail).next_cursor(cursor)
}

/// Position after which the feed is visible to the tenant's readers.
///
/// Hidden are the feed of a former tenant of the same name, and events older than the profile's
/// retention.
pub(super) async fn floor(api: &Api, tenant: &Tenant) -> Result<FeedPosition, Problem> {
    let Some(kept) = tenant
        .contract
        .as_ref()
        .and_then(|profile| profile.feed_retention)
    else {
        return Ok(tenant.feed_from);
    };
    let oldest = api.clock.now().minus(kept);
    let since = api.store.feed_since(&tenant.id, oldest).await?;
    Ok(since.max(tenant.feed_from))
}

async fn get(
    State(api): State<Api>,
    Acting(tenant): Acting,
    granted: Granted,
    id: Id,
) -> Result<Json<EventView>, Problem> {
    let id: EventId = id.parse()?;
    let mut stored = visible(&api, &tenant, &granted, &id).await?;
    let shown = api.registry.shown(&tenant, vec![stored.event]).await;
    stored.event = shown.map_err(lane_refused)?.pop().ok_or_else(not_found)?;
    let mut view = EventView::new(&tenant, &stored);
    if !granted.has(Capability::Payloads) {
        (view.event.data, view.metadata) = (None, None);
        // A plugin's text may quote the payload.
        view.reason = None;
    }
    Ok(Json(view))
}

/// Event with its deliveries, of a type that the caller sees.
async fn visible(
    api: &Api,
    tenant: &Tenant,
    granted: &Granted,
    id: &EventId,
) -> Result<StoredEvent, Problem> {
    let stored = api.store.event(&tenant.id, id).await?;
    let stored = stored.filter(|stored| granted.sees(&stored.event.kind));
    stored.ok_or_else(not_found)
}

async fn replay(
    State(api): State<Api>,
    _: NoDelivery,
    (Acting(tenant), granted): (Acting, Granted),
    id: Id,
    OptionalBody(input): OptionalBody<ReplayInput>,
) -> Result<Accepted<Replayed>, Problem> {
    api.quotas.admit_replay(&tenant)?;
    let id: EventId = id.parse()?;
    let stored = visible(&api, &tenant, &granted, &id).await?;
    let only = input.subscription.map(|text| {
        tenant.subscription_id(&text).ok_or_else(|| {
            let error = FieldError::new("/subscription", "not a subscription's id");
            Problem::fields(Code::InvalidField, vec![error])
        })
    });
    let targets = targets(&api, &tenant, stored.event.clone(), only.transpose()?).await?;
    let made = stored.indexed();
    for target in &targets {
        check_count(&api, made.to(*target).len(), *target)?;
    }
    let run = api.ids.run();
    let ids: Vec<_> = targets
        .into_iter()
        .map(|target| DeliveryId {
            event: id.clone(),
            target,
            run,
        })
        .collect();
    let deliveries = ids.iter().map(ToString::to_string).collect();
    let jobs: Vec<_> = ids.into_iter().map(|id| (id, Trigger::Replay)).collect();
    let wanted = jobs.len();
    // The event may have been removed since it was read.
    let made = api.store.enqueue(&tenant.id, jobs, tenant.quotas.stored).await;
    if made.map_err(|error| api.quotas.refusal(&error))? == 0 && wanted > 0 {
        return Err(not_found());
    }
    api.inbox.due_now();
    tracing::info!(tenant = %tenant.id, event = %id, "event.replayed");
    Ok(Accepted(Replayed { deliveries }))
}

/// Targets of a replay.
async fn targets(
    api: &Api,
    tenant: &Arc<Tenant>,
    event: Event,
    only: Option<SubscriptionId>,
) -> Result<Vec<Target>, Problem> {
    if let Fate::Filtered { .. } = event.fate {
        return Err(Problem::new(
            Code::WrongState,
            "A plugin dropped the event; its payload was not kept.",
        ));
    }
    match only {
        Some(id) => {
            let subscription = tenant.subscription(id).ok_or_else(not_found)?;
            if subscription.status != hookgate_domain::Status::Active {
                return Err(
                    Problem::new(Code::WrongState, "The subscription is disabled.").fix("Activate it first.")
                );
            }
            Ok(vec![Target::Subscription(id)])
        }
        None => {
            let inline = event.deliver_to.iter().map(|_| Target::Inline);
            let inline: Vec<_> = inline.collect();
            let own = Arc::clone(tenant);
            // Filters see the event as it would be sent.
            let job = move |lane: &mut TenantLane<'_>| {
                let event = show(&own, event, lane);
                let subscriptions = own.subscriptions.iter();
                let meant = subscriptions.filter(|one| !own.is_warning_about(&event, one.id));
                let meant: Vec<_> = meant.cloned().collect();
                fan_out_again(&event, &meant, &lane.work())
            };
            let matched = api.host.run_for(&tenant.id, job).await.map_err(lane_refused)?;
            let mut targets = matched.map_err(|overworked| {
                let what = format!("The filter of the subscription `{}`", overworked.subscription);
                too_much_work(&what, overworked.cause)
            })?;
            targets.extend(inline);
            Ok(targets)
        }
    }
}

pub(super) fn patterns(types: Option<&str>) -> Result<Vec<EventPattern>, Problem> {
    let Some(types) = types else { return Ok(Vec::new()) };
    if types.split(',').count() > MOST_TYPES {
        let detail = format!("`types` is up to {MOST_TYPES} patterns, separated by commas.");
        return Err(Problem::new(Code::InvalidParameter, detail)
            .fix("Send fewer, or one pattern such as `invoice.*` in place of many types."));
    }
    let parsed = types.split(',').map(|text| text.trim().parse::<EventPattern>());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::new(Code::InvalidParameter, format!("`types` is wrong: {error}.")))
}

/// Maximum number of patterns in a query: each is compared with each entry that is examined.
const MOST_TYPES: usize = 64;

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Expired(_) => Self::new(
                Code::CursorExpired,
                "Events after this cursor are older than the retention and gone.",
            ),
            FeedError::Future => {
                let detail =
                    "`since` lies in the future; it is at most a minute ahead of the gateway's clock.";
                Self::new(Code::InvalidParameter, detail)
            }
            FeedError::TooManyWaiting(full) => Self::new(
                Code::TooManyWaiting,
                format!("As many requests wait for new events as are allowed ({full})."),
            )
            .retry_after(Duration::from_secs(1)),
            FeedError::Memory(full) => Self::from(full),
            FeedError::Store(error) => Self::from(&error),
            FeedError::Lane(refusal) => lane_refused(refusal),
        }
    }
}

impl From<&Event> for FeedEvent {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.to_string(),
            kind: event.kind.to_string(),
            created: text(event.created),
            data: raw(&event.data),
        }
    }
}

impl EventView {
    fn new(tenant: &Tenant, stored: &StoredEvent) -> Self {
        let stored = stored.indexed();
        let event = stored.event;
        let (status, reason) = match &event.fate {
            Fate::Published => ("published", None),
            Fate::Filtered { reason } => ("filtered", Some(reason.clone())),
            Fate::Test => ("test", None),
        };
        Self {
            event: event.into(),
            status,
            reason,
            metadata: event.metadata.as_deref().and_then(raw),
            deliver_to: event.deliver_to.as_ref().map(ToString::to_string),
            steps: event.steps.iter().map(StepView::from).collect(),
            deliveries: stored
                .deliveries
                .iter()
                .map(|one| DeliveryView::new(tenant, &stored, one))
                .collect(),
        }
    }
}

/// Name of the list that the cursors are bound to.
const LIST: &str = "events";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_a_query_are_bounded() {
        let types = |count: usize| vec!["invoice.paid"; count].join(",");
        assert_eq!(patterns(Some(&types(MOST_TYPES))).unwrap().len(), MOST_TYPES);
        assert!(patterns(Some(&types(MOST_TYPES + 1))).is_err());
    }
}
