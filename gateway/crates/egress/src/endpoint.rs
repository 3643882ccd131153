//! Endpoint URLs: parsed into origin and target, and refused where no request may be sent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use serde::{Deserialize, Deserializer};
use url::{Host, ParseError, Url};

use super::RefusedAddress;

/// URL that a user gives for an endpoint: http or https, with a host.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(pub Url);

/// Policy of endpoint URLs.
#[derive(Debug, Clone, Default)]
pub struct UrlPolicy {
    /// Refuses plain http.
    pub https_only: bool,
    /// Permitted ports; empty: all.
    pub ports: Vec<u16>,
}

/// Parsed endpoint, ready for requests.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Origin to connect to.
    pub(super) origin: Origin,
    /// Path and query, in origin form (RFC 9112 §3.2.1).
    pub(super) target: Uri,
    /// Value of the Host header.
    pub(super) host: HeaderValue,
}

/// Target of a connection, and the key of the connection pool. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) host: Arc<str>,
    /// Address, if the host is a literal address.
    pub(super) literal: Option<IpAddr>,
    pub(super) port: u16,
}

/// Refusal of an endpoint URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// The scheme is neither http nor https.
    #[error("an endpoint's URL begins with https:// or http://")]
    Scheme,
    /// The scheme is http where only https is permitted.
    #[error("only https:// URLs are delivered to (egress.https_only)")]
    HttpsOnly,
    /// The URL has `user:password@`.
    #[error("an endpoint's URL holds no user name or password; use a custom header for authorization")]
    UserInfo,
    /// The URL has no host.
    #[error("an endpoint's URL names a host")]
    Host,
    /// The host's name has an empty label: `example..com`.
    #[error("the host's name has an empty part between two dots")]
    EmptyLabel,
    /// The host's name has a label longer than DNS permits (RFC 1035 §2.3.4).
    #[error("a part of the host's name is over {LONGEST_LABEL} characters")]
    LongLabel,
    /// The host's name is longer than DNS permits.
    #[error("the host's name is over {LONGEST_NAME} characters")]
    LongName,
    /// The port is 0, which cannot be connected to.
    #[error("nothing can be reached at port 0")]
    NoPort,
    /// The URL has a fragment, which is never sent.
    #[error("an endpoint's URL has no fragment (`#…`): it is never sent")]
    Fragment,
    /// The text is not a URL.
    #[error("it is not a URL: {0}")]
    Malformed(ParseError),
    /// The port is not a permitted one.
    #[error("port {0} is not allowed for endpoints (egress.ports)")]
    Port(u16),
    /// The URL exceeds the maximum length.
    #[error("an endpoint's URL is at most {LONGEST} bytes")]
    TooLong,
}

impl UrlPolicy {
    /// Parses an endpoint URL. A fragment is not sent.
    ///
    /// # Errors
    /// Reason why the URL is refused.
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
            Host::Domain(name) => (host_name(name)?.into(), None),
            Host::Ipv4(v4) => (v4.to_string().into(), Some(v4.into())),
            Host::Ipv6(v6) => (v6.to_string().into(), Some(v6.into())),
        };
        let port = url.port_or_known_default().ok_or(BadUrl::Host)?;
        if port == 0 {
            return Err(BadUrl::NoPort);
        }
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

impl FromStr for EndpointUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let url: Url = text.parse().map_err(|error| match error {
            ParseError::RelativeUrlWithoutBase => BadUrl::Scheme,
            ParseError::EmptyHost => BadUrl::Host,
            other => BadUrl::Malformed(other),
        })?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            _ => Err(BadUrl::Scheme),
        }
    }
}

/// Deserializes an endpoint URL, for fields of the configuration.
///
/// # Errors
/// Problem of the text.
pub fn endpoint_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read: Result<EndpointUrl, _> = text.parse();
    read.map(|url| url.0).map_err(serde::de::Error::custom)
}

/// Omits the query, which may be a secret.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}{}", self.0.scheme(), self.0.path())
    }
}

impl Origin {
    /// Refusal of an address as its tenant may see it: for a name, without the kind of the network.
    pub(super) fn told(&self, refused: RefusedAddress) -> RefusedAddress {
        let known = self.literal.is_some() || &*self.host == LOCALHOST || self.host.ends_with(".localhost");
        RefusedAddress {
            by_name: !known,
            ..refused
        }
    }
}

/// Checks that a name is valid in DNS, and removes the root's final dot.
fn host_name(name: &str) -> Result<&str, BadUrl> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > LONGEST_NAME {
        return Err(BadUrl::LongName);
    }
    for label in name.split('.') {
        match label.len() {
            0 => return Err(BadUrl::EmptyLabel),
            1..=LONGEST_LABEL => {}
            _ => return Err(BadUrl::LongLabel),
        }
    }
    Ok(name)
}

fn target(url: &Url) -> Result<Uri, BadUrl> {
    let text = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    text.parse().map_err(|_| BadUrl::Host)
}

/// Host header (RFC 9110 §7.2): the authority without user info or default port.
fn host_header(url: &Url) -> Result<HeaderValue, BadUrl> {
    let host = url.host_str().ok_or(BadUrl::Host)?;
    let host = host.strip_suffix('.').unwrap_or(host);
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
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;
const LOCALHOST: &str = "localhost";

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
            // Other spellings of an address are normalized before any check.
            ("http://0x7f.1/", "http://127.0.0.1:80", "/", "127.0.0.1"),
            ("http://2130706433/", "http://127.0.0.1:80", "/", "127.0.0.1"),
            // The root's dot has no effect.
            (
                "http://localhost.:8080/",
                "http://localhost:8080",
                "/",
                "localhost:8080",
            ),
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
            ("http://localhost:0/", &any, BadUrl::NoPort),
            ("https://example..com/", &any, BadUrl::EmptyLabel),
            ("https://example.com../", &any, BadUrl::EmptyLabel),
            ("https://./", &any, BadUrl::EmptyLabel),
            (&label(64), &any, BadUrl::LongLabel),
            (&name(254), &any, BadUrl::LongName),
        ] {
            assert_eq!(endpoint(url, policy).expect_err(url), expected);
        }
        for url in [label(63), name(253)] {
            assert!(endpoint(&url, &any).is_ok(), "{url}");
        }
    }

    /// URL whose host has a label of this length.
    fn label(length: usize) -> String {
        format!("https://{}.example/", "a".repeat(length))
    }

    /// URL whose host's name has this length.
    fn name(length: usize) -> String {
        let labels = "a.".repeat(length / 2 - 1);
        let last = "a".repeat(length - labels.len());
        format!("https://{labels}{last}/")
    }

    #[test]
    fn endpoint_url_is_read_as_users_write_it() {
        for text in [
            "example.com/hook",
            "//example.com",
            "localhost:8080/hook",
            "",
            "/hook",
            "ftp://a/",
        ] {
            let refused = text.parse::<EndpointUrl>().expect_err(text);
            assert_eq!(refused, BadUrl::Scheme, "{text}");
        }
        assert_eq!("https://".parse::<EndpointUrl>(), Err(BadUrl::Host));
        for text in [
            "http://a b/",
            "http://a:70000/",
            "http://[::g]/",
            "http://1.2.3.4.5/",
        ] {
            let refused = text.parse::<EndpointUrl>().expect_err(text);
            assert!(matches!(refused, BadUrl::Malformed(_)), "{text}: {refused}");
        }
        let read: EndpointUrl = "https://example.com/hook?token=abc".parse().expect("a URL");
        assert_eq!(format!("{read:?}"), "https://example.com/hook");
    }
}
