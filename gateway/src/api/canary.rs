//! Promotion and rollback of a plugin's canary.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::describe::described;
use super::input::{Acting, By, Id};
use super::moves::StepMoveView;
use super::plugins::TAG;
use crate::http::Problem;
use hookgate_registry::StepMove;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/plugins/{id}/promote",
            post_with(
                promote,
                described(
                    TAG,
                    "promotePlugin",
                    "Promote a plugin's canary",
                    "Every step of the tenant's that has a canary of this plugin is pinned to the canary's version, all at once.",
                ),
            ),
        )
        .api_route(
            "/v1/plugins/{id}/rollback",
            post_with(
                roll_back,
                described(
                    TAG,
                    "rollBackPlugin",
                    "Roll a plugin back",
                    "Calls the canaries of this plugin off; a step that has none is pinned to the version that it ran before. \
                     All of the tenant's steps at once.",
                ),
            ),
        )
}

/// Result of a promotion or rollback.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MovedSteps")]
struct MovedView {
    /// Version changes of the steps concerned.
    steps: Vec<StepMoveView>,
}

async fn promote(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(who): By,
    id: Id,
) -> Result<Json<MovedView>, Problem> {
    let steps = api.registry.promote(&tenant.id, &id.0, &who).await?;
    tracing::info!(tenant = %tenant.id, plugin = %id.0, count = steps.len(), "plugin.promoted");
    Ok(Json(moved(&steps)))
}

async fn roll_back(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(who): By,
    id: Id,
) -> Result<Json<MovedView>, Problem> {
    let steps = api.registry.roll_back(&tenant.id, &id.0, &who).await?;
    tracing::info!(tenant = %tenant.id, plugin = %id.0, count = steps.len(), "plugin.rolled_back");
    Ok(Json(moved(&steps)))
}

fn moved(steps: &[StepMove]) -> MovedView {
    MovedView {
        steps: steps.iter().map(StepMoveView::from).collect(),
    }
}
