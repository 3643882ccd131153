//! Custom headers of subscriptions: which names a tenant may set.
//!
//! `Authorization` and cookies are allowed: endpoints behind a gateway of their own need them, the values are kept as secrets
//! and go to that endpoint only. What frames the message or speaks for the network is not a tenant's to say.

use hyper::header::{HeaderName, HeaderValue};

use hookgate_domain::Secret;

/// Why a header cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Not a header's name (RFC 9110 §5.6.2).
    #[error("a header's name is letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// Not a header's value. The error does not repeat it.
    #[error(
        "the value of header `{0}` holds characters that cannot be sent (visible ASCII, spaces and tabs can), or is over {LONGEST_VALUE} bytes"
    )]
    Value(HeaderName),
    /// Hookgate sets it, or nobody may.
    #[error("the header `{0}` cannot be set: it belongs to the connection, to signatures or to proxies")]
    Reserved(HeaderName),
}

/// A header that may be sent with every attempt. Its value is marked as sensitive.
///
/// # Errors
/// Names that are reserved, and what is no header at all.
pub fn custom_header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), BadHeader> {
    let name: HeaderName = name.parse().map_err(|_| BadHeader::Name)?;
    if is_reserved(name.as_str()) {
        return Err(BadHeader::Reserved(name));
    }
    let text = value.reveal();
    let printable = text.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
    if !printable || text.len() > LONGEST_VALUE {
        return Err(BadHeader::Value(name));
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| BadHeader::Value(name.clone()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// `name` in lower case, as `HeaderName` has it.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_BEGINNINGS.iter().any(|begin| name.starts_with(begin))
}

const RESERVED: &[&str] = &[
    // Framing and the connection (RFC 9110 §7.6.1, RFC 9112 §6).
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Hookgate says what the body is.
    "content-encoding",
    "content-type",
    // What tells how often a request was forwarded (RFC 8586, RFC 9110 §7.6.3).
    "cdn-loop",
    "via",
    // What proxies say and servers believe: who asks, for which host and path.
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-host",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-originating-ip",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-rewrite-url",
    // What frameworks take for the method.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];
const RESERVED_BEGINNINGS: &[&str] = &["hookgate-", "proxy-", "webhook-", "x-forwarded"];
const LONGEST_VALUE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let of = |name: &str, value: &str| custom_header(name, &Secret::new(value));
        for name in [
            "Authorization",
            "X-Api-Key",
            "cookie",
            "user-agent",
            "x-webhook-source",
        ] {
            let (_, value) = of(name, "Bearer abc").expect(name);
            assert!(value.is_sensitive());
        }
        for name in [
            "Host",
            "Content-Length",
            "transfer-encoding",
            "Connection",
            "Proxy-Authorization",
            "webhook-signature",
            "X-Forwarded-For",
            "X-Forwarded",
            "X-ForwardedFor",
            "X-Original-URL",
            "X-Rewrite-URL",
            "True-Client-IP",
            "CF-Connecting-IP",
            "X-Client-IP",
            "X-Real-IP",
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "Via",
            "CDN-Loop",
            "webhook-test",
            "hookgate-hops",
        ] {
            assert!(matches!(of(name, "x"), Err(BadHeader::Reserved(_))), "{name}");
        }
        for name in ["", "a b", "a:b", "é"] {
            assert_eq!(of(name, "x"), Err(BadHeader::Name), "{name}");
        }
        for value in ["a\r\nhost: b", "a\nb", "\0", "é", &"a".repeat(LONGEST_VALUE + 1)] {
            assert!(matches!(of("x-a", value), Err(BadHeader::Value(_))), "{value:?}");
        }
    }
}
