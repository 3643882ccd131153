//! Plugin chains of a tenant (ingress) and of its subscriptions (delivery).
//!
//! Every event of a tenant passes the ingress chain before it is stored. What goes to a
//! subscription passes the subscription's chain before it is signed.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Api;
use super::describe::{described, does};
use super::fields::ObjectText;
use super::input::{Acting, Body, By, Granted, Id, not_found};
use super::plugins::TAG;
use super::views::text;
use crate::http::{Code, FieldError, Problem};
use hookgate_domain::units::{Size, Span};
use hookgate_plugin_host::{OnFailure, StepLimits};
use hookgate_registry::{
    CanarySpec, CanaryState, ChainSpec, Place, Running, Share, StepSpec, StepState, Tenant,
};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/chain",
            get_with(get, does(TAG, "getChain", "The chain")).put_with(
                put,
                described(
                    TAG,
                    "putChain",
                    "Set the chain",
                    "All steps at once; an empty list lets events pass as they are. Each plugin checks its settings first, and \
                     nothing changes where one refuses them.",
                ),
            ),
        )
        .api_route(
            "/v1/subscriptions/{id}/chain",
            get_with(get_delivery, does(TAG, "getDeliveryChain", "The chain of a subscription")).put_with(
                put_delivery,
                described(
                    TAG,
                    "putDeliveryChain",
                    "Set the chain of a subscription",
                    "It runs once a delivery, before the signature: every attempt sends the same bytes. An empty list sends events as they are.",
                ),
            ),
        )
}

/// Plugin chain.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Chain", example = example())]
#[serde(deny_unknown_fields)]
struct ChainView {
    /// Steps, in the order in which they run.
    steps: Vec<StepView>,
    /// Dictionary classes that the tenant's profile removes from every event. They are removed
    /// before the chain and again after it. The profile sets them: leave the field out, or send the
    /// value that was read. Fields that the schemas of event types remove in addition are shown
    /// with each type, as `removed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    always_removed: Option<Vec<String>>,
}

/// Step of a chain.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Step")]
#[serde(deny_unknown_fields)]
pub(super) struct StepView {
    /// Plugin name: one of the tenant's own plugins, of the operator's, or a shipped one.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,64}$"))]
    plugin: String,
    /// Version (`1.4.0`), range (`^1.2`, `1.x`), `latest`, or digest; default: the latest version.
    /// An upload within the range moves the step to the new version.
    #[serde(default)]
    version: Option<String>,
    /// Settings of the plugin; their JSON Schema is at `/v1/plugins`.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    settings: ObjectText,
    /// Effect of a failure of the step.
    #[serde(default)]
    on_failure: OnFailureView,
    /// Resource limits of a call, where lower than the gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsView>,
    /// Canary: another version for a share of the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canary: Option<CanaryView>,
    /// Version that runs now. Read-only: ignored in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<RunningView>,
    /// Version that ran before, the target of a rollback. Read-only: ignored in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<RunningView>,
}

/// Resource limits of one call of a step.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "StepLimits")]
#[serde(deny_unknown_fields)]
struct LimitsView {
    /// CPU time, at most `plugins.call_deadline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<Span>,
    /// Linear memory, at most `plugins.memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// Log output, at most `plugins.log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<Size>,
}

/// Canary: another version for a share of the events, which are selected by their ids.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Canary")]
#[serde(deny_unknown_fields)]
struct CanaryView {
    /// Version, range, `latest` or digest, as for a step.
    version: String,
    /// Share of the events: over 0 and up to 1; `0.05` is one event in twenty.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    share: f64,
    /// Version that runs now. Read-only: ignored in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<RunningView>,
    /// Time and reason of the stop, if the canary was stopped and gets no more events. Read-only:
    /// ignored in a request, which starts the canary anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<StoppedView>,
}

/// Plugin version that runs.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "RunningVersion")]
struct RunningView {
    /// Version that the component declares.
    version: String,
    /// SHA-256 of the component, in hexadecimal.
    digest: String,
}

/// Time and reason of the stop of a canary.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "StoppedCanary")]
struct StoppedView {
    /// Time of the stop.
    at: String,
    /// Reason for the stop.
    reason: String,
}

/// Effect of a step failure.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "OnFailure")]
#[serde(rename_all = "snake_case")]
enum OnFailureView {
    /// Refuses the event: the producer gets 503 and still has the event. At delivery, the attempt
    /// fails and is retried.
    #[default]
    Fail,
    /// Passes the event on without the step. Not allowed for steps that redact.
    Skip,
}

fn example() -> Value {
    json!({ "steps": [{ "plugin": "redact", "settings": { "classes": ["confidential"] } }] })
}

async fn get(Acting(tenant): Acting) -> Result<Json<ChainView>, Problem> {
    Ok(Json(ChainView::of(&tenant, Place::Ingress)))
}

async fn put(
    State(api): State<Api>,
    Acting(tenant): Acting,
    granted: Granted,
    By(who): By,
    Body(input): Body<ChainView>,
) -> Result<Json<ChainView>, Problem> {
    // It is the chain of events of every type.
    granted.check_untyped()?;
    if input
        .always_removed
        .as_ref()
        .is_some_and(|classes| *classes != always_removed(&tenant))
    {
        let detail = "the tenant's profile says which; it is not set here";
        let error = FieldError::new("/always_removed", detail);
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    let spec = input.into_spec()?;
    let changed = api
        .registry
        .set_chain(&tenant.id, Place::Ingress, spec, &who)
        .await?;
    tracing::info!(tenant = %tenant.id, count = changed.chain_spec.steps.len(), "chain.changed");
    Ok(Json(ChainView::of(&changed, Place::Ingress)))
}

async fn get_delivery(Acting(tenant): Acting, id: Id) -> Result<Json<ChainView>, Problem> {
    let id = id.subscription(&tenant)?;
    tenant.subscription(id).ok_or_else(not_found)?;
    Ok(Json(ChainView::of(&tenant, Place::Delivery(id))))
}

async fn put_delivery(
    State(api): State<Api>,
    (Acting(tenant), granted): (Acting, Granted),
    By(who): By,
    id: Id,
    Body(input): Body<ChainView>,
) -> Result<Json<ChainView>, Problem> {
    let id = id.subscription(&tenant)?;
    let subscription = tenant.subscription(id).ok_or_else(not_found)?;
    granted.check_patterns(&subscription.events)?;
    let (spec, place) = (input.into_spec()?, Place::Delivery(id));
    let count = spec.steps.len();
    let changed = api.registry.set_chain(&tenant.id, place, spec, &who).await?;
    tracing::info!(tenant = %tenant.id, subscription = %id, count, "chain.changed");
    Ok(Json(ChainView::of(&changed, place)))
}

impl ChainView {
    fn of(tenant: &Tenant, place: Place) -> Self {
        let none = || (ChainSpec::default(), Vec::new());
        let (spec, states) = match place {
            Place::Ingress => (tenant.chain_spec.clone(), tenant.chain_states.clone()),
            Place::Delivery(id) => tenant
                .delivery
                .get(&id)
                .map_or_else(none, |chain| (chain.spec.clone(), chain.states.clone())),
        };
        let steps = spec.steps.iter().zip(&states);
        Self {
            steps: steps.map(|(step, state)| StepView::of(step, state)).collect(),
            always_removed: (place == Place::Ingress).then(|| always_removed(tenant)),
        }
    }

    fn into_spec(self) -> Result<ChainSpec, Problem> {
        Ok(ChainSpec {
            steps: steps(self.steps)?,
        })
    }
}

fn always_removed(tenant: &Tenant) -> Vec<String> {
    let classes = tenant
        .contract
        .iter()
        .flat_map(|profile| &profile.privacy.classes);
    classes.map(|class| class.name().to_owned()).collect()
}

/// Converts steps to the registry's form.
pub(super) fn steps(views: Vec<StepView>) -> Result<Vec<StepSpec>, Problem> {
    let steps = views.into_iter().enumerate();
    steps.map(|(index, step)| step.into_spec(index)).collect()
}

impl StepView {
    fn of(step: &StepSpec, state: &StepState) -> Self {
        Self {
            plugin: step.plugin.clone(),
            version: step.version.clone(),
            // Validated when they were set.
            settings: ObjectText(step.settings.clone()),
            on_failure: match step.on_failure {
                OnFailure::Fail => OnFailureView::Fail,
                OnFailure::Skip => OnFailureView::Skip,
            },
            limits: LimitsView::of(step.limits),
            canary: step
                .canary
                .as_ref()
                .map(|canary| CanaryView::of(canary, state.canary.as_ref())),
            running: state.running.as_ref().map(RunningView::from),
            previous: state.previous.as_ref().map(RunningView::from),
        }
    }

    fn into_spec(self, index: usize) -> Result<StepSpec, Problem> {
        let canary = self.canary.map(|canary| canary.into_spec(index)).transpose()?;
        Ok(StepSpec {
            plugin: self.plugin,
            version: self.version,
            settings: self.settings.0,
            on_failure: match self.on_failure {
                OnFailureView::Fail => OnFailure::Fail,
                OnFailureView::Skip => OnFailure::Skip,
            },
            limits: self.limits.map(LimitsView::limits).unwrap_or_default(),
            canary,
        })
    }
}

impl CanaryView {
    fn of(canary: &CanarySpec, state: Option<&CanaryState>) -> Self {
        let stopped = state.and_then(|state| state.stopped.as_ref());
        Self {
            version: canary.version.clone(),
            share: canary.share.as_number(),
            running: state.map(|state| RunningView::from(&state.running)),
            stopped: stopped.map(|stopped| StoppedView {
                at: text(stopped.at),
                reason: stopped.reason.clone(),
            }),
        }
    }

    fn into_spec(self, index: usize) -> Result<CanarySpec, Problem> {
        let share = Share::from_number(self.share).ok_or_else(|| {
            let error = FieldError::new(
                format!("/steps/{index}/canary/share"),
                "a share is over 0 and at most 1",
            );
            Problem::fields(Code::InvalidField, vec![error])
        })?;
        Ok(CanarySpec {
            version: self.version,
            share,
        })
    }
}

impl LimitsView {
    fn of(limits: StepLimits) -> Option<Self> {
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let size = |bytes: usize| Size::from_bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
        (limits != StepLimits::default()).then(|| Self {
            deadline: limits.deadline.map(|time| Span::from_micros(micros(time))),
            memory: limits.memory.map(size),
            log: limits.log.map(size),
        })
    }

    fn limits(self) -> StepLimits {
        StepLimits {
            deadline: self.deadline.map(Span::get),
            memory: self.memory.map(Size::bytes),
            log: self.log.map(Size::bytes),
        }
    }
}

impl From<&Running> for RunningView {
    fn from(running: &Running) -> Self {
        Self {
            version: running.version.clone(),
            digest: running.digest.clone(),
        }
    }
}
