//! What watches over the gateway asks: is it alive, is it ready, what are its figures. Nobody needs a key for these.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::describe::described;
use crate::http::{Code, Problem};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/healthz",
            get_with(
                alive,
                described(
                    TAG,
                    "health",
                    "Is it alive?",
                    "200 as long as the process answers.",
                ),
            ),
        )
        .api_route(
            "/readyz",
            get_with(
                ready,
                described(
                    TAG,
                    "readiness",
                    "Does it take events?",
                    "503 while the store is away or full, or the gateway is stopping.",
                ),
            ),
        )
        .route("/metrics", axum::routing::get(metrics))
}

/// How the gateway is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Health")]
struct HealthView {
    /// `ok`.
    status: &'static str,
    /// What an operator should know.
    warnings: Vec<String>,
}

async fn alive() -> Json<HealthView> {
    Json(HealthView {
        status: "ok",
        warnings: Vec::new(),
    })
}

async fn ready(State(api): State<Api>) -> Result<Json<HealthView>, Problem> {
    if api.shutdown.is_cancelled() {
        return Err(Problem::new(Code::StoreUnavailable, "The gateway is stopping."));
    }
    let health = api.store.health().await;
    match (health.available, health.accepting) {
        (false, _) => Err(Problem::new(Code::StoreUnavailable, "The store does not answer.")),
        (true, false) => Err(Problem::new(Code::StoreFull, "The store takes nothing new.")),
        (true, true) => Ok(Json(HealthView {
            status: "ok",
            warnings: health.warnings,
        })),
    }
}

async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], api.metrics.render())
}

const TAG: &str = "System";
