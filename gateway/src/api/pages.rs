//! Pages of the dashboard and the portal. They are in no OpenAPI document.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::unknown;
use crate::ui::{Assets, Cache, accepts_html, is_themes};

/// Routes of the pages; none if they are not enabled.
pub(super) fn routes(assets: Option<Assets>) -> Router {
    let Some(assets) = assets else {
        return Router::new();
    };
    let shell = || get(shell);
    Router::new()
        .route(ROOT, get(root))
        .route(DASHBOARD, shell())
        .route(DASHBOARD_PATHS, shell())
        .route(PORTAL, shell())
        .route(PORTAL_PATHS, shell())
        .route(FILES, get(file))
        .with_state(assets)
}

/// Redirects a browser to the dashboard.
async fn root(request: Request) -> Response {
    if accepts_html(request.headers(), true) {
        return Redirect::to(DASHBOARD).into_response();
    }
    unknown::route(request.uri().clone()).await.into_response()
}

async fn shell(State(assets): State<Assets>, request: Request) -> Response {
    let html = accepts_html(request.headers(), false);
    let portal = request.uri().path().starts_with(PORTAL);
    let shell = html.then(|| assets.shell(request.headers(), portal)).flatten();
    match shell {
        Some(shell) => shell,
        None => unknown::route(request.uri().clone()).await.into_response(),
    }
}

async fn file(State(assets): State<Assets>, Path(name): Path<String>, request: Request) -> Response {
    let path = format!("ui/{name}");
    // The names of the others change with their content.
    let cache = if name == WEB_COMPONENT || is_themes(&name) {
        Cache::Revalidate
    } else {
        Cache::Immutable
    };
    match assets.file(&path, request.headers(), cache) {
        Some(file) => file,
        None => unknown::route(request.uri().clone()).await.into_response(),
    }
}

/// Paths of the pages, which no product route can have.
pub(super) const PATHS: [&str; 6] = [ROOT, DASHBOARD, DASHBOARD_PATHS, PORTAL, PORTAL_PATHS, FILES];

/// Returns `true` for the paths of the portal's pages and their files.
pub(super) fn is_portals(path: &str) -> bool {
    matches!(path, PORTAL | PORTAL_PATHS | FILES)
}

/// Script that embeds the portal in other sites, which name it in their pages.
const WEB_COMPONENT: &str = "hookgate-portal.js";
const ROOT: &str = "/";
const DASHBOARD: &str = "/dashboard";
const DASHBOARD_PATHS: &str = "/dashboard/{*path}";
const PORTAL: &str = "/portal";
const PORTAL_PATHS: &str = "/portal/{*path}";
const FILES: &str = "/ui/{*file}";
