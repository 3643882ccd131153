//! Liveness, readiness and metrics of the gateway, without a key.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::openapi::{MediaType, SchemaObject, SecurityRequirement};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use super::Api;
use super::describe::described;
use crate::http::{Code, Problem};
use hookgate_domain::Scopes;
use hookgate_registry::Tenant;
use hookgate_runtime::telemetry::Exposition;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/healthz",
            get_with(
                alive,
                open("health", "Is it alive?", "200 as long as the process answers."),
            ),
        )
        .api_route(
            "/readyz",
            get_with(
                ready,
                open(
                    "readiness",
                    "Does it take events?",
                    "503 while the store is away or full, or the gateway is stopping.",
                ),
            ),
        )
        .api_route("/metrics", get_with(metrics, figures))
}

/// Describes an operation that needs no key.
fn open(
    id: &'static str,
    summary: &'static str,
    description: &'static str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| {
        let mut operation = described(TAG, id, summary, description)(operation);
        operation.inner_mut().security = vec![SecurityRequirement::default()];
        operation
    }
}

fn figures(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let about = "The gateway's figures, as Prometheus reads them: Prometheus text 0.0.4, or OpenMetrics where `Accept` prefers it.";
    let formats = [Exposition::Prometheus, Exposition::OpenMetrics];
    let content = formats.map(|format| {
        let text = MediaType {
            schema: Some(SchemaObject {
                json_schema: json_schema!({ "type": "string" }),
                external_docs: None,
                example: None,
            }),
            ..MediaType::default()
        };
        (format.content_type().to_owned(), text)
    });
    open("metrics", "Figures", about)(operation).response_with::<200, (), _>(|mut response| {
        response.inner().content = content.into_iter().collect();
        response.description("Text, a figure a line.")
    })
}

/// Health of the gateway.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Health")]
struct HealthView {
    /// Status, always `ok`.
    #[schemars(with = "super::words::HealthStatus")]
    status: &'static str,
    /// Warnings for the operator.
    warnings: Vec<String>,
    /// Recommendations, shown only to the operator's key.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    advice: Vec<String>,
}

/// Flag: the caller is the operator.
struct IsOperator(bool);

impl FromRequestParts<Api> for IsOperator {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self(api.auth.operator(&*parts).is_ok()))
    }
}

impl OperationInput for IsOperator {}

async fn alive() -> Json<HealthView> {
    Json(HealthView {
        status: "ok",
        warnings: Vec::new(),
        advice: Vec::new(),
    })
}

async fn ready(
    State(api): State<Api>,
    IsOperator(operator): IsOperator,
) -> Result<Json<HealthView>, Problem> {
    if api.shutdown.is_cancelled() {
        return Err(Problem::new(Code::StoreUnavailable, "The gateway is stopping.").retry_after(PAUSE));
    }
    let health = api.store.health().await;
    let told = |sentence: &str| match health.warnings.first() {
        Some(warning) => format!("{sentence}: {warning}."),
        None => format!("{sentence}."),
    };
    match (health.available, health.accepting) {
        (false, _) => {
            let told = told("The store does not answer");
            Err(Problem::new(Code::StoreUnavailable, told).retry_after(PAUSE))
        }
        (true, false) => {
            let (code, told) = match &health.unfit {
                Some(reason) => (Code::StoreUnfit, format!("The store keeps nothing: {reason}.")),
                None => (Code::StoreFull, told("The store takes nothing new")),
            };
            Err(Problem::new(code, told).retry_after(PAUSE))
        }
        (true, true) => Ok(Json(HealthView {
            status: "ok",
            warnings: health
                .warnings
                .into_iter()
                .chain(behind(&api, operator))
                .chain(api.warnings.iter().cloned())
                .chain(loading(&api))
                .collect(),
            advice: advice(&api, operator),
        })),
    }
}

/// Recommends limits for keys with every scope.
fn advice(api: &Api, operator: bool) -> Vec<String> {
    if !operator {
        return Vec::new();
    }
    let tenants = api.registry.tenants();
    customers_keys(&tenants)
        .into_iter()
        .chain(all_keys(&tenants))
        .collect()
}

/// Recommends to limit keys with every scope, of tenants whose customers have product routes.
///
/// A customer that holds such a key has an administrator's rights.
fn customers_keys(tenants: &[Arc<Tenant>]) -> Option<String> {
    let customers = |tenant: &Arc<Tenant>| {
        let doors = tenant.contract.as_ref().map(|profile| &profile.door.routes);
        doors.is_some_and(|routes| !routes.is_empty())
    };
    let all = |tenant: &Arc<Tenant>| tenant.keys.iter().any(|key| key.scopes == Scopes::ALL);
    let mut found = tenants.iter().filter(|tenant| customers(tenant) && all(tenant));
    let first = found.next()?;
    let of = match found.count() {
        0 => format!("the tenant `{}` with routes for customers has", first.id),
        more => format!(
            "{} tenants with routes for customers have, such as `{}`,",
            more + 1,
            first.id
        ),
    };
    Some(format!(
        "{of} keys with every scope: give customers keys with the scope `consumer`, \
         producers keys with `publish`, and revoke the others (`/v1/tenants/{{id}}/keys`)"
    ))
}

/// Recommends to limit keys of tenants that have no limited one, as before there were scopes.
fn all_keys(tenants: &[Arc<Tenant>]) -> Option<String> {
    let all = |tenant: &&Arc<Tenant>| {
        !tenant.keys.is_empty() && tenant.keys.iter().all(|key| key.scopes == Scopes::ALL)
    };
    let mut found = tenants.iter().filter(all);
    let first = found.next()?;
    let of = match found.count() {
        0 => format!("the tenant `{}` have every scope", first.id),
        more => format!(
            "{} tenants have every scope, such as those of `{}`",
            more + 1,
            first.id
        ),
    };
    Some(format!(
        "all keys of {of}: a producer's key needs `publish` alone (`/v1/tenants/{{id}}/keys`)"
    ))
}

/// Warns of tenants that cannot be read. Only the operator sees a tenant's name and the reason.
fn behind(api: &Api, operator: bool) -> Option<String> {
    let behind = api.registry.behind()?;
    let shown = match operator {
        true => format!("`{}` ({})", behind.first, behind.reason),
        false => "with the operator's key this names one; the log names all".to_owned(),
    };
    Some(format!(
        "{} tenants changed in a way that this gateway cannot read, so it takes no events of theirs: {shown}",
        behind.count
    ))
}

fn loading(api: &Api) -> Option<String> {
    let count = api.registry.loading();
    (count > 0).then(|| {
        format!("the plugins of {count} tenants are still being loaded: their events are refused as `tenant_loading` until then")
    })
}

async fn metrics(State(api): State<Api>, headers: HeaderMap) -> axum::response::Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let format = Exposition::accepted(accept);
    // It reads files of the system, and prints much where there are many tenants.
    match tokio::task::spawn_blocking(move || api.metrics.render(format, api.clock.now())).await {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => Problem::new(Code::InternalError, "The figures could not be printed.").into_response(),
    }
}

/// `Retry-After` of `/readyz` while the gateway is not ready.
const PAUSE: Duration = Duration::from_secs(1);
const TAG: &str = "System";
