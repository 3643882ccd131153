//! What can be set about the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::units::{Size, Span};

/// The server: where it listens and what it allows a client.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The URL at which the gateway's users reach it, such as `https://hooks.example.com`. A subscription whose URL is below it is refused:
    /// the gateway would deliver to itself.
    #[schemars(with = "Option<String>")]
    pub public_url: Option<url::Url>,
    /// Serve https with this certificate. Without it: http.
    pub tls: Option<Tls>,
    /// A second address and port, for `/healthz`, `/readyz` and `/metrics` alone, over plain HTTP: what watches the gateway gets
    /// an answer whatever its clients do. Without it: only the first.
    pub health_listen: Option<SocketAddr>,
    /// Connections at once. Over it a new connection ends one that has sent nothing or waits for its next request; where all are
    /// in the middle of a request, the new one is refused (503). Lowered at the start where the process may have too few file
    /// descriptors; see operating.md.
    pub max_connections: usize,
    /// Connections at once from one address (of IPv6: from one network of 64 bits); further ones are refused (503). Without it:
    /// half of `max_connections`. Behind one proxy or load balancer all connections come from its address.
    pub max_connections_per_address: Option<usize>,
    /// How long a client may take to send a request's head, and to shake hands over TLS.
    pub header_timeout: Span,
    /// How long a client may take to send a request's body, and to take any part of a reply.
    pub body_timeout: Span,
    /// How long a connection is kept without a request.
    pub idle_timeout: Span,
    /// The largest head of a request, 8KiB or more.
    pub max_header_bytes: Size,
    /// How long requests under way may go on after the gateway was told to stop.
    pub drain_time: Span,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the certificate, and after it the certificates between it and the root.
    pub cert: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            tls: None,
            health_listen: None,
            max_connections: 10_000,
            max_connections_per_address: None,
            header_timeout: Span::from_secs(10),
            body_timeout: Span::from_secs(30),
            idle_timeout: Span::from_secs(75),
            max_header_bytes: Size::from_bytes(16 * 1024),
            drain_time: Span::from_secs(20),
        }
    }
}

impl Config {
    /// Connections that one address may have.
    pub(super) fn connections_per_address(&self) -> usize {
        self.max_connections_per_address
            .unwrap_or(self.max_connections / 2)
            .max(1)
    }
}
