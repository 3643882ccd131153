//! A URL taken apart: where to connect, what to ask for. Refuses what no request is ever made to.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use url::{Host, Url};

/// Which URLs are endpoints.
#[derive(Debug, Clone, Default)]
pub struct UrlPolicy {
    /// Whether plain http is refused.
    pub https_only: bool,
    /// The ports that are allowed; empty: all.
    pub ports: Vec<u16>,
}

/// Where requests go, ready to be sent to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What a connection is made to.
    pub(super) origin: Origin,
    /// The path and query, in origin form (RFC 9112 §3.2.1).
    pub(super) target: Uri,
    /// The Host header.
    pub(super) host: HeaderValue,
}

/// What a connection is made to, and so what connections are kept for. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) host: Arc<str>,
    /// The address, where the host is one.
    pub(super) literal: Option<IpAddr>,
    pub(super) port: u16,
}

/// Why a URL is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Neither http nor https.
    #[error("an endpoint's URL begins with https:// or http://")]
    Scheme,
    /// http where only https is allowed.
    #[error("this gateway delivers to https:// URLs only (egress.https_only)")]
    HttpsOnly,
    /// `user:password@`.
    #[error("an endpoint's URL holds no user name or password; use a custom header for authorization")]
    UserInfo,
    /// No host.
    #[error("an endpoint's URL names a host")]
    Host,
    /// A port out of the allowed ones.
    #[error("port {0} is not allowed for endpoints (egress.ports)")]
    Port(u16),
    /// Longer than can be sent.
    #[error("an endpoint's URL is at most {LONGEST} bytes")]
    TooLong,
}

impl UrlPolicy {
    /// Takes a URL apart. A fragment is not sent.
    ///
    /// # Errors
    /// Why it is no endpoint.
    pub fn endpoint(&self, url: &Url) -> Result<Endpoint, BadUrl> {
        let tls = match url.scheme() {
            "https" => true,
            "http" if self.https_only => return Err(BadUrl::HttpsOnly),
            "http" => false,
            _ => return Err(BadUrl::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::UserInfo);
        }
        if url.as_str().len() > LONGEST {
            return Err(BadUrl::TooLong);
        }
        let (host, literal) = match url.host().ok_or(BadUrl::Host)? {
            Host::Domain(name) => (name.into(), None),
            Host::Ipv4(v4) => (v4.to_string().into(), Some(v4.into())),
            Host::Ipv6(v6) => (v6.to_string().into(), Some(v6.into())),
        };
        let port = url.port_or_known_default().ok_or(BadUrl::Host)?;
        if !self.ports.is_empty() && !self.ports.contains(&port) {
            return Err(BadUrl::Port(port));
        }
        Ok(Endpoint {
            origin: Origin {
                tls,
                host,
                literal,
                port,
            },
            target: target(url)?,
            host: host_header(url)?,
        })
    }
}

fn target(url: &Url) -> Result<Uri, BadUrl> {
    let text = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    text.parse().map_err(|_| BadUrl::Host)
}

/// RFC 9110 §7.2: the authority without user info, the port only when it is not the scheme's own.
fn host_header(url: &Url) -> Result<HeaderValue, BadUrl> {
    let host = url.host_str().ok_or(BadUrl::Host)?;
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    text.parse().map_err(|_| BadUrl::Host)
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, policy: &UrlPolicy) -> Result<Endpoint, BadUrl> {
        policy.endpoint(&url.parse().expect("a URL"))
    }

    #[test]
    fn parts() {
        let any = UrlPolicy::default();
        for (url, origin, target, host) in [
            (
                "https://example.com",
                "https://example.com:443",
                "/",
                "example.com",
            ),
            (
                "http://example.com:8080/a?b=c#d",
                "http://example.com:8080",
                "/a?b=c",
                "example.com:8080",
            ),
            ("http://[::1]:80/x", "http://::1:80", "/x", "[::1]"),
            // Other spellings of an address are that address before anything looks at them.
            ("http://0x7f.1/", "http://127.0.0.1:80", "/", "127.0.0.1"),
            ("http://2130706433/", "http://127.0.0.1:80", "/", "127.0.0.1"),
        ] {
            let endpoint = endpoint(url, &any).expect(url);
            assert_eq!(format!("{:?}", endpoint.origin), origin);
            assert_eq!(endpoint.target.to_string(), target);
            assert_eq!(endpoint.host, host);
        }
        let literal = endpoint("http://0x7f.1/", &any).expect("valid").origin.literal;
        assert_eq!(literal, Some([127, 0, 0, 1].into()));
    }

    #[test]
    fn refusals() {
        let any = UrlPolicy::default();
        let strict = UrlPolicy {
            https_only: true,
            ports: vec![443],
        };
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        for (url, policy, expected) in [
            ("ftp://example.com", &any, BadUrl::Scheme),
            ("file:///etc/passwd", &any, BadUrl::Scheme),
            ("gopher://example.com", &any, BadUrl::Scheme),
            ("https://user@example.com", &any, BadUrl::UserInfo),
            ("https://:pass@example.com", &any, BadUrl::UserInfo),
            ("http://example.com", &strict, BadUrl::HttpsOnly),
            ("https://example.com:22", &strict, BadUrl::Port(22)),
            (&long, &any, BadUrl::TooLong),
        ] {
            assert_eq!(endpoint(url, policy).expect_err(url), expected);
        }
    }
}
