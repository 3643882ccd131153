//! Export and import of a tenant's registry, or that of all, as one document (docs/moving.md).
//!
//! A tenant's own key exports and imports its subscriptions, event types and signing secrets.
//! Profile, quotas and keys belong to the operator. Exports are streamed. An import is read and
//! planned as a whole, within the limits of `api`, before it changes anything.

mod document;
mod export;
mod import;
mod read;
mod report;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::openapi::{MediaType, ReferenceOr, RequestBody};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{Request, State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Api;
use super::describe::described;
use super::input::{Acting, By, Operator, Params};
use super::request_memory;
use crate::http::{BodyLimits, Code, InFlight, InFlightFull, Problem};
use hookgate_contract::privacy::Authority;
use hookgate_domain::TenantId;
use hookgate_registry::{Actor, Begin, ImportMode};

use document::Reader;
use export::Export;
use import::Import;
use report::Report;

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/export",
            get_with(
                export_own,
                described(TAG, "exportTenant", "Export a tenant", EXPORTS_ONE),
            ),
        )
        .api_route(
            "/v1/export/all",
            get_with(
                export_all,
                described(TAG, "exportAll", "Export all tenants", EXPORTS_ALL),
            ),
        )
        .api_route(
            IMPORT,
            post_with(import_own, |operation| {
                imports(operation, "importTenant", "Import a tenant", IMPORTS_ONE)
            }),
        )
        .api_route(
            IMPORT_ALL,
            post_with(import_all, |operation| {
                imports(operation, "importAll", "Import tenants", IMPORTS_ALL)
            }),
        )
}

fn imports<'o>(
    operation: TransformOperation<'o>,
    id: &'static str,
    summary: &'static str,
    about: &'static str,
) -> TransformOperation<'o> {
    let mut operation = described(TAG, id, summary, about)(operation);
    let content = [(NDJSON.to_owned(), MediaType::default())].into_iter().collect();
    let body = RequestBody {
        content,
        required: true,
        ..RequestBody::default()
    };
    operation.inner_mut().request_body = Some(ReferenceOr::Item(body));
    operation
}

/// Parameters of an import.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    /// Dry run: changes nothing, and reports the changes.
    #[serde(default)]
    dry_run: bool,
    /// Treatment of refused rows; default: `all`. `all`: everything is imported, or nothing if a
    /// row is refused. `rows`: the rows that are not refused are imported.
    #[serde(default)]
    mode: Mode,
    /// Creates new subscriptions disabled; existing ones keep their status.
    #[serde(default)]
    disabled: bool,
}

/// Treatment of a document with a refused row.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ImportMode")]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Nothing of the document is imported.
    #[default]
    All,
    /// The other rows are imported.
    Rows,
}

async fn export_own(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(actor): By,
) -> Result<Export, Problem> {
    let held = begin(&api, &tenant.id)?;
    api.registry.catch_up_on(&tenant.id).await?;
    let reader = match actor {
        Actor::Operator => Reader::Operator,
        _ => Reader::Tenant,
    };
    tracing::info!(tenant = %tenant.id, "registry.export_begun");
    Ok(Export::new(api, vec![tenant.id.clone()], reader, held))
}

async fn export_all(State(api): State<Api>, _: Operator) -> Result<Export, Problem> {
    let held = begin(&api, &TenantId::operator())?;
    api.registry.catch_up().await?;
    let tenants = api.registry.tenants();
    let tenants: Vec<_> = tenants.iter().map(|tenant| tenant.id.clone()).collect();
    tracing::info!(tenants = tenants.len(), "registry.export_begun");
    Ok(Export::new(api, tenants, Reader::Operator, held))
}

async fn import_own(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(actor): By,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Result<Json<Report>, Problem> {
    let authority = match actor {
        Actor::Operator => Authority::Operator,
        _ => Authority::Tenant,
    };
    import(api, Some(tenant.id.clone()), authority, &query, request).await
}

async fn import_all(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Result<Json<Report>, Problem> {
    import(api, None, Authority::Operator, &query, request).await
}

async fn import(
    api: Api,
    own: Option<TenantId>,
    authority: Authority,
    query: &ImportQuery,
    request: Request,
) -> Result<Json<Report>, Problem> {
    check_content_type(&request)?;
    let held = begin(&api, own.as_ref().unwrap_or(&TenantId::operator()))?;
    let limits = BodyLimits {
        max: api.config.max_import_size.bytes(),
        time: api.body.time,
    };
    let (head, bytes) = request_memory::read(&api, request, limits).await?;
    request_memory::charge_document(&api, &head, &bytes)?;
    let import = Import {
        api: api.clone(),
        own,
        authority,
        mode: match (query.dry_run, query.mode) {
            (true, _) => ImportMode::DryRun,
            (false, Mode::All) => ImportMode::AllOrNothing,
            (false, Mode::Rows) => ImportMode::RowByRow,
        },
        begin: if query.disabled {
            Begin::Disabled
        } else {
            Begin::AsGiven
        },
    };
    // Runs to its end even if the caller disconnects.
    let done = api.tasks.spawn(async move {
        let _held = held;
        import.run(bytes).await
    });
    let done = done.await.unwrap_or_else(|_| {
        Err(Problem::new(
            Code::InternalError,
            "The import was given up half-way; the log says why.",
        ))
    });
    done.map(Json)
}

/// Counts an export or an import against its limits.
fn begin(api: &Api, owner: &TenantId) -> Result<InFlight, Problem> {
    api.transfers().enter(owner).map_err(|full| {
        let problem = match full {
            InFlightFull::Tenant => Problem::new(
                Code::TenantBusy,
                "As many exports and imports of the tenant are under way as may be (`api.max_transfers_per_tenant`).",
            ),
            InFlightFull::Total => Problem::new(
                Code::Overloaded,
                "As many exports and imports are under way as may be (`api.max_transfers`).",
            ),
        };
        problem.retry_after(PAUSE)
    })
}

/// Checks that the content type is that of a document, so that no web page can send one unasked.
fn check_content_type(request: &Request) -> Result<(), Problem> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let text = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(NDJSON) {
        return crate::http::check_charset(text);
    }
    let detail = "A document is imported as `application/x-ndjson`.";
    Err(Problem::new(Code::UnsupportedMediaType, detail).fix("Send `Content-Type: application/x-ndjson`."))
}

const NDJSON: &str = "application/x-ndjson";
const IMPORT: &str = "/v1/import";
const IMPORT_ALL: &str = "/v1/import/all";
/// Routes of imports: a repetition changes nothing, so that their responses are not stored.
pub(super) const IMPORTS: [&str; 2] = [IMPORT, IMPORT_ALL];
/// `Retry-After` of a refused export or import.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
const TAG: &str = "Moving";

const EXPORTS_ONE: &str = "Its settings, event types and subscriptions with their signing secrets, one JSON object a line; to the operator also \
     its keys by their digests, the values of headers, and private keys. It holds secrets.";
const EXPORTS_ALL: &str = "As the export of one tenant, one tenant after the other.";
const IMPORTS_ONE: &str = "Takes a document as an export has it, with rows of this tenant alone. Nothing is deleted, and what is as the document \
     says is left as it is. Profile, quotas and keys are changed with the operator's key only.";
const IMPORTS_ALL: &str = "Takes a document as an export has it. Tenants that are not there are made. Each tenant's rows are one commit; all are \
     checked before the first.";
