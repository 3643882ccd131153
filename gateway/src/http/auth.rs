//! Authentication: the API key or the session of a request, and its tenant or the operator.

use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, HeaderMap, Request, header};
use subtle::ConstantTimeEq;

use super::{Code, Problem};
use crate::ui::{Session, TOKEN_PREFIX};
use hookgate_domain::subscription::Owner;
use hookgate_domain::{Scope, Scopes, Secret, Subscription, SubscriptionId, TenantId};
use hookgate_registry::{Actor, ApiKey, Registry, Tenant, key_digest};

/// Header that names the tenant that the operator acts for.
pub const TENANT_HEADER: &str = "hookgate-tenant";

/// Key in `Authorization: Bearer KEY` (RFC 6750).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Key in `Authorization: Bearer KEY` or `X-API-Key: KEY`.
///
/// # Errors
/// `key_missing`.
fn key_of(headers: &HeaderMap) -> Result<&str, Problem> {
    bearer(headers)
        .or_else(|| text(headers, X_API_KEY).map(str::trim))
        .filter(|key| !key.is_empty())
        .ok_or_else(|| {
            Problem::new(
                Code::KeyMissing,
                "The request has neither `Authorization: Bearer KEY` nor `X-API-Key`.",
            )
        })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Head of a request, as far as it authenticates the caller.
#[derive(Clone, Copy)]
pub struct Head<'r> {
    headers: &'r HeaderMap,
    session: Option<&'r Arc<Session>>,
}

impl<'r> Head<'r> {
    /// Creates a head from its headers, and the session that their token was found to open.
    pub fn new(headers: &'r HeaderMap, session: Option<&'r Arc<Session>>) -> Self {
        Self { headers, session }
    }
}

impl<'r> From<(&'r HeaderMap, &'r Extensions)> for Head<'r> {
    fn from((headers, extensions): (&'r HeaderMap, &'r Extensions)) -> Self {
        Self::new(headers, extensions.get())
    }
}

impl<'r> From<&'r Parts> for Head<'r> {
    fn from(parts: &'r Parts) -> Self {
        (&parts.headers, &parts.extensions).into()
    }
}

impl<'r, B> From<&'r Request<B>> for Head<'r> {
    fn from(request: &'r Request<B>) -> Self {
        (request.headers(), request.extensions()).into()
    }
}

/// Authenticates keys and sessions. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    registry: Registry,
    operator: [u8; 32],
}

/// Authenticated caller.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Holder of one of a tenant's keys.
    Tenant(Arc<Tenant>, Arc<ApiKey>),
    /// User of a portal session.
    Session(Arc<Tenant>, Arc<Session>),
    /// Holder of the operator's key, or user of a dashboard session.
    Operator,
}

/// Rights of a caller that acts for a tenant.
enum Rights {
    /// Everything: the operator.
    All,
    /// Those of a key.
    Key(Arc<ApiKey>),
    /// Those of a portal session.
    Session(Arc<Session>),
}

/// Subscriptions of a tenant, with their deliveries, that a caller reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All subscriptions of the tenant.
    Tenant,
    /// Subscriptions of the tenant's consumers.
    Consumer,
    /// One subscription.
    One(SubscriptionId),
}

impl Reach {
    /// Returns `true` if a subscription is within reach.
    pub fn covers(self, subscription: &Subscription) -> bool {
        match self {
            Self::Tenant => true,
            Self::Consumer => subscription.owner == Owner::Consumer,
            Self::One(id) => subscription.id == id,
        }
    }

    /// Checks the reach of resources that belong to no single subscription.
    /// Those are the feed, a new subscription, and the account's secret.
    ///
    /// # Errors
    /// `scope_missing`.
    pub fn check_whole(self) -> Result<(), Problem> {
        match self {
            Self::Tenant | Self::Consumer => Ok(()),
            Self::One(_) => Err(Problem::new(
                Code::ScopeMissing,
                "The key is limited to one subscription, and this is about more.",
            )
            .fix("Use a key that is not limited to a subscription.")),
        }
    }
}

impl Auth {
    /// Creates the authentication of the registry's keys and the operator's key.
    pub fn new(registry: Registry, operator_key: &Secret) -> Self {
        Self {
            registry,
            operator: key_digest(operator_key.reveal()),
        }
    }

    /// Mark of the operator's key in dashboard sessions: so short that it confirms no guess of the
    /// key.
    pub fn operator_mark(&self) -> String {
        hex::encode(&self.operator[..4])
    }

    /// Authenticates the caller by the request's head.
    ///
    /// # Errors
    /// `key_missing`, `key_unknown`, `key_expired`, `session_ended`.
    pub fn caller<'r>(&self, head: impl Into<Head<'r>>) -> Result<Caller, Problem> {
        let head = head.into();
        match head.session {
            Some(session) => self.user(session),
            None => self.whose(key_of(head.headers)?),
        }
    }

    /// Caller of a session.
    fn user(&self, session: &Arc<Session>) -> Result<Caller, Problem> {
        let Some(portal) = &session.grant.portal else {
            let mark = session.grant.operator.as_deref();
            return if mark == Some(&self.operator_mark()) {
                Ok(Caller::Operator)
            } else {
                Err(session_ended())
            };
        };
        // A tenant that was deleted and created again is another one.
        let tenant = self.registry.tenant(&portal.tenant);
        let tenant = tenant.filter(|tenant| tenant.created == portal.tenant_created);
        let tenant = tenant.ok_or_else(session_ended)?;
        Ok(Caller::Session(tenant, Arc::clone(session)))
    }

    /// Authenticates a key, regardless of its place in the request.
    ///
    /// # Errors
    /// `key_unknown`, `key_expired`; `session_ended` for the token of a session that was not found.
    pub fn whose(&self, key: &str) -> Result<Caller, Problem> {
        if let Some((tenant, key)) = self.registry.by_key(key) {
            if self.registry.has_expired(&key) {
                let detail = "The API key of this request has expired.";
                return Err(Problem::new(Code::KeyExpired, detail));
            }
            self.registry.touch(&key);
            return Ok(Caller::Tenant(tenant, key));
        }
        // Digests of equal length, compared in constant time: the duration reveals nothing about
        // the operator's key.
        if bool::from(key_digest(key).ct_eq(&self.operator)) {
            return Ok(Caller::Operator);
        }
        if key.starts_with(TOKEN_PREFIX) {
            return Err(session_ended());
        }
        Err(Problem::new(
            Code::KeyUnknown,
            "The API key of this request is not known here.",
        ))
    }

    /// Caller in the form of the change history.
    ///
    /// # Errors
    /// As `caller`.
    pub fn actor<'r>(&self, head: impl Into<Head<'r>>) -> Result<Actor, Problem> {
        Ok(match self.caller(head)? {
            Caller::Tenant(_, key) => Actor::Key(key.id),
            Caller::Session(..) => Actor::Portal,
            Caller::Operator => Actor::Operator,
        })
    }

    /// Tenant that the caller acts for, with a key of this scope.
    /// It is the key's own tenant, or the one that the operator names in `Hookgate-Tenant`. A portal
    /// session suffices unless it is as narrow as a consumer's key: its capabilities were checked.
    ///
    /// # Errors
    /// As `caller`; `tenant_required`, `tenant_unknown`, `scope_missing`, and `operator_required`
    /// if a tenant's key names another tenant; `forbidden`.
    pub fn tenant<'r>(&self, head: impl Into<Head<'r>>, scope: Scope) -> Result<Arc<Tenant>, Problem> {
        let head = head.into();
        let (tenant, rights) = self.acting(self.caller(head)?, head.headers)?;
        match rights {
            Rights::Key(key) if key.subscription.is_some() || !key.scopes.has(scope) => {
                Err(scope_missing(key.scopes, scope.name()))
            }
            Rights::Session(session) if reach(&session) != Reach::Tenant => Err(Problem::new(
                Code::Forbidden,
                "The session is limited to consumers' subscriptions, and this is about more.",
            )),
            _ => Ok(tenant),
        }
    }

    /// Tenant that the caller acts for, and its key, whatever its scopes; without a key: the operator.
    ///
    /// # Errors
    /// As `tenant`, except `scope_missing`; `forbidden` for a portal session.
    pub fn holder<'r>(
        &self,
        head: impl Into<Head<'r>>,
    ) -> Result<(Arc<Tenant>, Option<Arc<ApiKey>>), Problem> {
        let head = head.into();
        let (tenant, rights) = self.acting(self.caller(head)?, head.headers)?;
        match rights {
            Rights::All => Ok((tenant, None)),
            Rights::Key(key) => Ok((tenant, Some(key))),
            Rights::Session(_) => Err(Problem::new(
                Code::Forbidden,
                "A portal session has no document of its own.",
            )
            .fix("Use a key of the tenant.")),
        }
    }

    /// Tenant and reach of the caller; a consumer's key suffices.
    ///
    /// # Errors
    /// As `tenant`.
    pub fn consumer<'r>(
        &self,
        head: impl Into<Head<'r>>,
        scope: Scope,
    ) -> Result<(Arc<Tenant>, Reach), Problem> {
        let head = head.into();
        self.consumer_of(self.caller(head)?, head.headers, scope)
    }

    /// Tenant and reach of a key that was not sent in the usual headers.
    ///
    /// # Errors
    /// As `tenant`, except `key_missing`.
    pub fn consumer_of_key(
        &self,
        key: &str,
        headers: &HeaderMap,
        scope: Scope,
    ) -> Result<(Arc<Tenant>, Reach), Problem> {
        self.consumer_of(self.whose(key)?, headers, scope)
    }

    fn consumer_of(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        scope: Scope,
    ) -> Result<(Arc<Tenant>, Reach), Problem> {
        let (tenant, rights) = self.acting(caller, headers)?;
        let key = match rights {
            Rights::All => return Ok((tenant, Reach::Tenant)),
            Rights::Session(session) => return Ok((tenant, reach(&session))),
            Rights::Key(key) => key,
        };
        let reach = match key.subscription {
            Some(id) => Reach::One(id),
            None if key.scopes.has(scope) => Reach::Tenant,
            None => Reach::Consumer,
        };
        if reach == Reach::Tenant || key.scopes.has(Scope::Consumer) {
            Ok((tenant, reach))
        } else {
            let needed = format!("{}` or `{}", scope.name(), Scope::Consumer.name());
            Err(scope_missing(key.scopes, &needed))
        }
    }

    /// Returns `true` if a key of this digest would be the operator's.
    pub fn is_operators(&self, digest: &[u8; 32]) -> bool {
        bool::from(digest.ct_eq(&self.operator))
    }

    /// Tenant that the caller acts for, and its rights there.
    fn acting(&self, caller: Caller, headers: &HeaderMap) -> Result<(Arc<Tenant>, Rights), Problem> {
        let named = headers
            .get(TENANT_HEADER)
            .map(|value| value.to_str().unwrap_or_default());
        let is_own = |tenant: &Tenant| named.is_none_or(|name| tenant.id.as_str() == name);
        match (caller, named) {
            (Caller::Tenant(tenant, key), _) if is_own(&tenant) => Ok((tenant, Rights::Key(key))),
            (Caller::Session(tenant, session), _) if is_own(&tenant) => {
                Ok((tenant, Rights::Session(session)))
            }
            (Caller::Tenant(..) | Caller::Session(..), _) => Err(Problem::new(
                Code::OperatorRequired,
                "The caller belongs to one tenant, and the header `Hookgate-Tenant` names another.",
            )),
            (Caller::Operator, None) => Err(Problem::new(
                Code::TenantRequired,
                "The operator acts for a tenant, and the request names none.",
            )),
            (Caller::Operator, Some(name)) => name
                .parse()
                .ok()
                .and_then(|id: TenantId| self.registry.tenant(&id))
                .map(|tenant| (tenant, Rights::All))
                .ok_or_else(|| {
                    Problem::new(
                        Code::TenantUnknown,
                        "The tenant in `Hookgate-Tenant` does not exist.",
                    )
                }),
        }
    }

    /// Checks that the caller is the operator.
    ///
    /// # Errors
    /// As `caller`; `operator_required`.
    pub fn operator<'r>(&self, head: impl Into<Head<'r>>) -> Result<(), Problem> {
        match self.caller(head)? {
            Caller::Operator => Ok(()),
            Caller::Tenant(..) | Caller::Session(..) => Err(Problem::new(
                Code::OperatorRequired,
                "A tenant's key was sent to a route of the operator's.",
            )),
        }
    }
}

/// Reach of a portal session.
fn reach(session: &Session) -> Reach {
    match &session.grant.portal {
        Some(portal) => match portal.subscription {
            Some(id) => Reach::One(id),
            None if portal.consumer => Reach::Consumer,
            None => Reach::Tenant,
        },
        None => Reach::Tenant,
    }
}

fn session_ended() -> Problem {
    Problem::new(
        Code::SessionEnded,
        "The session of this token has ended, or there never was one.",
    )
}

fn scope_missing(scopes: Scopes, needed: &str) -> Problem {
    let detail = format!("The key has the scopes {scopes}, and this needs `{needed}`.");
    Problem::new(Code::ScopeMissing, detail).fix(format!("Use a key with the scope `{needed}`."))
}

const X_API_KEY: header::HeaderName = header::HeaderName::from_static("x-api-key");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_key_may_stand() {
        for (name, value, expected) in [
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer  abc ", Some("abc")),
            ("authorization", "Basic abc", None),
            ("authorization", "Bearer ", None),
            ("authorization", "abc", None),
            ("x-api-key", "abc", Some("abc")),
            ("x-api-key", "", None),
            ("x-key", "abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            assert_eq!(key_of(&headers).ok(), expected, "{name}: {value}");
        }
    }
}
