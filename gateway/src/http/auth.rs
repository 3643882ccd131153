//! Who is calling: the key in a request's headers, and whose it is.

use std::sync::Arc;

use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use super::{Code, Problem};
use crate::domain::{KeyId, Scope, Scopes, Secret, TenantId};
use crate::registry::{Actor, Registry, Tenant, key_digest};

/// Names the tenant that the operator acts for.
pub const TENANT_HEADER: &str = "hookgate-tenant";

/// The key in `Authorization: Bearer KEY` (RFC 6750).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The key in `Authorization: Bearer KEY` or `X-API-Key: KEY`.
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

/// Knows whose a key is. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    registry: Registry,
    operator: [u8; 32],
}

/// Who is calling.
#[derive(Debug, Clone)]
pub enum Caller {
    /// One of a tenant's keys, and what it may be used for.
    Tenant(Arc<Tenant>, KeyId, Scopes),
    /// The operator's key.
    Operator,
}

impl Auth {
    /// Keys of the registry's tenants, and the operator's.
    pub fn new(registry: Registry, operator_key: &Secret) -> Self {
        Self {
            registry,
            operator: key_digest(operator_key.reveal()),
        }
    }

    /// Who is calling.
    ///
    /// # Errors
    /// `key_missing`, `key_unknown`.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        self.whose(key_of(headers)?)
    }

    /// Whose key it is, wherever it stood.
    ///
    /// # Errors
    /// `key_unknown`.
    pub fn whose(&self, key: &str) -> Result<Caller, Problem> {
        if let Some((tenant, id, scopes)) = self.registry.by_key(key) {
            return Ok(Caller::Tenant(tenant, id, scopes));
        }
        // Digests of equal length, compared in constant time: the time tells nothing about the operator's key.
        if bool::from(key_digest(key).ct_eq(&self.operator)) {
            return Ok(Caller::Operator);
        }
        Err(Problem::new(
            Code::KeyUnknown,
            "The API key of this request is not known here.",
        ))
    }

    /// Who is calling, as the history of changes names it.
    ///
    /// # Errors
    /// As `caller`.
    pub fn actor(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        Ok(match self.caller(headers)? {
            Caller::Tenant(_, key, _) => Actor::Key(key),
            Caller::Operator => Actor::Operator,
        })
    }

    /// For which tenant the caller acts, with a key of this scope: its own, or the one that the operator names in
    /// `Hookgate-Tenant`.
    ///
    /// # Errors
    /// As `caller`; `tenant_required`, `tenant_unknown`, `scope_missing`, and `operator_required` where a tenant's key names
    /// another tenant.
    pub fn tenant(&self, headers: &HeaderMap, scope: Scope) -> Result<Arc<Tenant>, Problem> {
        self.tenant_of_key(key_of(headers)?, headers, scope)
    }

    /// The same for a key that stood elsewhere.
    ///
    /// # Errors
    /// As `tenant`, but for `key_missing`.
    pub fn tenant_of_key(
        &self,
        key: &str,
        headers: &HeaderMap,
        scope: Scope,
    ) -> Result<Arc<Tenant>, Problem> {
        let caller = self.whose(key)?;
        let named = headers
            .get(TENANT_HEADER)
            .map(|value| value.to_str().unwrap_or_default());
        match (caller, named) {
            (Caller::Tenant(tenant, _, scopes), named)
                if named.is_none_or(|name| tenant.id.as_str() == name) =>
            {
                if scopes.has(scope) {
                    Ok(tenant)
                } else {
                    Err(scope_missing(scopes, scope))
                }
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
                .ok_or_else(|| {
                    Problem::new(
                        Code::TenantUnknown,
                        "The tenant in `Hookgate-Tenant` does not exist.",
                    )
                }),
        }
    }

    /// That the operator is calling.
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

fn scope_missing(scopes: Scopes, needed: Scope) -> Problem {
    let needed = needed.name();
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
