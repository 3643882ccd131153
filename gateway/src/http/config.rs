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
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
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
            max_connections: 10_000,
            header_timeout: Span::from_secs(10),
            body_timeout: Span::from_secs(30),
            idle_timeout: Span::from_secs(75),
            max_header_bytes: Size::from_bytes(16 * 1024),
            drain_time: Span::from_secs(20),
        }
    }
}
