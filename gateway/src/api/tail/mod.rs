//! The live tail: server-sent events of what is accepted, attempted and given up, read from the store, so that it is the same at every
//! gateway. A client that is slower than what happens is told how many lines it missed; a cursor in each line resumes it.

mod lines;
mod stream;

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as Described, StatusCode};
use aide::{OperationInput, OperationOutput};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Api;
use super::describe::described;
use super::input::{Consuming, Params};
use super::lists::{Filter, ListQuery, TriesView};
use super::views::{DeliveryStatus, StatusClassView};
use crate::http::{Code, InFlightFull, Problem, describe_header};
use crate::ui::Session;
use lines::Places;
use stream::{Tail, Wanted};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
        "/v1/tail",
        get_with(
            tail,
            described(
                "Deliveries",
                "tail",
                "Watch what happens",
                "Server-sent events from now on, or from `Last-Event-ID`: `accepted` with an event's `id`, `type` and time; `attempted` \
                 with what the list of attempts has of an attempt, and in its place `dead` when the delivery is given up with it; \
                 `lagged` with the number of lines that were `missed` because there were more than `api.tail_lines` in a second, and \
                 `more` where there were more than were counted. Filters other than `types` leave `accepted` out. A comment comes \
                 every 15 seconds where nothing else does. It ends with the key or the session.",
            ),
        ),
    )
}

/// Query of a tail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TailQuery {
    /// Only these events, separated by commas: `accepted`, `attempted`, `dead`.
    #[schemars(regex(pattern = "^ *(accepted|attempted|dead) *(, *(accepted|attempted|dead) *)*$"))]
    events: Option<String>,
    /// Only of events of these types: up to 64 patterns such as `invoice.*`, separated by commas.
    types: Option<String>,
    /// Only to this subscription.
    subscription: Option<String>,
    /// Only attempts after which the delivery stands like this.
    status: Option<DeliveryStatus>,
    /// Only attempts that came to this.
    status_class: Option<StatusClassView>,
    /// Only first attempts, or only later ones.
    attempt: Option<TriesView>,
    /// In place of the header `Last-Event-ID`: the `id` of the last line that was read.
    last_event_id: Option<String>,
}

/// The request's headers and session: each look asks again what its key or session may see.
pub(super) struct Credentials {
    pub headers: HeaderMap,
    pub session: Option<Arc<Session>>,
}

/// `200 OK`, as it comes.
struct Stream(Body);

async fn tail(
    State(api): State<Api>,
    caller: Consuming,
    credentials: Credentials,
    Params(query): Params<TailQuery>,
) -> Result<Stream, Problem> {
    let tenant = &caller.tenant;
    let place = api.tails().enter(&tenant.id).map_err(full)?;
    let last = credentials
        .headers
        .get(LAST_EVENT_ID)
        .map(|last| last.to_str().unwrap_or_default());
    let last = query
        .last_event_id
        .as_deref()
        .or(last)
        .filter(|last| !last.is_empty());
    let resumed = last
        .map(|text| Places::read(&api, &tenant.id, text))
        .transpose()?;
    let list = ListQuery {
        types: query.types,
        subscription: query.subscription,
        status: query.status,
        status_class: query.status_class,
        attempt: query.attempt,
        ..ListQuery::default()
    };
    let filter = Filter::read(&api, &caller, &list).await?;
    let mut wanted = Wanted::read(query.events.as_deref())?;
    if wanted.accepted && query.events.is_some() {
        caller.reach.check_whole()?;
    }
    wanted.accepted &= !filter.asks_for_deliveries() && caller.reach.check_whole().is_ok();
    let tail = Tail::begin(
        api.clone(),
        &caller,
        credentials,
        (filter, wanted, resumed),
        place,
    )
    .await?;
    Ok(Stream(tail.into_body()))
}

fn full(full: InFlightFull) -> Problem {
    let problem = match full {
        InFlightFull::Tenant => Problem::new(
            Code::TenantBusy,
            "As many clients watch the tenant's tail as may (`api.tail_clients_per_tenant`).",
        ),
        InFlightFull::Total => Problem::new(
            Code::Overloaded,
            "As many clients watch a tail as may (`api.tail_clients`).",
        ),
    };
    problem.retry_after(stream::HEARTBEAT)
}

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Proxies that collect answers before they pass them on are asked not to.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }
}

impl OperationOutput for Stream {
    type Inner = ();

    fn operation_response(_: &mut GenContext, _: &mut Operation) -> Option<Described> {
        let content = [(EVENT_STREAM.to_owned(), MediaType::default())];
        Some(Described {
            description: "Server-sent events.".to_owned(),
            content: content.into_iter().collect(),
            ..Described::default()
        })
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<StatusCode>, Described)> {
        let response = Self::operation_response(ctx, operation);
        response
            .map(|response| (Some(StatusCode::Code(200)), response))
            .into_iter()
            .collect()
    }
}

impl FromRequestParts<Api> for Credentials {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Ok(Self {
            headers: parts.headers.clone(),
            session: parts.extensions.get().cloned(),
        })
    }
}

impl OperationInput for Credentials {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_header(
            operation,
            "Last-Event-ID",
            "The `id` of the last line that was read: what came since follows.",
        );
    }
}

const LAST_EVENT_ID: &str = "last-event-id";
const EVENT_STREAM: &str = "text/event-stream";
