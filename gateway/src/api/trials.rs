//! Dry runs of a plugin or a chain, with a given or a stored event. Nothing is stored or sent.

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Api;
use super::chain::{StepView, steps};
use super::describe::described;
use super::fields::{ObjectText, Parsed};
use super::input::{Acting, Body, Granted, Id, not_found};
use super::tried::TriedView;
use crate::http::{Code, FieldError, Problem};
use crate::ingest::{lane_refused, too_much_work};
use crate::ui::Capability;
use hookgate_domain::{EventId, EventType, Fate, Timestamp};
use hookgate_json::{Document, Limits};
use hookgate_plugin_host::{Call, LaneRefusal, Phase, TenantLane, Trial, Verdict};
use hookgate_registry::{ChainSpec, RegistryError, StepSpec, Tenant, TrialChain};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/plugins/{id}/try",
            post_with(
                try_plugin,
                described(
                    TAG,
                    "tryPlugin",
                    "Try a plugin",
                    "Runs one version of a plugin on an event, sent along or stored, and tells everything of it: what it said \
                     and changed, its log, and what it used beside each limit. Nothing is stored or sent, nothing counts.",
                ),
            ),
        )
        .api_route(
            "/v1/chain/try",
            post_with(
                try_chain,
                described(
                    TAG,
                    "tryChain",
                    "Try a chain",
                    "Runs an event, sent along or stored, through the tenant's chain, or through one that is not set yet. \
                     Nothing is stored or sent, nothing counts.",
                ),
            ),
        )
}

/// Parameters of a plugin's dry run.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TryPlugin")]
#[serde(deny_unknown_fields)]
struct PluginInput {
    /// Event to run; either this or `event_id`.
    event: Option<EventInput>,
    /// Id of a stored event, which is used as the chain left it when it was accepted.
    event_id: Option<Parsed<EventId>>,
    /// Version, range, `latest` or digest; default: the latest version.
    version: Option<String>,
    /// Settings of the step.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    settings: ObjectText,
    /// Phase of the step.
    #[serde(default)]
    phase: PhaseInput,
}

/// Parameters of a chain's dry run.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TryChain")]
#[serde(deny_unknown_fields)]
struct ChainInput {
    /// Event to run; either this or `event_id`.
    event: Option<EventInput>,
    /// Id of a stored event, which is used as the chain left it when it was accepted.
    event_id: Option<Parsed<EventId>>,
    /// Steps to run in place of the configured chain.
    steps: Option<Vec<StepView>>,
    /// Phase of the chain.
    #[serde(default)]
    phase: PhaseInput,
}

/// Event for a dry run.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TriedEvent")]
#[serde(deny_unknown_fields)]
struct EventInput {
    /// Event type.
    #[serde(rename = "type")]
    kind: Parsed<EventType>,
    /// Payload of the event.
    #[schemars(with = "Value")]
    data: Box<RawValue>,
    /// Event id; generated if left out.
    id: Option<Parsed<EventId>>,
    /// Time at which the event happened; default: now.
    created: Option<Parsed<Timestamp>>,
    /// Metadata of the producer.
    #[schemars(with = "Option<Map<String, Value>>")]
    metadata: Option<Box<RawValue>>,
}

/// Phase of an event's life in which a chain runs.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Phase")]
#[serde(rename_all = "snake_case")]
enum PhaseInput {
    /// Before the event is stored.
    #[default]
    Ingress,
    /// Before a delivery's first attempt.
    Delivery,
}

/// Event as the input of a chain.
struct Subject {
    id: EventId,
    kind: EventType,
    created: Timestamp,
    metadata: Document,
    data: Document,
}

async fn try_plugin(
    State(api): State<Api>,
    Acting(tenant): Acting,
    granted: Granted,
    id: Id,
    Body(input): Body<PluginInput>,
) -> Result<Json<TriedView>, Problem> {
    let spec = ChainSpec {
        steps: vec![StepSpec {
            version: input.version,
            ..StepSpec::new(id.0, input.settings.0)
        }],
    };
    let subject = subject((&api, &tenant), &granted, input.event, input.event_id).await?;
    let prepared = api
        .registry
        .trial_chain(&tenant.id, &spec)
        .await
        .map_err(of_one)?;
    run(&api, &tenant, prepared, subject, input.phase).await
}

async fn try_chain(
    State(api): State<Api>,
    Acting(tenant): Acting,
    granted: Granted,
    Body(input): Body<ChainInput>,
) -> Result<Json<TriedView>, Problem> {
    let subject = subject((&api, &tenant), &granted, input.event, input.event_id).await?;
    let spec = match input.steps {
        Some(given) => ChainSpec { steps: steps(given)? },
        None => tenant.chain_spec.clone(),
    };
    let prepared = api.registry.trial_chain(&tenant.id, &spec).await?;
    run(&api, &tenant, prepared, subject, input.phase).await
}

/// Returns the event of the request, or the stored one.
async fn subject(
    (api, tenant): (&Api, &Tenant),
    granted: &Granted,
    event: Option<EventInput>,
    stored: Option<Parsed<EventId>>,
) -> Result<Subject, Problem> {
    match (event, stored) {
        (Some(event), None) => sent(api, event),
        (None, Some(Parsed(id))) => {
            // The report shows the payload.
            granted.check(Capability::Payloads)?;
            let subject = self::stored(api, tenant, &id).await?;
            Some(subject)
                .filter(|subject| granted.sees(&subject.kind))
                .ok_or_else(not_found)
        }
        (Some(_), Some(_)) => Err(invalid(
            "/event_id",
            "is one event too many: give `event` or `event_id`",
        )),
        (None, None) => Err(invalid(
            "/event",
            "is missing; give an event, or the `event_id` of a stored one",
        )),
    }
}

fn sent(api: &Api, event: EventInput) -> Result<Subject, Problem> {
    let limits = Limits {
        bytes: api.body.max,
        ..Limits::default()
    };
    let read = |json: &RawValue| {
        Document::parse(json.get().as_bytes(), limits).map_err(|error| Problem::from(&error))
    };
    let metadata = event.metadata.as_deref().map(read).transpose()?;
    if metadata
        .as_ref()
        .is_some_and(|metadata| metadata.root().as_object().is_none())
    {
        return Err(invalid("/event/metadata", "must be an object"));
    }
    Ok(Subject {
        id: event.id.map_or_else(|| api.ids.event(), |id| id.0),
        kind: event.kind.0,
        created: event.created.map_or_else(|| api.clock.now(), |created| created.0),
        metadata: metadata.unwrap_or_else(empty),
        data: read(&event.data)?,
    })
}

async fn stored(api: &Api, tenant: &Tenant, id: &EventId) -> Result<Subject, Problem> {
    let event = api
        .store
        .event(&tenant.id, id)
        .await?
        .ok_or_else(not_found)?
        .event;
    if let Fate::Filtered { .. } = event.fate {
        return Err(Problem::new(
            Code::WrongState,
            "A plugin dropped the event; its payload was not kept.",
        ));
    }
    let read = |json: &[u8]| {
        Document::parse(json, Limits::of_bytes(json.len())).map_err(|error| Problem::from(&error))
    };
    Ok(Subject {
        metadata: event.metadata.as_deref().map_or_else(|| Ok(empty()), read)?,
        data: read(&event.data)?,
        id: event.id,
        kind: event.kind,
        created: event.created,
    })
}

async fn run(
    api: &Api,
    tenant: &Tenant,
    prepared: TrialChain,
    mut subject: Subject,
    phase: PhaseInput,
) -> Result<Json<TriedView>, Problem> {
    // As at ingest: plugins do not see what the tenant's privacy rules remove.
    if let Some(rules) = tenant.privacy.of(&subject.kind).cloned() {
        let job = move |lane: &mut TenantLane<'_>| {
            let work = lane.work();
            rules.apply(&mut subject.data, &work)?;
            let mut metadata = Some(subject.metadata);
            rules.apply_to_metadata(&mut metadata, &work)?;
            subject.metadata = metadata.unwrap_or_else(empty);
            Ok(subject)
        };
        let cleared = api.host.run_for(&tenant.id, job).await.map_err(lane_refused)?;
        subject = cleared.map_err(|cause| too_much_work("The classification of the data", cause))?;
    }
    let call = Call {
        tenant: tenant.id.clone(),
        chain: prepared.chain,
        id: subject.id,
        kind: subject.kind,
        created: subject.created,
        phase: match phase {
            PhaseInput::Ingress => Phase::Ingress,
            PhaseInput::Delivery => Phase::Delivery {
                attempt: 1,
                subscription: None,
            },
        },
        metadata: Arc::new(subject.metadata),
        data: subject.data,
    };
    let sources = prepared.sources;
    let tried = api.host.try_out(Trial { call, sources }).await;
    if let Verdict::OverBudget { wait, per_second } = tried.verdict {
        return Err(lane_refused(LaneRefusal::OverBudget { wait, per_second }));
    }
    if tried.verdict == Verdict::Busy {
        return Err(lane_refused(LaneRefusal::Busy));
    }
    Ok(Json(TriedView::new(tried)))
}

/// Converts a registry error: it names steps of a chain, and this is one plugin.
fn of_one(error: RegistryError) -> Problem {
    match error {
        RegistryError::PluginUnknown { version: None, .. } => not_found(),
        RegistryError::StepInvalid { field, problem, .. } => invalid(&format!("/{field}"), problem),
        RegistryError::PluginUnknown { .. } => invalid("/version", error.to_string()),
        RegistryError::SettingsRefused { problems, .. } => {
            let errors = problems
                .into_iter()
                .map(|p| FieldError::new(format!("/settings{}", p.pointer), p.message));
            Problem::fields(Code::InvalidSettings, errors.collect())
        }
        other => other.into(),
    }
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::fields(Code::InvalidField, vec![FieldError::new(pointer, detail)])
}

fn empty() -> Document {
    Document::from(Value::Object(Map::new()))
}

const TAG: &str = "Plugins";
