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
use super::input::{Acting, Id, Params, not_found};
use super::output::{Created, Gone};
use super::page::{self, Page, PageQuery};
use super::views::text;
use crate::http::{BodyLimits, Code, Problem, read};
use crate::registry::{PluginInfo, PluginVersion};

pub(super) fn routes() -> ApiRouter<Api> {
    ApiRouter::new()
        .api_route(
            "/v1/plugins",
            get_with(
                list,
                does(TAG, "listPlugins", "List the plugins that a chain can name"),
            )
            .post_with(upload, uploads),
        )
        .api_route(
            "/v1/plugins/{id}",
            get_with(get, does(TAG, "getPlugin", "One plugin with its versions")).delete_with(
                delete,
                described(
                    TAG,
                    "deletePlugin",
                    "Delete a plugin",
                    "One of the tenant's own that no step names.",
                ),
            ),
        )
}

fn uploads(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let describe = described(
        TAG,
        "uploadPlugin",
        "Upload a component",
        "The body is a WebAssembly component of the world `hookgate:plugin/plugin`. It is checked and compiled, and becomes the \
         newest version of the tenant's plugin of that name. The same bytes again change nothing.",
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
struct UploadQuery {
    /// The plugin's name in chains: 1 to 64 of `a-z 0-9 -`; the one that the component says of itself where none is given.
    name: Option<String>,
}

/// A plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plugin")]
struct PluginView {
    /// What a chain's step calls it.
    name: String,
    /// Whether it came with the gateway; otherwise it is the tenant's own.
    shipped: bool,
    /// Its versions, the newest first.
    versions: Vec<VersionView>,
}

/// One immutable build of a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PluginVersion")]
struct VersionView {
    /// What it says of itself.
    version: String,
    /// SHA-256 of its bytes, in hexadecimal.
    digest: String,
    /// One sentence.
    summary: String,
    /// A JSON Schema of its settings.
    settings_schema: Option<Value>,
    /// Whether it takes out what must not go on: its step cannot be skipped.
    redacts: bool,
    /// Its size.
    bytes: u64,
    /// When it was uploaded.
    uploaded: Option<String>,
}

async fn list(
    State(api): State<Api>,
    Acting(tenant): Acting,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<PluginView>>, Problem> {
    let mut plugins = api.registry.plugins(&tenant.id).await?;
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    page::of(
        plugins.iter().map(PluginView::from),
        |plugin| plugin.name.clone(),
        &query,
    )
    .map(Json)
}

async fn get(State(api): State<Api>, Acting(tenant): Acting, id: Id) -> Result<Json<PluginView>, Problem> {
    let plugins = api.registry.plugins(&tenant.id).await?;
    let found = plugins
        .iter()
        .find(|plugin| plugin.name == id.0)
        .ok_or_else(not_found)?;
    Ok(Json(PluginView::from(found)))
}

async fn upload(
    State(api): State<Api>,
    Acting(tenant): Acting,
    Params(query): Params<UploadQuery>,
    request: Request,
) -> Result<Created<PluginView>, Problem> {
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
    let bytes = read(request.into_body(), limits).await?;
    let info = api
        .registry
        .upload_plugin(&tenant.id, query.name.as_deref(), bytes)
        .await?;
    tracing::info!(tenant = %tenant.id, plugin = %info.name, "plugin.uploaded");
    Ok(Created {
        location: format!("/v1/plugins/{}", info.name),
        made: PluginView::from(&info),
    })
}

async fn delete(State(api): State<Api>, Acting(tenant): Acting, id: Id) -> Result<Gone, Problem> {
    api.registry.delete_plugin(&tenant.id, &id.0).await?;
    tracing::info!(tenant = %tenant.id, plugin = %id.0, "plugin.deleted");
    Ok(Gone)
}

impl From<&PluginInfo> for PluginView {
    fn from(info: &PluginInfo) -> Self {
        Self {
            name: info.name.clone(),
            shipped: info.shared,
            versions: info.versions.iter().map(VersionView::from).collect(),
        }
    }
}

impl From<&PluginVersion> for VersionView {
    fn from(version: &PluginVersion) -> Self {
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
            bytes: version.bytes,
            uploaded: version.uploaded.map(text),
        }
    }
}

const TAG: &str = "Plugins";
