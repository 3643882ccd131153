//! Sign-in of the operator by a proxy that has authenticated the user.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::HeaderMap;

use super::super::Api;
use super::links;
use crate::http::Problem;
use crate::ui::Theme;

/// Route of the sign-in, in no OpenAPI document: a browser opens it.
pub(in crate::api) fn routes(api: Api) -> Router {
    Router::new().route(SIGN_IN, get(sign_in)).with_state(api)
}

/// Redirects a user for whom the trusted proxy vouches to a link into the dashboard. Others are asked for a key there.
async fn sign_in(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let proxy = api.pages.trusted_proxy.as_ref();
    if !proxy.is_some_and(|proxy| proxy.vouches(&headers)) {
        return Ok(Redirect::to(DASHBOARD).into_response());
    }
    let grant = links::grant(&api, None, None, None, Theme::default())?;
    let issued = api.sessions.issue(&grant).await?;
    tracing::info!("dashboard_link.proxied");
    let link = format!("{DASHBOARD}#code={}", issued.code.reveal());
    Ok(Redirect::to(&link).into_response())
}

const DASHBOARD: &str = "/dashboard";
const SIGN_IN: &str = "/dashboard/sign-in";
