//! Outbound HTTP under an address policy: the only way to addresses that tenants choose.
//!
//! A tenant gives a URL, and a URL can name anything that this machine can reach: the metadata
//! service of a cloud, a database beside the gateway, the gateway itself. So the policy checks the
//! dialled address, not the URL's text:
//!
//! 1. [`Endpoint`] parses the URL and refuses what no policy permits (`endpoint`).
//! 2. The gateway's own resolver resolves the name (`resolve`), for every new connection.
//! 3. Each address is checked ([`AddressPolicy`], pure); a permitted one is dialled by its number,
//!    so that a name with another answer the second time (DNS rebinding) gains nothing. The connected
//!    peer is checked again (`connect`).
//! 4. Redirects are never followed: they are answers like any other.
//!
//! One deadline covers all of it: name, connect, TLS, request and response. A response counts once
//! its head is received; its body is read within the bounds on bytes, pieces and time (`intake`).
//! The caller receives an [`hookgate_domain::Outcome`] and the beginning of the body; there are no
//! panics and no other errors. This crate knows nothing of deliveries and never logs a header, a
//! body or a URL's query.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

mod address;
mod admission;
mod answer_head;
mod client;
mod config;
mod connect;
mod connection;
mod destinations;
mod endpoint;
mod failure;
mod headers;
mod intake;
mod keep_alive;
mod pool;
mod resolve;
mod retry_after;
#[cfg(test)]
mod tests;
mod tls;

pub use address::{AddressPolicy, BadTranslation, RefusedAddress};
pub use admission::{NotAdmitted, OwnAddresses};
pub use client::{Answer, Client, Request};
pub use config::{Config, EgressError};
pub use destinations::Destinations;
pub use endpoint::{BadUrl, Endpoint, EndpointUrl, UrlPolicy, endpoint_url};
pub use headers::{BadHeader, custom_header};
pub use hyper::header::{HeaderMap, HeaderName, HeaderValue};
pub use tls::config as tls_config;
