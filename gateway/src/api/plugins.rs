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

/// How an upload is described.
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

/// Under which name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    /// The plugin's name in chains: 1 to 64 of `a-z 0-9 -`; the one that the component says of itself where none is given.
    pub name: Option<String>,
}

/// A plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plugin")]
pub(super) struct PluginView {
    /// What a chain's step calls it.
    name: String,
    /// Whose it is.
    owner: OwnerView,
    /// Its versions, the last that was uploaded first.
    versions: Vec<VersionView>,
}

/// One immutable build of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginVersion")]
pub(super) struct VersionView {
    /// What it says of itself: a semantic version.
    version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    digest: String,
    /// One sentence.
    summary: String,
    /// A JSON Schema of its settings.
    settings_schema: Option<Value>,
    /// Whether it takes out what must not go on: its step cannot be skipped.
    redacts: bool,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// Those of them that the version before it in rank does not import.
    imports_more: Vec<String>,
    /// Its size.
    bytes: u64,
    /// When it was uploaded.
    uploaded: Option<String>,
    /// Whether this gateway calls it for the tenant: one that is stopped again and again is left alone for a while.
    breaker: BreakerView,
}

/// Whose a plugin is.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "PluginOwner")]
#[serde(rename_all = "snake_case")]
enum OwnerView {
    /// It came with the gateway.
    Shipped,
    /// The operator uploaded it for all tenants.
    Operator,
    /// It is the tenant's own.
    Tenant,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "Breaker")]
#[serde(rename_all = "snake_case")]
pub(super) enum BreakerView {
    /// It is called.
    Closed,
    /// It is left alone: its steps fail without a call.
    Open,
    /// The next call is a probe.
    HalfOpen,
}

/// What an upload came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UploadedPlugin")]
pub(super) struct UploadedView {
    #[serde(flatten)]
    plugin: PluginView,
    /// What was uploaded.
    uploaded: VersionView,
    /// The steps that wanted the latest version or a range that it is in.
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

/// A page of plugins, by name.
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

/// The plugin of this name.
pub(super) fn named<'a>(plugins: &'a [PluginInfo], name: &str) -> Result<&'a PluginInfo, Problem> {
    let found = plugins.iter().find(|plugin| plugin.name == name);
    found.ok_or_else(not_found)
}

/// One version of one of these plugins.
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

/// Where an upload goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf<'a> {
    /// A tenant, or the operator.
    pub owner: &'a TenantId,
    /// Where its plugins are found.
    pub path: &'a str,
}

/// Takes an upload of a tenant's or of the operator's.
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
            // A plugin's text: shown only where it is JSON.
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
