//! Sessions of the dashboard and the portal, and the links that begin them.

mod extract;
mod links;
pub(super) mod proxied;
mod views;

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use aide::openapi::SecurityRequirement;
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Api;
use super::describe::described;
use super::input::{Acting, Id, Operator, Params};
use super::output::Gone;
use super::tenants;
use crate::http::{Caller, Code, Problem};
use crate::ui::{Capabilities, SessionError};
use hookgate_registry::Tenant;

use extract::{Anyone, Own, SignIn};
use links::{NO_LABEL, is_label};
use views::{KindView, SessionView, StartedView};

pub(super) fn routes() -> ApiRouter<Api> {
    let session = get_with(
        get,
        described(
            TAG,
            "getSession",
            "Rights of the caller",
            "Of a session or of a key: what the pages show and offer.",
        ),
    )
    .post_with(begin, begin_described)
    .delete_with(
        sign_out,
        described(TAG, "endSession", "Sign out", "Ends the session of the token."),
    );
    ApiRouter::new()
        .api_route(SESSION, session)
        .api_route(
            RENEW,
            post_with(
                renew,
                described(
                    TAG,
                    "renewSession",
                    "Renew a session",
                    "The same token holds for up to an hour more, until `renewable_until`.",
                ),
            ),
        )
        .api_route("/v1/portal-links", post_with(links::own_link, described(TAG, "createPortalLink", "Make a link into the portal", LINK)))
        .api_route(
            "/v1/portal-sessions",
            delete_with(end_own, described(TAG, "endPortalSessions", "End portal sessions", END)),
        )
        .api_route(
            "/v1/tenants/{id}/portal-links",
            post_with(links::link, described(TENANTS, "createTenantPortalLink", "Make a link into a tenant's portal", LINK)),
        )
        .api_route(
            "/v1/tenants/{id}/portal-sessions",
            delete_with(end_all, described(TENANTS, "endTenantPortalSessions", "End a tenant's portal sessions", END)),
        )
        .api_route(
            "/v1/operator/dashboard-links",
            post_with(
                links::dashboard_link,
                described(
                    TAG,
                    "createDashboardLink",
                    "Make a link into the dashboard",
                    "The link signs its user in with the operator's rights. Its code works once, within a minute.",
                ),
            ),
        )
        .api_route(
            "/v1/operator/dashboard-sessions",
            delete_with(
                end_operators,
                described(
                    TAG,
                    "endDashboardSessions",
                    "End dashboard sessions",
                    "Ends the sessions of all links into the dashboard that were made until now, and the links that were not used.",
                ),
            ),
        )
}

/// Returns `true` for the routes of the caller's own session.
pub(super) fn is_sessions(path: &str) -> bool {
    matches!(path, SESSION | RENEW)
}

/// Selection of sessions to end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndQuery {
    /// Only sessions with this label; default: all.
    session: Option<String>,
}

async fn begin(State(api): State<Api>, SignIn(input): SignIn) -> Result<Json<StartedView>, Problem> {
    let (token, session) = api.sessions.begin(&input.code).await?;
    let view = match &session.grant.portal {
        None => {
            tracing::info!("dashboard_session.begun");
            SessionView::of_session(&api, &session, None)
        }
        Some(portal) => {
            let tenant = api.registry.tenant(&portal.tenant);
            let tenant = tenant.filter(|tenant| tenant.created == portal.tenant_created);
            let tenant = tenant.ok_or(SessionError::CodeInvalid)?;
            tracing::info!(tenant = %tenant.id, "portal_session.begun");
            SessionView::of_session(&api, &session, Some(&tenant))
        }
    };
    Ok(Json(StartedView {
        token: token.reveal().to_owned(),
        session: view,
    }))
}

async fn get(State(api): State<Api>, Anyone(caller): Anyone, session: Option<Own>) -> Json<SessionView> {
    let session = session.map(|Own(session)| session);
    Json(match (&caller, session) {
        (Caller::Session(tenant, session), _) => SessionView::of_session(&api, session, Some(tenant)),
        (_, Some(session)) => SessionView::of_session(&api, &session, None),
        (Caller::Tenant(tenant, key), None) => SessionView::of_key(tenant, key),
        (Caller::Operator, None) => SessionView::new(KindView::Dashboard, Capabilities::ALL),
    })
}

async fn renew(State(api): State<Api>, Own(session): Own) -> Result<Json<SessionView>, Problem> {
    let renewed = api.sessions.renew(&session).await?;
    let portal = renewed.grant.portal.as_ref();
    let tenant = portal.and_then(|portal| api.registry.tenant(&portal.tenant));
    Ok(Json(SessionView::of_session(&api, &renewed, tenant.as_deref())))
}

async fn sign_out(State(api): State<Api>, Own(session): Own) -> Result<Gone, Problem> {
    api.sessions.end(&session).await?;
    Ok(Gone)
}

async fn end_own(
    State(api): State<Api>,
    Acting(tenant): Acting,
    Params(query): Params<EndQuery>,
) -> Result<Gone, Problem> {
    end_of(&api, &tenant, query).await
}

async fn end_all(
    State(api): State<Api>,
    _: Operator,
    id: Id,
    Params(query): Params<EndQuery>,
) -> Result<Gone, Problem> {
    let tenant = tenants::find(&api, &id)?;
    end_of(&api, &tenant, query).await
}

async fn end_operators(State(api): State<Api>, _: Operator) -> Result<Gone, Problem> {
    api.sessions.end_all(None, None).await?;
    tracing::info!("dashboard_sessions.ended");
    Ok(Gone)
}

async fn end_of(api: &Api, tenant: &Tenant, query: EndQuery) -> Result<Gone, Problem> {
    let label = query.session.as_deref();
    if label.is_some_and(|label| !is_label(label)) {
        let detail = format!("The parameter `session`: {NO_LABEL}.");
        return Err(Problem::new(Code::InvalidParameter, detail));
    }
    let whose = Some((&tenant.id, tenant.created));
    api.sessions.end_all(whose, label).await?;
    tracing::info!(tenant = %tenant.id, all = label.is_none(), "portal_sessions.ended");
    Ok(Gone)
}

fn begin_described(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let about = "Exchanges the code of a link for a token: once, within a minute. Needs no key.";
    let mut operation = described(TAG, "beginSession", "Sign in with a link", about)(operation);
    operation.inner_mut().security = vec![SecurityRequirement::default()];
    operation
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::CodeInvalid => Self::new(
                Code::CodeInvalid,
                "The code was used before, or is older than a minute, or was never given out.",
            ),
            SessionError::Ended => Self::new(Code::SessionEnded, "The session has ended."),
            SessionError::TooMany(key) => {
                let detail = format!("There are as many sessions or links at once as are allowed (`{key}`).");
                Self::new(Code::LimitReached, detail)
                    .fix(
                        "Sign out of sessions, or wait: sessions that were ended together leave their places within an hour. \
                         The operator can raise the limit.",
                    )
            }
            SessionError::Store(error) => Self::from(&error),
        }
    }
}

const SESSION: &str = "/v1/session";
const RENEW: &str = "/v1/session/renew";
const LINK: &str = "The link signs its user in to the portal of the tenant, with the capabilities that it names. Its code works once, \
                    within a minute, and is in the fragment of the URL, which browsers send to no server. Make it when the user asks \
                    for the portal, and redirect the user to it.";
const END: &str = "Ends the sessions of all links that were made until now, or of those with the label `session`. Links that were not \
                   used yet end too.";
const TAG: &str = "Sessions";
const TENANTS: &str = "Tenants";
