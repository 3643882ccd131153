//! How the gateway reaches endpoints.

use std::path::PathBuf;

use ipnet::{IpNet, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BadTranslation;
use hookgate_domain::units::Span;

/// Where deliveries may go, and how connections are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address ranges that deliveries may go to besides public addresses, such as `["127.0.0.0/8", "10.0.0.0/8"]`, for
    /// development and private networks. The metadata addresses of clouds are allowed only when named alone, with `/32`.
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<IpNet>,
    /// IPv6 prefixes of this network's NAT64 translators, such as `["2001:db8:64::/96"]`: an address in one of them is judged
    /// as the IPv4 address that it stands for. The well-known prefix `64:ff9b::/96` is known.
    #[schemars(with = "Vec<String>")]
    pub nat64: Vec<Ipv6Net>,
    /// Refuse endpoints without TLS.
    pub https_only: bool,
    /// The ports that endpoints may have; empty: any.
    pub ports: Vec<u16>,
    /// A PEM file with certificate authorities to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// How many unused connections are kept for an endpoint's host.
    pub idle_connections: usize,
    /// How many unused connections are kept in all.
    pub idle_connections_total: usize,
    /// How long an unused connection is kept.
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

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The file of certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {file}")]
    CaFile {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// One of them is no authority.
    #[error("{file} holds a certificate that is no authority")]
    Authority {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// It holds none.
    #[error("{0} holds no certificate")]
    NoAuthority(PathBuf),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// A prefix of a translator that is none.
    #[error(transparent)]
    Translation(#[from] BadTranslation),
    /// The resolver cannot be set up.
    #[error("cannot set up the resolver: {0}")]
    Resolver(String),
}
