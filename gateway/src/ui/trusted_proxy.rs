//! Proxy in front of the gateway that has authenticated the operator. Pure.

use std::fmt;

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use hookgate_domain::Secret;

/// Proxy whose header signs the operator in: it proves itself with a secret.
#[derive(Clone)]
pub struct TrustedProxy {
    header: HeaderName,
    /// SHA-256 of the secret.
    secret: [u8; 32],
}

impl TrustedProxy {
    /// Creates the proxy that names its user in a header. `None`: the text is no header's name.
    pub fn new(header: &str, secret: &Secret) -> Option<Self> {
        Some(Self {
            header: header.parse().ok()?,
            secret: Sha256::digest(secret.reveal()).into(),
        })
    }

    /// Returns `true` if the proxy sent a request, and names a user in it. The comparison takes constant time.
    pub fn vouches(&self, headers: &HeaderMap) -> bool {
        let mut secrets = headers.get_all(PROXY_SECRET).iter();
        let (Some(secret), None) = (secrets.next(), secrets.next()) else {
            return false;
        };
        let secret: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let named = headers.get(&self.header).is_some_and(|user| !user.is_empty());
        named && bool::from(secret.ct_eq(&self.secret))
    }
}

impl fmt::Debug for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedProxy").finish_non_exhaustive()
    }
}

/// Header in which the proxy sends its secret.
const PROXY_SECRET: &str = "x-hookgate-proxy-secret";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proxy_with_a_user_vouches() {
        let secret = Secret::new("a secret of a proxy");
        let proxy = TrustedProxy::new("X-Forwarded-User", &secret).expect("a header's name");
        let (user, own) = (("x-forwarded-user", "ann"), (PROXY_SECRET, "a secret of a proxy"));
        for (sent, vouched) in [
            (vec![user, own], true),
            (vec![user], false),
            (vec![own], false),
            (vec![("x-forwarded-user", ""), own], false),
            (vec![("x-user", "ann"), own], false),
            (vec![user, (PROXY_SECRET, "a secret")], false),
            (vec![user, own, (PROXY_SECRET, "another")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &sent {
                headers.append(*name, value.parse().expect("a value"));
            }
            assert_eq!(proxy.vouches(&headers), vouched, "{sent:?}");
        }
        assert!(TrustedProxy::new("x user", &secret).is_none());
    }
}
