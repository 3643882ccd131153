//! Plugins that the operator provides to all tenants, besides the shipped ones.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::{Request, State};

use super::Api;
use super::describe::{described, does};
use super::input::{By, Id, Operator, Params, VersionId};
use super::output::{Created, Gone};
use super::page::{Page, PageQuery};
use super::plugins::{
    PluginView, Shelf, TAG, UploadQuery, UploadedView, VersionView, named, page_of, take, uploads, version_of,
};
use crate::http::Problem;
use hookgate_domain::TenantId;

pub(super) fn routes() -> ApiRouter<Api> {
    let one = get_with(
        get,
        does(
            TAG,
            "getSharedPlugin",
            "One of the operator's plugins with its versions",
        ),
    )
    .delete_with(
        delete,
        described(
            TAG,
            "deleteSharedPlugin",
            "Delete a plugin of the operator's",
            "All versions of it, while no tenant's step runs any.",
        ),
    );
    let version = get_with(
        get_version,
        does(
            TAG,
            "getSharedPluginVersion",
            "One version of a plugin of the operator's",
        ),
    )
    .delete_with(
        delete_version,
        described(
            TAG,
            "deleteSharedPluginVersion",
            "Delete a version of a plugin of the operator's",
            "While no tenant's step runs it.",
        ),
    );
    ApiRouter::new()
        .api_route(
            "/v1/shared/plugins",
            get_with(
                list,
                does(
                    TAG,
                    "listSharedPlugins",
                    "List the plugins that the operator gives all tenants",
                ),
            )
            .post_with(upload, |operation| {
                uploads(operation)
                    .id("uploadSharedPlugin")
                    .summary("Upload a component for all tenants")
            }),
        )
        .api_route("/v1/shared/plugins/{id}", one)
        .api_route("/v1/shared/plugins/{id}/versions/{version}", version)
}

async fn list(
    State(api): State<Api>,
    _: Operator,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<PluginView>>, Problem> {
    page_of(api.registry.shared_plugins().await?, &query).map(Json)
}

async fn get(State(api): State<Api>, _: Operator, id: Id) -> Result<Json<PluginView>, Problem> {
    let plugins = api.registry.shared_plugins().await?;
    named(&plugins, &id.0).map(|plugin| Json(PluginView::from(plugin)))
}

async fn get_version(
    State(api): State<Api>,
    _: Operator,
    id: VersionId,
) -> Result<Json<VersionView>, Problem> {
    let plugins = api.registry.shared_plugins().await?;
    version_of(&plugins, &id).map(Json)
}

async fn upload(
    State(api): State<Api>,
    _: Operator,
    By(who): By,
    Params(query): Params<UploadQuery>,
    request: Request,
) -> Result<Created<UploadedView>, Problem> {
    let owner = TenantId::operator();
    let to = Shelf {
        owner: &owner,
        path: "/v1/shared/plugins",
    };
    take(&api, to, &who, &query, request).await
}

async fn delete(State(api): State<Api>, _: Operator, By(who): By, id: Id) -> Result<Gone, Problem> {
    let owner = TenantId::operator();
    api.registry.delete_plugin(&owner, &id.0, &who).await?;
    tracing::info!(tenant = %owner, plugin = %id.0, "plugin.deleted");
    Ok(Gone)
}

async fn delete_version(
    State(api): State<Api>,
    _: Operator,
    By(who): By,
    id: VersionId,
) -> Result<Gone, Problem> {
    let owner = TenantId::operator();
    let registry = &api.registry;
    registry
        .delete_version(&owner, &id.plugin, &id.version, &who)
        .await?;
    tracing::info!(tenant = %owner, plugin = %id.plugin, version = %id.version, "plugin.version_deleted");
    Ok(Gone)
}
