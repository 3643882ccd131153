//! Keys of pseudonyms, one per tenant, derived from a secret of the deployment.
//!
//! A key is derived only when a plugin asks for a pseudonym.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use hookgate_domain::TenantId;

/// Secret that all tenants' keys derive from. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pseudonyms(Arc<[u8; 32]>);

impl Pseudonyms {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self(Arc::new(secret))
    }

    /// Derives a tenant's key: equal values of two tenants have different pseudonyms.
    pub(super) fn key(&self, tenant: &TenantId) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(b"pseudonyms of ");
        mac.update(tenant.as_str().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Omits the secret.
impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_a_tenant_and_a_secret() {
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let one = Pseudonyms::new([1; 32]);
        assert_eq!(one.key(&tenant("a")), one.key(&tenant("a")));
        assert_ne!(one.key(&tenant("a")), one.key(&tenant("b")));
        assert_ne!(one.key(&tenant("a")), Pseudonyms::new([2; 32]).key(&tenant("a")));
    }
}
