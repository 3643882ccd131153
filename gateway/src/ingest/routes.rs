//! `POST /v1/events` for the router and the OpenAPI document. The server's fast path calls the same
//! `accept`.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use aide::openapi::{MediaType, ReferenceOr};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::IntoResponse;
use http_body_util::Either;
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::http::{Problem, Response, describe_header, describe_scopes, describe_tenant_header};
use hookgate_domain::Scope;
use hookgate_domain::spelling::{EVENT_ID, EVENT_TYPE};

use super::dry_run::PublishQuery;
use super::{AcceptedEvent, AcceptedEvents, EventStatus, Ingest};

/// Route of the ingest.
pub fn routes(ingest: Ingest) -> ApiRouter {
    ApiRouter::new()
        .api_route("/v1/events", post_with(publish, described))
        .with_state(ingest)
}

async fn publish(State(ingest): State<Ingest>, request: Request) -> axum::response::Response {
    let response: Response = match ingest.accept(request).await {
        Ok(response) => response,
        Err(problem) => return problem.into_response(),
    };
    response.map(|body| match body {
        Either::Left(bytes) => axum::body::Body::new(bytes),
        Either::Right(body) => body,
    })
}

/// Event in the producer's form.
/// For the OpenAPI document only: the ingest parses the fields itself, without serde.
#[derive(JsonSchema)]
#[schemars(rename = "NewEvent", example = example(), deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its schema")]
struct NewEventView {
    /// Event type, such as `invoice.paid`: 1 to 256 printable ASCII characters.
    /// Its parts are joined by single dots and have none of `* , " < > \ ^ { | }` and the grave
    /// accent.
    #[schemars(rename = "type", extend("pattern" = EVENT_TYPE, "maxLength" = 256))]
    kind: String,
    /// Payload: any JSON. It passes the tenant's chain before it is stored.
    data: Value,
    /// The producer's own id, 1 to 64 of `A-Z a-z 0-9 _ - . :`. A repeated id makes a duplicate.
    #[schemars(regex(pattern = EVENT_ID))]
    id: Option<String>,
    /// Time of the event (RFC 3339); by default the time of its acceptance.
    created: Option<String>,
    /// The producer's metadata. Plugins can read it, consumers never see it.
    metadata: Option<serde_json::Map<String, Value>>,
    /// Endpoint of this event only, in addition to the subscriptions.
    #[schemars(extend("format" = "uri"), length(max = 2048))]
    deliver_to: Option<String>,
}

fn example() -> Value {
    json!({ "type": "customer.created", "data": { "id": "cus_1", "status": "active", "email": "someone@example.com" } })
}

/// One event or an array.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "NewEvents")]
#[expect(dead_code, reason = "it is there for its schema")]
enum Submitted {
    One(Box<NewEventView>),
    Many(Vec<NewEventView>),
}

/// Response to one event, or to an array.
#[derive(JsonSchema, serde::Serialize)]
#[schemars(untagged, rename = "Accepted")]
#[serde(untagged)]
#[expect(dead_code, reason = "it is there for its schema")]
enum AcceptedView {
    One(AcceptedEvent),
    Many(AcceptedEvents),
}

fn described(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let mut operation = operation
        .id("publishEvents")
        .tag("Events")
        .summary("Publish events")
        .description(
            "Accepts one event, an array of events, or CloudEvents 1.0 in structured (`application/cloudevents+json`), \
             binary (`ce-…` headers) or batched (`application/cloudevents-batch+json`) mode. A request is accepted as a \
             whole or not at all. 202 means that its events are stored durably.\n\n\
             A CloudEvent's `source` and `id` together make the event's id; its attributes become `metadata`.",
        )
        .input::<Query<PublishQuery>>()
        .input::<Json<Submitted>>()
        .response_with::<200, Json<AcceptedView>, _>(|response| {
            response.description("Of a dry run: nothing was stored, and nobody receives anything.")
        })
        .response_with::<202, Json<AcceptedView>, _>(|response| {
            response.description("Stored; an array is answered as `{\"events\": […]}` in its order.").example(AcceptedView::One(
                AcceptedEvent {
                    id: "evt_01KA5S3XG0V9J2M4N6P8Q0R2T4".parse().expect("an id"),
                    status: EventStatus::Accepted,
                    deliveries: 1,
                    subscriptions: vec!["sub_01KA5S3XG0V9J2M4N6P8Q0R2T4".to_owned()],
                    dry_run: false,
                    dropped_by: None,
                    reason: None,
                },
            ))
        })
        .default_response::<Problem>();
    let inner = operation.inner_mut();
    describe_tenant_header(inner);
    describe_scopes(inner, &[Scope::Publish]);
    describe_header(
        inner,
        "Idempotency-Key",
        "1 to 255 characters, kept for 24 hours: a repeated request with the same key is accepted once.",
    );
    if let Some(ReferenceOr::Item(body)) = &mut inner.request_body {
        for (content_type, example) in [(STRUCTURED, cloud_event()), (BATCHED, json!([cloud_event()]))] {
            let media = MediaType {
                example: Some(example),
                ..MediaType::default()
            };
            body.content.insert(content_type.to_owned(), media);
        }
    }
    operation
}

fn cloud_event() -> Value {
    json!({
        "specversion": "1.0", "type": "customer.created", "source": "/crm", "id": "7",
        "data": { "id": "cus_1", "status": "active" },
    })
}

const STRUCTURED: &str = "application/cloudevents+json";
const BATCHED: &str = "application/cloudevents-batch+json";
