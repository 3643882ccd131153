//! Capabilities that routes need of a portal session, and the layer that checks them.
//!
//! The table is the source of `x-hookgate-capability` in the OpenAPI document, too. A route without an
//! entry is refused to portal sessions: a new route is closed to them until it gets one.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;

use super::Api;
use super::input::lacking;
use super::sessions::is_sessions;
use crate::http::{Code, Listener, Problem, bearer};
use crate::ui::{Capability, Portal, Session, Sessions};

/// Returns the capability that a portal session needs for a route; `None`: no session may call it.
pub(super) fn needed(method: &Method, path: &str) -> Option<Capability> {
    let method = match method.as_str() {
        "HEAD" => "GET",
        other => other,
    };
    let found = TABLE.iter().find(|(_, routes)| routes.contains(&(method, path)));
    found.map(|(capability, _)| *capability)
}

/// Looks the session of a request's token up, checks its capability, and passes it on as an extension.
///
/// A token that opens nothing is left to the route to refuse.
pub(super) async fn layer(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let token = bearer(request.headers()).filter(|key| Sessions::is_token(key));
    let Some(token) = token else {
        return next.run(request).await;
    };
    let found = api.sessions.find(token).await;
    let found = found
        .map_err(|error| Problem::from(&error))
        .and_then(|session| session.map(|session| admit(&request, session)).transpose());
    match found {
        Ok(Some(session)) => {
            request.extensions_mut().insert(Arc::new(session));
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn admit(request: &Request, session: Session) -> Result<Session, Problem> {
    let Some(portal) = &session.grant.portal else {
        // The operator's routes are not on the public listener.
        return match request.extensions().get() {
            Some(Listener::Public) => Err(for_no_session()),
            _ => Ok(session),
        };
    };
    let path = request.extensions().get::<MatchedPath>();
    if let Some(path) = path {
        check(portal, request.method(), path.as_str())?;
    }
    Ok(session)
}

/// Checks a route's capability.
///
/// # Errors
/// `forbidden`.
fn check(portal: &Portal, method: &Method, path: &str) -> Result<(), Problem> {
    match needed(method, path) {
        Some(needed) if portal.capabilities.has(needed) => Ok(()),
        Some(needed) => Err(lacking(needed)),
        None if is_open(path) => Ok(()),
        None => Err(for_no_session()),
    }
}

/// Returns `true` if a route needs no rights: those without a key, and those of the session itself.
fn is_open(path: &str) -> bool {
    is_sessions(path) || OPEN.contains(&path) || OPEN_BELOW.iter().any(|prefix| path.starts_with(prefix))
}

fn for_no_session() -> Problem {
    let detail = "No capability of a session permits this route.";
    Problem::new(Code::Forbidden, detail).fix("Use a key of the tenant.")
}

/// Extension of an operation with the capability that a portal session needs.
/// Operations without it are refused to portal sessions.
pub(super) const CAPABILITY: &str = "x-hookgate-capability";

const OPEN: [&str; 8] = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/dashboard",
    "/portal",
];
const OPEN_BELOW: [&str; 4] = ["/docs/", "/dashboard/", "/portal/", "/ui/"];

const TABLE: &[(Capability, &[(&str, &str)])] = &[
    (
        Capability::View,
        &[
            ("GET", "/v1/attempts"),
            ("GET", "/v1/chain"),
            ("GET", "/v1/chain/history"),
            ("GET", "/v1/deliveries"),
            ("GET", "/v1/deliveries/{id}"),
            ("GET", "/v1/event-types"),
            ("GET", "/v1/event-types/{id}"),
            ("GET", "/v1/event-types/{id}/exposure"),
            // The feed, and the payload of an event, need `payloads` too.
            ("GET", "/v1/events"),
            ("GET", "/v1/events/{id}"),
            ("GET", "/v1/jobs"),
            ("GET", "/v1/jobs/{id}"),
            ("GET", "/v1/metrics/series"),
            ("GET", "/v1/plugins"),
            ("GET", "/v1/plugins/{id}"),
            ("GET", "/v1/plugins/{id}/stats"),
            ("GET", "/v1/plugins/{id}/versions/{version}"),
            ("GET", "/v1/subscriptions"),
            ("GET", "/v1/subscriptions/{id}"),
            ("GET", "/v1/subscriptions/{id}/chain"),
            ("GET", "/v1/subscriptions/{id}/deliveries"),
            ("GET", "/v1/subscriptions/{id}/stats"),
            ("GET", "/v1/tail"),
            ("GET", "/v1/usage"),
        ],
    ),
    // Plugins may log parts of payloads.
    (Capability::Payloads, &[("GET", "/v1/plugins/{id}/logs")]),
    (
        Capability::SecretsView,
        &[
            ("GET", "/v1/signing-secret"),
            ("GET", "/v1/subscriptions/{id}/secret"),
        ],
    ),
    (
        Capability::SecretsRotate,
        &[
            ("POST", "/v1/signing-secret/rotate"),
            ("POST", "/v1/subscriptions/{id}/rotate-secret"),
        ],
    ),
    (
        Capability::EndpointsWrite,
        &[
            ("DELETE", "/v1/subscriptions/{id}"),
            ("PATCH", "/v1/subscriptions/{id}"),
            ("POST", "/v1/subscriptions"),
            ("POST", "/v1/subscriptions/{id}/activate"),
            ("POST", "/v1/subscriptions/{id}/disable"),
        ],
    ),
    (
        Capability::Retry,
        &[
            // Disabling subscriptions needs `endpoints.write` too.
            ("POST", "/v1/bulk"),
            ("POST", "/v1/deliveries/{id}/cancel"),
            ("POST", "/v1/deliveries/{id}/retry"),
            ("POST", "/v1/events/{id}/replay"),
            ("POST", "/v1/jobs/{id}/cancel"),
            ("POST", "/v1/jobs/{id}/pause"),
            ("POST", "/v1/jobs/{id}/resume"),
            ("POST", "/v1/subscriptions/{id}/recover"),
        ],
    ),
    (Capability::Test, &[("POST", "/v1/subscriptions/{id}/test")]),
    (
        Capability::ChainWrite,
        &[
            ("POST", "/v1/chain/try"),
            ("POST", "/v1/plugins/{id}/try"),
            ("PUT", "/v1/chain"),
            ("PUT", "/v1/subscriptions/{id}/chain"),
        ],
    ),
];

/// Every route of the table, for a test.
#[cfg(test)]
pub(super) fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().flat_map(|(_, routes)| routes.iter().copied())
}
