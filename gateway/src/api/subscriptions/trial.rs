//! Test events: each is sent to one subscription like any other event, and is in no feed.

use std::sync::Arc;

use aide::axum::routing::{ApiMethodRouter, post_with};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::Api;
use super::super::describe::described;
use super::super::fields::Parsed;
use super::super::input::{Consuming, Id, NoDelivery, OptionalBody};
use super::super::output::Accepted;
use crate::dispatch::Reservation;
use crate::http::{Code, Problem};
use hookgate_domain::{DeliveryId, EventType, Status, SubscriptionId, Target, Trigger};
use hookgate_json::{Document, Limits};
use hookgate_store::{self as store, LeasePolicy, Leased, NewEvent, Submission};

/// Parameters of a test event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "TestEvent")]
#[serde(deny_unknown_fields, default)]
struct TrialInput {
    /// Event type; default: `hookgate.test`. No other type below `hookgate.` is accepted.
    #[serde(rename = "type")]
    kind: Option<Parsed<EventType>>,
    /// Event data; default: a greeting.
    #[schemars(with = "Option<Value>")]
    data: Option<Box<RawValue>>,
}

/// Test event that was created.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TestedSubscription")]
struct Tried {
    /// Id of the test event.
    event: String,
    /// Id of its delivery, which shows the outcome.
    delivery: String,
}

pub(super) fn method() -> ApiMethodRouter<Api> {
    post_with(
        trial,
        described(
            super::TAG,
            "testSubscription",
            "Send a test event",
            "Delivers an event to this subscription alone, whatever its patterns. It passes the tenant's chain and privacy rules \
             like any event, and is in no feed. Its header `webhook-test: true` is not signed: a receiver acts on the signed \
             event alone.",
        ),
    )
}

async fn trial(
    State(api): State<Api>,
    _: NoDelivery,
    caller: Consuming,
    id: Id,
    OptionalBody(input): OptionalBody<TrialInput>,
) -> Result<Accepted<Tried>, Problem> {
    let id = id.subscription(&caller.tenant)?;
    let kind = input
        .kind
        .map_or_else(|| TEST_TYPE.parse().expect("a type"), |parsed| parsed.0);
    if kind.as_str() != TEST_TYPE {
        caller.granted.check_type(&kind)?;
    }
    let data = match input.data {
        Some(data) => {
            let limits = Limits::of_bytes(data.get().len());
            Document::parse(data.get().as_bytes(), limits).map_err(|error| Problem::from(&error))?
        }
        None => json!({ "message": "This is a test event from hookgate." }).into(),
    };
    let delivery = send(&api, &caller, id, kind, data).await?;
    Ok(Accepted(Tried {
        event: delivery.event.to_string(),
        delivery: delivery.to_string(),
    }))
}

/// Sends an event to one subscription only.
pub(in crate::api) async fn send(
    api: &Api,
    caller: &Consuming,
    id: SubscriptionId,
    kind: EventType,
    data: Document,
) -> Result<DeliveryId, Problem> {
    let (tenant, subscription) = (&caller.tenant, caller.subscription(id)?);
    if subscription.status != Status::Active {
        return Err(Problem::new(Code::WrongState, "The subscription is disabled.").fix("Activate it first."));
    }
    api.quotas.admit_request(tenant).await?;
    let event = api.ingest.test_event(tenant, kind, data.into_root()).await?;
    let target = Target::Subscription(id);
    let delivery = DeliveryId {
        event: event.id.clone(),
        target,
        run: 0,
    };
    let event = Arc::new(event);
    let new = NewEvent {
        event: Arc::clone(&event),
        targets: vec![target],
        id_given: false,
    };
    // Sent at once, before what waits for the endpoint: it shows the endpoint's current state.
    let room = api.inbox.reserve_forced(&new);
    let submission = Submission {
        tenant: tenant.id.clone(),
        events: vec![new],
        idempotency: None,
        lease: room.as_ref().map_or(LeasePolicy::Due, Reservation::lease),
        limits: tenant.quotas.stored,
    };
    let accepted = api.committer.accept(submission).await;
    match (accepted.map_err(|error| api.quotas.refusal(&error))?, room) {
        (
            store::Accepted::Stored {
                token: Some(token), ..
            },
            Some(mut room),
        ) => {
            let leased = Leased {
                event,
                id: delivery.clone(),
                trigger: Trigger::Test,
                token,
                attempts: 0,
                first_attempt: None,
                crashes: 0,
                body: None,
            };
            // The delivery has its slot. Without a scheduler, its lease ends.
            let _ = room.hand_over(leased);
        }
        _ => api.inbox.due_now(),
    }
    tracing::info!(tenant = %tenant.id, subscription = %id, event = %delivery.event, "subscription.tested");
    Ok(delivery)
}

/// Type of a test event that names none.
const TEST_TYPE: &str = "hookgate.test";
