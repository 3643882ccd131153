//! Authentication: the API key in a request's headers, and its tenant or the operator.

use std::sync::Arc;

use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use super::{Code, Problem};
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

/// Authenticates keys. Cheap to clone.
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
    /// Holder of the operator's key.
    Operator,
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

    /// Authenticates the caller by the request's headers.
    ///
    /// # Errors
    /// `key_missing`, `key_unknown`, `key_expired`.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        self.whose(key_of(headers)?)
    }

    /// Authenticates a key, regardless of its place in the request.
    ///
    /// # Errors
    /// `key_unknown`, `key_expired`.
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
        Err(Problem::new(
            Code::KeyUnknown,
            "The API key of this request is not known here.",
        ))
    }

    /// Caller in the form of the change history.
    ///
    /// # Errors
    /// As `caller`.
    pub fn actor(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        Ok(match self.caller(headers)? {
            Caller::Tenant(_, key) => Actor::Key(key.id),
            Caller::Operator => Actor::Operator,
        })
    }

    /// Tenant that the caller acts for, with a key of this scope.
    /// It is the key's own tenant, or the one that the operator names in `Hookgate-Tenant`.
    ///
    /// # Errors
    /// As `caller`; `tenant_required`, `tenant_unknown`, `scope_missing`, and `operator_required`
    /// if a tenant's key names another tenant.
    pub fn tenant(&self, headers: &HeaderMap, scope: Scope) -> Result<Arc<Tenant>, Problem> {
        let (tenant, key) = self.acting(key_of(headers)?, headers)?;
        match key {
            Some(key) if key.subscription.is_some() || !key.scopes.has(scope) => {
                Err(scope_missing(key.scopes, scope.name()))
            }
            _ => Ok(tenant),
        }
    }

    /// Tenant that the caller acts for, and its key, whatever its scopes; without a key: the operator.
    ///
    /// # Errors
    /// As `tenant`, except `scope_missing`.
    pub fn holder(&self, headers: &HeaderMap) -> Result<(Arc<Tenant>, Option<Arc<ApiKey>>), Problem> {
        self.acting(key_of(headers)?, headers)
    }

    /// Tenant and reach of the caller; a consumer's key suffices.
    ///
    /// # Errors
    /// As `tenant`.
    pub fn consumer(&self, headers: &HeaderMap, scope: Scope) -> Result<(Arc<Tenant>, Reach), Problem> {
        self.consumer_of_key(key_of(headers)?, headers, scope)
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
        let (tenant, key) = self.acting(key, headers)?;
        let Some(key) = key else {
            return Ok((tenant, Reach::Tenant));
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

    /// Tenant that the caller acts for, and its key; without a key: the operator.
    fn acting(&self, key: &str, headers: &HeaderMap) -> Result<(Arc<Tenant>, Option<Arc<ApiKey>>), Problem> {
        let caller = self.whose(key)?;
        let named = headers
            .get(TENANT_HEADER)
            .map(|value| value.to_str().unwrap_or_default());
        match (caller, named) {
            (Caller::Tenant(tenant, key), named) if named.is_none_or(|name| tenant.id.as_str() == name) => {
                Ok((tenant, Some(key)))
            }
            (Caller::Tenant(..), _) => Err(Problem::new(
                Code::OperatorRequired,
                "The key belongs to one tenant, and the header `Hookgate-Tenant` names another.",
            )),
            (Caller::Operator, None) => Err(Problem::new(
                Code::TenantRequired,
                "The operator acts for a tenant, and the request names none.",
            )),
            (Caller::Operator, Some(name)) => name
                .parse()
                .ok()
                .and_then(|id: TenantId| self.registry.tenant(&id))
                .map(|tenant| (tenant, None))
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
    pub fn operator(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self.caller(headers)? {
            Caller::Operator => Ok(()),
            Caller::Tenant(..) => Err(Problem::new(
                Code::OperatorRequired,
                "A tenant's key was sent to a route of the operator's.",
            )),
        }
    }
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
