//! Custom headers of subscriptions: names that a tenant may set.
//!
//! `Authorization` and cookies are permitted: endpoints behind a gateway need them; the values are
//! stored as secrets and sent to that endpoint only. A tenant may not set headers that frame the
//! message or that make a statement about the network.

use hyper::header::{HeaderName, HeaderValue};

use hookgate_domain::Secret;

/// Refusal of a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// The name is not a header name (RFC 9110 §5.6.2).
    #[error("a header's name is letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// The value is not a header value. The error does not repeat it.
    #[error(
        "the value of header `{0}` holds characters that cannot be sent (visible ASCII, spaces and tabs can), or is over {LONGEST_VALUE} bytes"
    )]
    Value(HeaderName),
    /// Hookgate sets the header itself, or it is forbidden.
    #[error("the header `{0}` cannot be set: it belongs to the connection, to signatures or to proxies")]
    Reserved(HeaderName),
}

/// Header that is sent with every attempt. Its value is marked as sensitive.
///
/// # Errors
/// The name is reserved, or name or value is invalid.
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

/// Returns `true` for a reserved name; `name` is in lower case, as in `HeaderName`.
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
    // Hookgate describes the body.
    "content-encoding",
    "content-type",
    // Loop counters of forwarded requests (RFC 8586, RFC 9110 §7.6.3).
    "cdn-loop",
    "via",
    // Statements of proxies that servers trust: the client, the host and the path.
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
    // Method overrides of frameworks.
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
