//! Configuration of outbound connections.

use std::path::PathBuf;

use ipnet::{IpNet, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BadTranslation;
use hookgate_domain::units::Span;

/// Permitted targets of deliveries, and reuse of connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address ranges that deliveries may reach besides public addresses.
    /// For example `["127.0.0.0/8", "10.0.0.0/8"]`, for development and private networks. The
    /// metadata addresses of clouds are allowed only when named alone, with `/32`.
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<IpNet>,
    /// IPv6 prefixes of this network's NAT64 translators, such as `["2001:db8:64::/96"]`.
    /// An address in one of them is checked as the IPv4 address that it embeds. The well-known
    /// prefix `64:ff9b::/96` is built in.
    #[schemars(with = "Vec<String>")]
    pub nat64: Vec<Ipv6Net>,
    /// Refuses endpoints without TLS.
    pub https_only: bool,
    /// Permitted ports of endpoints; empty: any.
    pub ports: Vec<u16>,
    /// PEM file with certificate authorities to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Maximum of idle connections per endpoint host.
    pub idle_connections: usize,
    /// Maximum of idle connections in total.
    pub idle_connections_total: usize,
    /// Time after which an idle connection is closed.
    pub idle_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            nat64: Vec::new(),
            https_only: false,
            ports: Vec::new(),
            ca_file: None,
            idle_connections: 64,
            idle_connections_total: 1024,
            idle_timeout: Span::from_secs(30),
        }
    }
}

/// Error of the creation of a client.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The file of certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {file}")]
    CaFile {
        /// Path of the file.
        file: PathBuf,
        /// Cause.
        source: rustls::pki_types::pem::Error,
    },
    /// One of the certificates is not an authority.
    #[error("{file} holds a certificate that is no authority")]
    Authority {
        /// Path of the file.
        file: PathBuf,
        /// Cause.
        source: rustls::Error,
    },
    /// The file has no certificates.
    #[error("{0} holds no certificate")]
    NoAuthority(PathBuf),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// A NAT64 prefix is invalid.
    #[error(transparent)]
    Translation(#[from] BadTranslation),
    /// The resolver cannot be set up.
    #[error("cannot set up the resolver: {0}")]
    Resolver(String),
}
