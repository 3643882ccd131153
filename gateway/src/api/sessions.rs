//! Sessions of the dashboard and the portal, and the links that begin them.

use std::sync::Arc;
use std::time::Duration;

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use aide::generate::GenContext;
use aide::openapi::{Operation, SecurityRequirement};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use http::request::Parts;
use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::Api;
use super::describe::described;
use super::input::{Acting, Body, Id, Operator, OptionalBody, Params, check_content_type, read_object};
use super::key_fields::invalid;
use super::output::{Created, Gone};
use super::request_memory;
use super::tenants;
use super::views::text;
use crate::http::{BodyLimits, Caller, Code, Problem, describe_scopes};
use crate::ui::{Capabilities, Capability, Grant, Issued, Portal, Session, SessionError, Theme};
use hookgate_domain::units::Span;
use hookgate_domain::{EventPattern, Scope, Scopes};
use hookgate_registry::{ApiKey, Tenant};

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
        .api_route("/v1/portal-links", post_with(own_link, described(TAG, "createPortalLink", "Make a link into the portal", LINK)))
        .api_route(
            "/v1/portal-sessions",
            delete_with(end_own, described(TAG, "endPortalSessions", "End portal sessions", END)),
        )
        .api_route(
            "/v1/tenants/{id}/portal-links",
            post_with(link, described(TENANTS, "createTenantPortalLink", "Make a link into a tenant's portal", LINK)),
        )
        .api_route(
            "/v1/tenants/{id}/portal-sessions",
            delete_with(end_all, described(TENANTS, "endTenantPortalSessions", "End a tenant's portal sessions", END)),
        )
        .api_route(
            "/v1/operator/dashboard-links",
            post_with(
                dashboard_link,
                described(
                    TAG,
                    "createDashboardLink",
                    "Make a link into the dashboard",
                    "The link signs its user in with the operator's rights. Its code works once, within a minute.",
                ),
            ),
        )
}

/// Returns `true` for the routes of the caller's own session.
pub(super) fn is_sessions(path: &str) -> bool {
    matches!(path, SESSION | RENEW)
}

/// Parameters of a link into the portal.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "NewPortalLink", example = json!({ "capabilities": ["view", "retry"], "session": "user-42" }))]
#[serde(deny_unknown_fields, default)]
struct PortalLinkInput {
    /// Permitted actions; default: `view`.
    capabilities: Option<Vec<Capability>>,
    /// Time after which the session ends, however often it is renewed: up to `24h`, default `1h`.
    ttl: Option<Span>,
    /// Label, 1 to 64 characters, by which the session can be ended.
    #[schemars(length(min = 1, max = 64))]
    session: Option<String>,
    /// Patterns of the event types that the session sees, 1 to 64; default: all.
    #[schemars(length(min = 1, max = 64))]
    types: Option<Vec<String>>,
    /// Limits the session to what a consumer's key reaches: consumers' subscriptions.
    consumer: bool,
    /// Limits the session to one subscription and its deliveries.
    subscription: Option<String>,
    /// Path within the portal to open first, such as `/deliveries?status=dead`.
    next: Option<String>,
    /// Theme of the pages.
    theme: Theme,
}

/// Parameters of a link into the dashboard.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "NewDashboardLink")]
#[serde(deny_unknown_fields, default)]
struct DashboardLinkInput {
    /// Time after which the session ends, however often it is renewed: up to `24h`, default `1h`.
    ttl: Option<Span>,
    /// Path within the dashboard to open first.
    next: Option<String>,
    /// Theme of the pages.
    theme: Theme,
}

/// Link that was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInLink")]
struct LinkView {
    /// URL, with the code in its fragment. It works once.
    url: String,
    /// Time at which the code expires.
    code_expires: String,
    /// Time at which the session ends, however often it is renewed.
    expires: String,
    /// Label of the session.
    session: Option<String>,
}

/// Code of a link.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SignIn")]
#[serde(deny_unknown_fields)]
struct CodeInput {
    /// The code.
    code: String,
}

/// Kind of a session.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "SessionKind")]
#[serde(rename_all = "snake_case")]
enum KindView {
    /// Of the operator.
    Dashboard,
    /// Of a tenant.
    Portal,
}

/// Rights of a caller.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionView {
    /// Kind of the session.
    kind: KindView,
    /// The tenant; `null` for the operator.
    tenant: Option<String>,
    /// Permitted actions.
    capabilities: Vec<Capability>,
    /// Event types that the caller sees; `null`: all.
    types: Option<Vec<String>>,
    /// Set when only consumers' subscriptions are within reach.
    consumer: bool,
    /// Only subscription within reach; `null` if there are more.
    subscription: Option<String>,
    /// Path to open first.
    next: Option<String>,
    /// Theme of the pages.
    theme: Theme,
    /// Time at which the session ends unless it is renewed; `null` for a key.
    expires: Option<String>,
    /// Time at which the session ends, however often it is renewed; `null` for a key.
    renewable_until: Option<String>,
    /// URL at which to get a new link; `null` if there is none.
    refresh_url: Option<String>,
}

/// Session that was begun.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StartedSession")]
struct StartedView {
    /// Token, to be sent as `Authorization: Bearer TOKEN`. It is not shown again.
    token: String,
    #[serde(flatten)]
    session: SessionView,
}

/// Selection of sessions to end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndQuery {
    /// Only sessions with this label; default: all.
    session: Option<String>,
}

/// Session of the caller's token.
struct Own(Arc<Session>);

/// Any caller.
struct Anyone(Caller);

/// Body of a caller without a key: smaller than others.
struct SignIn(CodeInput);

async fn own_link(
    State(api): State<Api>,
    Acting(tenant): Acting,
    headers: HeaderMap,
    OptionalBody(input): OptionalBody<PortalLinkInput>,
) -> Result<Created<LinkView>, Problem> {
    portal_link(&api, &tenant, &headers, input).await
}

async fn link(
    State(api): State<Api>,
    _: Operator,
    id: Id,
    headers: HeaderMap,
    OptionalBody(input): OptionalBody<PortalLinkInput>,
) -> Result<Created<LinkView>, Problem> {
    let tenant = tenants::find(&api, &id)?;
    portal_link(&api, &tenant, &headers, input).await
}

async fn portal_link(
    api: &Api,
    tenant: &Tenant,
    headers: &HeaderMap,
    input: PortalLinkInput,
) -> Result<Created<LinkView>, Problem> {
    let capabilities = input.capabilities.unwrap_or_else(|| vec![Capability::View]);
    let capabilities: Capabilities = capabilities.into_iter().collect();
    if capabilities == Capabilities::NONE {
        return Err(invalid("/capabilities", "at least one capability is needed"));
    }
    let label = input.session.map(label).transpose()?;
    let subscription = input.subscription.map(|text| {
        let known = tenant.subscription_id(&text);
        known.ok_or_else(|| invalid("/subscription", "not a subscription's id"))
    });
    let subscription = subscription.transpose()?;
    let portal = Portal {
        tenant: tenant.id.clone(),
        tenant_created: tenant.created,
        capabilities,
        types: input.types.as_deref().map(patterns).transpose()?,
        consumer: input.consumer || subscription.is_some(),
        subscription,
        label: label.clone(),
    };
    let grant = grant(api, Some(portal), input.ttl, input.next, input.theme)?;
    let issued = api.sessions.issue(&grant).await?;
    tracing::info!(tenant = %tenant.id, session = label.is_some(), "portal_link.created");
    let base = api.pages.portal_base.as_ref();
    made((api, base), headers, "portal", (&grant, &issued), label)
}

async fn dashboard_link(
    State(api): State<Api>,
    _: Operator,
    headers: HeaderMap,
    OptionalBody(input): OptionalBody<DashboardLinkInput>,
) -> Result<Created<LinkView>, Problem> {
    let grant = grant(&api, None, input.ttl, input.next, input.theme)?;
    let issued = api.sessions.issue(&grant).await?;
    tracing::info!("dashboard_link.created");
    let base = api.pages.dashboard_base.as_ref();
    made((&api, base), &headers, "dashboard", (&grant, &issued), None)
}

fn grant(
    api: &Api,
    portal: Option<Portal>,
    ttl: Option<Span>,
    next: Option<String>,
    theme: Theme,
) -> Result<Grant, Problem> {
    let ttl = ttl.map_or(DEFAULT_TTL, Span::get);
    if ttl.is_zero() || ttl > MAX_TTL {
        return Err(invalid("/ttl", "a time up to `24h` is needed"));
    }
    if next.as_deref().is_some_and(|next| !is_path(next)) {
        let told = "a path within the pages is needed, such as `/deliveries?status=dead`, of up to 512 bytes";
        return Err(invalid("/next", told));
    }
    Ok(Grant {
        portal,
        next,
        theme,
        created: api.sessions.created(),
        until: api.clock.now().plus(ttl),
    })
}

/// Checks that a text is a path, and no address of another site.
fn is_path(text: &str) -> bool {
    text.len() <= LONGEST_NEXT
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn label(text: String) -> Result<String, Problem> {
    let length = text.chars().count();
    if length == 0 || length > LONGEST_LABEL || text.chars().any(char::is_control) {
        return Err(invalid(
            "/session",
            "1 to 64 characters are needed, without control characters",
        ));
    }
    Ok(text)
}

fn patterns(texts: &[String]) -> Result<Arc<[EventPattern]>, Problem> {
    if texts.is_empty() || texts.len() > MOST_TYPES {
        return Err(invalid("/types", "1 to 64 patterns are needed"));
    }
    let parsed = texts.iter().enumerate().map(|(index, text)| {
        text.parse::<EventPattern>()
            .map_err(|error| invalid(&format!("/types/{index}"), error.to_string()))
    });
    parsed.collect()
}

/// Answer with a link. The base of its URL is the configured one, or the host of the request.
fn made(
    (api, base): (&Api, Option<&Url>),
    headers: &HeaderMap,
    page: &str,
    (grant, issued): (&Grant, &Issued),
    session: Option<String>,
) -> Result<Created<LinkView>, Problem> {
    let base = match base {
        Some(base) => base.as_str().trim_end_matches('/').to_owned(),
        None => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let host = host.filter(|host| !host.is_empty()).ok_or_else(|| {
                let detail = "The request names no host, and `ui.public_url` is not set.";
                Problem::new(Code::InvalidParameter, detail)
            })?;
            let scheme = if api.pages.https { "https" } else { "http" };
            format!("{scheme}://{host}")
        }
    };
    Ok(Created {
        location: format!("/{page}"),
        made: LinkView {
            url: format!("{base}/{page}#code={}", issued.code.reveal()),
            code_expires: text(issued.expires),
            expires: text(grant.until),
            session,
        },
    })
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

async fn renew(
    State(api): State<Api>,
    Anyone(caller): Anyone,
    Own(session): Own,
) -> Result<Json<SessionView>, Problem> {
    let renewed = api.sessions.renew(&session).await?;
    let tenant = match &caller {
        Caller::Session(tenant, _) => Some(&**tenant),
        Caller::Tenant(..) | Caller::Operator => None,
    };
    Ok(Json(SessionView::of_session(&api, &renewed, tenant)))
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

async fn end_of(api: &Api, tenant: &Tenant, query: EndQuery) -> Result<Gone, Problem> {
    let label = query.session.as_deref();
    api.sessions.end_all((&tenant.id, tenant.created), label).await?;
    tracing::info!(tenant = %tenant.id, all = label.is_none(), "portal_sessions.ended");
    Ok(Gone)
}

impl SessionView {
    fn new(kind: KindView, capabilities: Capabilities) -> Self {
        Self {
            kind,
            tenant: None,
            capabilities: capabilities.iter().collect(),
            types: None,
            consumer: false,
            subscription: None,
            next: None,
            theme: Theme::Auto,
            expires: None,
            renewable_until: None,
            refresh_url: None,
        }
    }

    fn of_session(api: &Api, session: &Session, tenant: Option<&Tenant>) -> Self {
        let grant = &session.grant;
        let view = match (&grant.portal, tenant) {
            (Some(portal), Some(tenant)) => Self {
                tenant: Some(tenant.id.to_string()),
                types: portal
                    .types
                    .as_ref()
                    .map(|types| types.iter().map(ToString::to_string).collect()),
                consumer: portal.consumer,
                subscription: portal.subscription.map(|id| tenant.public_id(id)),
                ..Self::new(KindView::Portal, portal.capabilities)
            },
            _ => Self::new(KindView::Dashboard, Capabilities::ALL),
        };
        Self {
            next: grant.next.clone(),
            theme: grant.theme,
            expires: Some(text(session.expires)),
            renewable_until: Some(text(grant.until)),
            refresh_url: api.pages.config.refresh_url.as_ref().map(ToString::to_string),
            ..view
        }
    }

    fn of_key(tenant: &Tenant, key: &ApiKey) -> Self {
        let narrow = key.subscription.is_some() || !key.scopes.has(Scope::Read);
        Self {
            tenant: Some(tenant.id.to_string()),
            consumer: narrow,
            subscription: key.subscription.map(|id| tenant.public_id(id)),
            ..Self::new(KindView::Portal, of_scopes(key.scopes))
        }
    }
}

/// Capabilities that scopes amount to. Pure.
fn of_scopes(scopes: Scopes) -> Capabilities {
    let reads = scopes.has(Scope::Read) || scopes.has(Scope::Consumer);
    let changes = scopes.has(Scope::Manage) || scopes.has(Scope::Consumer);
    let may = |capability: &Capability| match capability {
        Capability::View | Capability::Payloads => reads,
        Capability::SecretsView
        | Capability::SecretsRotate
        | Capability::EndpointsWrite
        | Capability::Retry
        | Capability::Test => changes,
        Capability::ChainWrite => scopes.has(Scope::Manage),
    };
    Capability::ALL.into_iter().filter(may).collect()
}

fn begin_described(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let about = "Exchanges the code of a link for a token: once, within a minute. Needs no key.";
    let mut operation = described(TAG, "beginSession", "Sign in with a link", about)(operation);
    operation.inner_mut().security = vec![SecurityRequirement::default()];
    operation
}

impl FromRequestParts<Api> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.caller(&*parts)?;
        let session = parts.extensions.get::<Arc<Session>>();
        session.cloned().map(Self).ok_or_else(|| {
            let detail = "The caller has a key, and this is about a session.";
            Problem::new(Code::Forbidden, detail).fix("Send the token of the session.")
        })
    }
}

impl axum::extract::OptionalFromRequestParts<Api> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Option<Self>, Problem> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

impl OperationInput for Own {}

impl FromRequestParts<Api> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.caller(&*parts).map(Self)
    }
}

impl OperationInput for Anyone {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_scopes(operation, &Scope::ALL);
    }
}

impl FromRequest<Api> for SignIn {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        check_content_type(&request)?;
        let limits = BodyLimits {
            max: LARGEST_SIGN_IN,
            ..api.body
        };
        let (_, bytes) = request_memory::read(api, request, limits).await?;
        read_object(&bytes).map(Self)
    }
}

impl OperationInput for SignIn {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Body::<CodeInput>::operation_input(ctx, operation);
    }
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
                    .fix("End sessions, or wait until some end, or have the operator raise the limit.")
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
const DEFAULT_TTL: Duration = Duration::from_secs(3600);
const MAX_TTL: Duration = Duration::from_secs(24 * 3600);
const LONGEST_NEXT: usize = 512;
const LONGEST_LABEL: usize = 64;
/// Maximum number of patterns: each is compared with each entry that is examined.
const MOST_TYPES: usize = 64;
/// Maximum size of the body of a sign-in, in bytes.
const LARGEST_SIGN_IN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_is_a_path_of_the_pages() {
        for (text, good) in [
            ("/", true),
            ("/deliveries?status=dead&x=%20", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("deliveries", false),
            ("/a b", false),
            ("", false),
        ] {
            assert_eq!(is_path(text), good, "{text}");
        }
        assert!(!is_path(&format!("/{}", "a".repeat(LONGEST_NEXT))));
    }

    #[test]
    fn capabilities_of_a_key_follow_its_scopes() {
        let names = |scopes: &[&str]| {
            let held = of_scopes(Scopes::parse(scopes).unwrap()).iter();
            held.map(Capability::name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["publish"]), Vec::<&str>::new());
        assert_eq!(names(&["read"]), ["view", "payloads"]);
        assert_eq!(names(&["read", "manage"]).len(), Capability::ALL.len());
        assert!(!names(&["consumer"]).contains(&"chain.write"));
    }
}
