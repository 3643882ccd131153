//! Links into the dashboard and the portal.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::super::Api;
use super::super::input::{Acting, Id, Operator, OptionalBody};
use super::super::key_fields::invalid;
use super::super::output::Created;
use super::super::tenants;
use super::super::views::text;
use crate::http::{Code, Head, Problem};
use crate::ui::{Capabilities, Capability, Grant, Issued, Portal, Theme};
use hookgate_domain::EventPattern;
use hookgate_domain::spelling::EVENT_PATTERN;
use hookgate_domain::units::Span;
use hookgate_registry::{ApiKey, Tenant};

use super::extract::Own;
use super::views::of_scopes;

/// Parameters of a link into the portal.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "NewPortalLink", example = json!({ "capabilities": ["view", "retry"], "session": "user-42" }))]
#[serde(deny_unknown_fields, default)]
pub(super) struct PortalLinkInput {
    /// Permitted actions; default: `view`.
    capabilities: Option<Vec<Capability>>,
    /// Time after which the session ends, however often it is renewed: up to `24h`, default `1h`.
    ttl: Option<Span>,
    /// Label, 1 to 64 characters, by which the session can be ended.
    #[schemars(length(min = 1, max = 64), regex(pattern = LABEL))]
    session: Option<String>,
    /// Patterns of the event types that the session sees, 1 to 64; default: all.
    #[schemars(length(min = 1, max = 64), inner(regex(pattern = EVENT_PATTERN), length(max = 258)))]
    types: Option<Vec<String>>,
    /// Limits the session to what a consumer's key reaches: consumers' subscriptions.
    consumer: bool,
    /// Limits the session to one subscription and its deliveries.
    subscription: Option<String>,
    /// Path within the portal to open first, such as `/deliveries?status=dead`.
    #[schemars(length(max = 512), regex(pattern = PATH))]
    next: Option<String>,
    /// Theme of the pages.
    theme: Theme,
}

/// Parameters of a link into the dashboard.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "NewDashboardLink")]
#[serde(deny_unknown_fields, default)]
pub(super) struct DashboardLinkInput {
    /// Time after which the session ends, however often it is renewed: up to `24h`, default `1h`.
    ttl: Option<Span>,
    /// Path within the dashboard to open first.
    #[schemars(length(max = 512), regex(pattern = PATH))]
    next: Option<String>,
    /// Theme of the pages.
    theme: Theme,
}

/// Link that was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInLink")]
pub(super) struct LinkView {
    /// URL, with the code in its fragment. It works once.
    url: String,
    /// Time at which the code expires.
    code_expires: String,
    /// Time at which the session ends, however often it is renewed.
    expires: String,
    /// Label of the session.
    session: Option<String>,
}

pub(super) async fn own_link(
    State(api): State<Api>,
    Acting(tenant): Acting,
    headers: HeaderMap,
    OptionalBody(input): OptionalBody<PortalLinkInput>,
) -> Result<Created<LinkView>, Problem> {
    let (_, key) = api.auth.holder(Head::new(&headers, None))?;
    portal_link(&api, (&tenant, key.as_deref()), &headers, input).await
}

pub(super) async fn link(
    State(api): State<Api>,
    _: Operator,
    id: Id,
    headers: HeaderMap,
    OptionalBody(input): OptionalBody<PortalLinkInput>,
) -> Result<Created<LinkView>, Problem> {
    let tenant = tenants::find(&api, &id)?;
    portal_link(&api, (&tenant, None), &headers, input).await
}

/// Makes a link with no more rights and no longer life than the key has that asks for it.
async fn portal_link(
    api: &Api,
    (tenant, key): (&Tenant, Option<&ApiKey>),
    headers: &HeaderMap,
    input: PortalLinkInput,
) -> Result<Created<LinkView>, Problem> {
    let capabilities = input.capabilities.unwrap_or_else(|| vec![Capability::View]);
    let capabilities: Capabilities = capabilities.into_iter().collect();
    if capabilities == Capabilities::NONE {
        return Err(invalid("/capabilities", "at least one capability is needed"));
    }
    let of_key = key.map_or(Capabilities::ALL, |key| of_scopes(key.scopes));
    if let Some(missing) = capabilities.iter().find(|one| !of_key.has(*one)) {
        let told = format!(
            "the key's scopes do not amount to `{}`: a key with `read` and `manage` can give it",
            missing.name()
        );
        return Err(invalid("/capabilities", told));
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
    let mut grant = grant(api, Some(portal), input.ttl, input.next, input.theme)?;
    if let Some(end) = key.and_then(|key| key.expires) {
        grant.until = grant.until.min(end);
    }
    let issued = api.sessions.issue(&grant).await?;
    tracing::info!(tenant = %tenant.id, session = label.is_some(), "portal_link.created");
    let base = api.pages.portal_base.as_ref();
    made((api, base), headers, "portal", (&grant, &issued), label)
}

pub(super) async fn dashboard_link(
    State(api): State<Api>,
    _: Operator,
    session: Option<Own>,
    headers: HeaderMap,
    OptionalBody(input): OptionalBody<DashboardLinkInput>,
) -> Result<Created<LinkView>, Problem> {
    // It would prolong itself for ever.
    if session.is_some() {
        let detail = "A session makes no links into the dashboard.";
        return Err(Problem::new(Code::Forbidden, detail).fix("Use the operator's key."));
    }
    let grant = grant(&api, None, input.ttl, input.next, input.theme)?;
    let issued = api.sessions.issue(&grant).await?;
    tracing::info!("dashboard_link.created");
    let base = api.pages.dashboard_base.as_ref();
    made((&api, base), &headers, "dashboard", (&grant, &issued), None)
}

pub(super) fn grant(
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
    let operator = portal.is_none().then(|| api.auth.operator_mark());
    Ok(Grant {
        portal,
        operator,
        next,
        theme,
        created: api.sessions.created(),
        until: api.clock.now().plus(ttl),
    })
}

/// Checks that a text is a path within the pages: no address of another site, and nothing that leads
/// out of the pages (`..`, with escaped dots too).
fn is_path(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let escaped = |rest: &str| {
        let hex = rest.as_bytes().get(..2);
        hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit) && !hex.eq_ignore_ascii_case(b"2e"))
    };
    text.len() <= LONGEST_NEXT
        && path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains("..")
        && path.split('%').skip(1).all(escaped)
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn label(text: String) -> Result<String, Problem> {
    if is_label(&text) {
        Ok(text)
    } else {
        Err(invalid("/session", NO_LABEL))
    }
}

/// Checks that a text is a label of sessions.
pub(super) fn is_label(text: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Refusal of a label.
pub(super) const NO_LABEL: &str = "1 to 64 characters are needed, without control characters";

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

const DEFAULT_TTL: Duration = Duration::from_secs(3600);
const MAX_TTL: Duration = Duration::from_secs(24 * 3600);
/// Pattern of `next`: [`is_path`] decides.
const PATH: &str = concat!(
    r#"^/(?:(?:\.?(?:[!"$&-\-0->@-\[\]-~]|%(?:[013-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-dFf]))|\./)"#,
    r#"(?:\.?(?:[!"$&-\-/->@-\[\]-~]|%(?:[013-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-dFf])))*)?"#,
    r"\.?(?:[?#][!-\[\]-~]*)?$",
);
/// Pattern of a label: [`is_label`] decides.
const LABEL: &str = r"^[^\u0000-\u001F\u007F-\u009F]+$";
/// Maximum length of `next`, in bytes.
const LONGEST_NEXT: usize = 512;
/// Maximum length of a label, in characters.
const LONGEST_LABEL: usize = 64;
/// Maximum number of patterns: each is compared with each entry that is examined.
const MOST_TYPES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_is_a_path_of_the_pages() {
        let pattern = regex::Regex::new(PATH).unwrap();
        for (text, good) in [
            ("/", true),
            ("/deliveries?status=dead&x=%20", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("deliveries", false),
            ("/a b", false),
            ("/.", true),
            ("/./a", true),
            ("/endpoints/a.b?x=../..", true),
            ("/catalogue/a%2Fb#top", true),
            ("?x", false),
            ("/../dashboard", false),
            ("/deliveries/..", false),
            ("/deliveries/.%2E/.%2e/dashboard", false),
            ("/%2e%2E/dashboard", false),
            ("/a%2", false),
            ("/a%zz", false),
            ("/a//b", true),
            ("", false),
        ] {
            assert_eq!(is_path(text), good, "{text}");
            assert_eq!(pattern.is_match(text), good, "the document: {text}");
        }
        assert!(!is_path(&format!("/{}", "a".repeat(LONGEST_NEXT))));
    }
}
