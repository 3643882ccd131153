//! Records of sessions, as callers see them.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::views::text;
use crate::ui::{Capabilities, Capability, Session, Theme};
use hookgate_domain::{Scope, Scopes};
use hookgate_registry::{ApiKey, Tenant};

/// Kind of a session.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "SessionKind")]
#[serde(rename_all = "snake_case")]
pub(super) enum KindView {
    /// Of the operator.
    Dashboard,
    /// Of a tenant.
    Portal,
}

/// Rights of a caller.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(super) struct SessionView {
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
pub(super) struct StartedView {
    /// Token, to be sent as `Authorization: Bearer TOKEN`. It is not shown again.
    pub token: String,
    #[serde(flatten)]
    pub session: SessionView,
}

impl SessionView {
    pub fn new(kind: KindView, capabilities: Capabilities) -> Self {
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

    pub fn of_session(api: &Api, session: &Session, tenant: Option<&Tenant>) -> Self {
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

    pub fn of_key(tenant: &Tenant, key: &ApiKey) -> Self {
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
pub(super) fn of_scopes(scopes: Scopes) -> Capabilities {
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

#[cfg(test)]
mod tests {
    use super::*;

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
