//! A tenant's ingress chain: the plugins that every event passes before it is stored.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Api;
use super::describe::{described, does};
use super::input::{Acting, Body};
use crate::http::{Code, FieldError, Problem};
use crate::plugin::OnFailure;
use crate::registry::{ChainSpec, StepSpec, Tenant};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new().api_route(
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
}

/// A chain.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Chain", example = example())]
#[serde(deny_unknown_fields)]
struct ChainView {
    /// In order.
    steps: Vec<StepView>,
    /// Classes of the dictionary that the tenant's profile takes out of every event, before the chain and again after it. It
    /// is the profile's to say: leave it out, or send what was read.
    #[serde(default)]
    always_removed: Option<Vec<String>>,
}

/// A step of a chain.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Step")]
#[serde(deny_unknown_fields)]
pub(super) struct StepView {
    /// The plugin's name: the tenant's own, or a shipped one.
    plugin: String,
    /// A version or a digest; the newest one where none is given.
    #[serde(default)]
    version: Option<String>,
    /// What the plugin is told; its schema is at `/v1/plugins`.
    #[serde(default)]
    settings: Map<String, Value>,
    /// What a failure of the step means.
    #[serde(default)]
    on_failure: OnFailureView,
}

/// What a failure of a step means.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "OnFailure")]
#[serde(rename_all = "snake_case")]
enum OnFailureView {
    /// The event is not accepted: the producer gets 503 and still has it.
    #[default]
    Fail,
    /// The event goes on without the step. Not for steps that redact.
    Skip,
}

fn example() -> Value {
    json!({ "steps": [{ "plugin": "redact", "settings": { "classes": ["confidential"] } }] })
}

async fn get(Acting(tenant): Acting) -> Result<Json<ChainView>, Problem> {
    Ok(Json(ChainView::of(&tenant)))
}

async fn put(
    State(api): State<Api>,
    Acting(tenant): Acting,
    Body(input): Body<ChainView>,
) -> Result<Json<ChainView>, Problem> {
    if input
        .always_removed
        .is_some_and(|classes| classes != always_removed(&tenant))
    {
        let detail = "the tenant's profile says which; it is not set here";
        let error = FieldError::new("/always_removed", detail);
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    let spec = ChainSpec {
        steps: steps(input.steps),
    };
    let changed = api.registry.set_chain(&tenant.id, spec).await?;
    tracing::info!(tenant = %tenant.id, count = changed.chain_spec.steps.len(), "chain.changed");
    Ok(Json(ChainView::of(&changed)))
}

/// Steps as the registry has them.
pub(super) fn steps(views: Vec<StepView>) -> Vec<StepSpec> {
    views.into_iter().map(StepSpec::from).collect()
}

impl From<StepView> for StepSpec {
    fn from(view: StepView) -> Self {
        Self {
            plugin: view.plugin,
            version: view.version,
            settings: Value::Object(view.settings).to_string(),
            on_failure: match view.on_failure {
                OnFailureView::Fail => OnFailure::Fail,
                OnFailureView::Skip => OnFailure::Skip,
            },
        }
    }
}

fn always_removed(tenant: &Tenant) -> Vec<String> {
    let classes = tenant
        .contract
        .iter()
        .flat_map(|profile| &profile.privacy.classes);
    classes.map(|class| class.name().to_owned()).collect()
}

impl ChainView {
    fn of(tenant: &Tenant) -> Self {
        let steps = tenant.chain_spec.steps.iter().map(|step| StepView {
            plugin: step.plugin.clone(),
            version: step.version.clone(),
            // Checked when they were set.
            settings: serde_json::from_str(&step.settings).unwrap_or_default(),
            on_failure: match step.on_failure {
                OnFailure::Fail => OnFailureView::Fail,
                OnFailure::Skip => OnFailureView::Skip,
            },
        });
        Self {
            steps: steps.collect(),
            always_removed: Some(always_removed(tenant)),
        }
    }
}

const TAG: &str = "Plugins";
