//! Plugins: the shipped ones, and a tenant's own, uploaded as components.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::openapi::{MediaType, RequestBody};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{Request, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Api;
use super::describe::{described, does};
use super::input::{Acting, By, Id, Params, VersionId, not_found};
use super::moves::StepMoveView;
use super::output::{Created, Gone};
use super::page::{self, Page, PageQuery};
use super::request_memory;
use super::views::text;
use crate::http::{BodyLimits, Code, Problem};
use hookgate_domain::TenantId;
use hookgate_plugin_host::BreakerState;
use hookgate_registry::{Actor, Owner, PluginInfo, PluginVersion, Uploaded};

pub(super) fn routes() -> ApiRouter<Api> {
    let one = get_with(get, does(TAG, "getPlugin", "One plugin with its versions")).delete_with(
        delete,
        described(
            TAG,
            "deletePlugin",
            "Delete a plugin",
            "One of the tenant's own, all versions of it, while no step runs any.",
        ),
    );
    let version = get_with(
        get_version,
        does(TAG, "getPluginVersion", "One version of a plugin"),
    )
    .delete_with(
        delete_version,
        described(
            TAG,
            "deletePluginVersion",
            "Delete a version",
            "One of a plugin of the tenant's own, while no step runs it.",
        ),
    );
    ApiRouter::new()
        .api_route(
            "/v1/plugins",
            get_with(
                list,
                does(TAG, "listPlugins", "List the plugins that a chain can name"),
            )
            .post_with(upload, uploads),
        )
        .api_route("/v1/plugins/{id}", one)
        .api_route("/v1/plugins/{id}/versions/{version}", version)
}

/// Describes an upload in the OpenAPI document.
pub(super) fn uploads(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let describe = described(
        TAG,
        "uploadPlugin",
        "Upload a component",
        "The body is a WebAssembly component of the world `hookgate:plugin/plugin`. It is checked and compiled, and kept as the \
         version that it says of itself, of the tenant's plugin of that name. A version is never changed; the same bytes again \
         keep nothing new. Steps that want the latest version, or a range that it is in, go over to it at once, if it takes \
         their settings; `steps` says which did and which did not.",
    );
    let mut operation = describe(operation);
    let content = [("application/wasm".to_owned(), MediaType::default())]
        .into_iter()
        .collect();
    let body = RequestBody {
        content,
        required: true,
        ..RequestBody::default()
    };
    operation.inner_mut().request_body = Some(aide::openapi::ReferenceOr::Item(body));
    operation
}

/// Parameters of an upload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    /// Plugin name in chains: 1 to 64 of `a-z 0-9 -`. Default: the name that the component
    /// declares.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub name: Option<String>,
}

/// Plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plugin")]
pub(super) struct PluginView {
    /// Name that the steps of chains use.
    name: String,
    /// Owner of the plugin.
    owner: OwnerView,
    /// Versions of the plugin, the last uploaded first.
    versions: Vec<VersionView>,
}

/// Immutable build of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginVersion")]
pub(super) struct VersionView {
    /// Semantic version that the component declares.
    version: String,
    /// SHA-256 of the component, in hexadecimal.
    digest: String,
    /// Summary in one sentence.
    summary: String,
    /// JSON Schema of the settings.
    settings_schema: Option<Value>,
    /// Set when the plugin removes data that must not go on. Its step cannot be skipped.
    redacts: bool,
    /// Interfaces that the component imports.
    imports: Vec<String>,
    /// Imported interfaces that the previous version in rank does not import.
    imports_more: Vec<String>,
    /// Size in bytes.
    bytes: u64,
    /// Upload time.
    uploaded: Option<String>,
    /// State of the circuit breaker of the version for the tenant. It opens after calls were
    /// stopped repeatedly; then the gateway makes no calls for a while.
    breaker: BreakerView,
}

/// Owner of a plugin.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "PluginOwner")]
#[serde(rename_all = "snake_case")]
enum OwnerView {
    /// Shipped with the gateway.
    Shipped,
    /// Uploaded by the operator for all tenants.
    Operator,
    /// Uploaded by the tenant.
    Tenant,
}

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "Breaker")]
#[serde(rename_all = "snake_case")]
pub(super) enum BreakerView {
    /// Calls are made.
    Closed,
    /// No calls are made: steps of the version fail without a call.
    Open,
    /// The next call is a probe.
    HalfOpen,
}

/// Result of an upload.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UploadedPlugin")]
pub(super) struct UploadedView {
    #[serde(flatten)]
    plugin: PluginView,
    /// Uploaded version.
    uploaded: VersionView,
    /// Steps configured for the latest version or for a range that contains the uploaded one.
    pub(super) steps: Vec<StepMoveView>,
}

async fn list(
    State(api): State<Api>,
    Acting(tenant): Acting,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<PluginView>>, Problem> {
    let plugins = api.registry.plugins(&tenant.id).await?;
    page_of(plugins, &query).map(Json)
}

/// Returns a page of plugins, ordered by name.
pub(super) fn page_of(mut plugins: Vec<PluginInfo>, query: &PageQuery) -> Result<Page<PluginView>, Problem> {
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    page::of(
        plugins.iter().map(PluginView::from),
        |plugin| plugin.name.clone(),
        query,
    )
}

async fn get(State(api): State<Api>, Acting(tenant): Acting, id: Id) -> Result<Json<PluginView>, Problem> {
    let plugins = api.registry.plugins(&tenant.id).await?;
    named(&plugins, &id.0).map(|plugin| Json(PluginView::from(plugin)))
}

async fn get_version(
    State(api): State<Api>,
    Acting(tenant): Acting,
    id: VersionId,
) -> Result<Json<VersionView>, Problem> {
    let plugins = api.registry.plugins(&tenant.id).await?;
    version_of(&plugins, &id).map(Json)
}

/// Finds a plugin by name.
pub(super) fn named<'a>(plugins: &'a [PluginInfo], name: &str) -> Result<&'a PluginInfo, Problem> {
    let found = plugins.iter().find(|plugin| plugin.name == name);
    found.ok_or_else(not_found)
}

/// Finds one version of one of these plugins, by version or by digest.
pub(super) fn version_of(plugins: &[PluginInfo], id: &VersionId) -> Result<VersionView, Problem> {
    let plugin = named(plugins, &id.plugin)?;
    let is_it = |version: &&PluginVersion| version.version == id.version || version.digest == id.version;
    let version = plugin.versions.iter().find(is_it).ok_or_else(not_found)?;
    Ok(VersionView::of(plugin, version))
}

async fn upload(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(who): By,
    Params(query): Params<UploadQuery>,
    request: Request,
) -> Result<Created<UploadedView>, Problem> {
    let to = Shelf {
        owner: &tenant.id,
        path: "/v1/plugins",
    };
    take(&api, to, &who, &query, request).await
}

/// Destination of an upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf<'a> {
    /// Owner: a tenant, or the operator.
    pub owner: &'a TenantId,
    /// Path of the owner's plugins.
    pub path: &'a str,
}

/// Takes an upload of a tenant or of the operator.
pub(super) async fn take(
    api: &Api,
    to: Shelf<'_>,
    who: &Actor,
    query: &UploadQuery,
    request: Request,
) -> Result<Created<UploadedView>, Problem> {
    let content_type = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type.is_none_or(|text| !text.eq_ignore_ascii_case("application/wasm")) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "A component is uploaded as `application/wasm`.",
        )
        .fix("Send `Content-Type: application/wasm`."));
    }
    let limits = BodyLimits {
        max: api.max_component,
        time: api.body.time,
    };
    let _upload = api.uploads().begin(to.owner, request.extensions())?;
    let (_head, bytes) = request_memory::read(api, request, limits).await?;
    let uploaded = api
        .registry
        .upload_plugin(to.owner, query.name.as_deref(), bytes, who)
        .await?;
    let name = &uploaded.plugin.name;
    let version = uploaded.version.digest.get(..12);
    tracing::info!(tenant = %to.owner, plugin = %name, version, "plugin.uploaded");
    Ok(Created {
        location: format!("{}/{name}", to.path),
        made: UploadedView::from(&uploaded),
    })
}

async fn delete(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(who): By,
    id: Id,
) -> Result<Gone, Problem> {
    api.registry.delete_plugin(&tenant.id, &id.0, &who).await?;
    tracing::info!(tenant = %tenant.id, plugin = %id.0, "plugin.deleted");
    Ok(Gone)
}

async fn delete_version(
    State(api): State<Api>,
    Acting(tenant): Acting,
    By(who): By,
    id: VersionId,
) -> Result<Gone, Problem> {
    let registry = &api.registry;
    registry
        .delete_version(&tenant.id, &id.plugin, &id.version, &who)
        .await?;
    tracing::info!(tenant = %tenant.id, plugin = %id.plugin, version = %id.version, "plugin.version_deleted");
    Ok(Gone)
}

impl From<&PluginInfo> for PluginView {
    fn from(info: &PluginInfo) -> Self {
        let versions = info.versions.iter();
        Self {
            name: info.name.clone(),
            owner: match info.owner {
                Owner::Shipped => OwnerView::Shipped,
                Owner::Operator => OwnerView::Operator,
                Owner::Tenant => OwnerView::Tenant,
            },
            versions: versions.map(|version| VersionView::of(info, version)).collect(),
        }
    }
}

impl From<&Uploaded> for UploadedView {
    fn from(uploaded: &Uploaded) -> Self {
        Self {
            plugin: PluginView::from(&uploaded.plugin),
            uploaded: VersionView::of(&uploaded.plugin, &uploaded.version),
            steps: uploaded.steps.iter().map(StepMoveView::from).collect(),
        }
    }
}

impl From<BreakerState> for BreakerView {
    fn from(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => Self::Closed,
            BreakerState::Open => Self::Open,
            BreakerState::HalfOpen => Self::HalfOpen,
        }
    }
}

impl VersionView {
    fn of(plugin: &PluginInfo, version: &PluginVersion) -> Self {
        let more = plugin.imports_more(version).into_iter();
        Self {
            version: version.version.clone(),
            digest: version.digest.clone(),
            summary: version.summary.clone(),
            // Text of the plugin: shown only if it is JSON.
            settings_schema: version
                .settings_schema
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            redacts: version.redacts,
            imports: version.imports.clone(),
            imports_more: more.map(str::to_owned).collect(),
            bytes: version.bytes,
            uploaded: version.uploaded.map(text),
            breaker: version.breaker.into(),
        }
    }
}

pub(super) const TAG: &str = "Plugins";
