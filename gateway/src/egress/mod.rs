//! The only way out: every address that a tenant chose is reached through here.
//!
//! A tenant names a URL, and a URL can name anything that this machine can reach: the metadata service of a cloud, a database
//! beside the gateway, the gateway itself. So the guard does not look at the URL's text but at what is dialled:
//!
//! 1. [`Endpoint`] takes the URL apart and refuses what no policy allows (`endpoint`).
//! 2. The name is looked up by our own resolver (`resolve`), at every new connection.
//! 3. Each address is checked ([`AddressPolicy`], pure); one that passed is dialled, by its number, so that a name which
//!    answers differently the second time gains nothing; the connected peer is checked again (`connect`).
//! 4. Redirects are never followed: they are answers like any other.
//!
//! One deadline holds for all of it: name, connect, TLS, request, and the answer. An answer counts from its head on; its body
//! is read as far as the bounds on bytes, pieces and time allow (`intake`). Whoever called learns an
//! [`crate::domain::Outcome`] and the beginning of the body; never a panic, never an error to forget.
//! This module knows nothing of deliveries and never logs a header, a body or a URL's query.

mod address;
mod admission;
mod answer_head;
mod client;
mod config;
mod connect;
mod connection;
mod endpoint;
mod failure;
mod headers;
mod intake;
mod keep_alive;
mod pool;
mod resolve;
mod retry_after;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;

pub use address::{AddressPolicy, BadTranslation, RefusedAddress};
pub use admission::{NotAdmitted, OwnAddresses};
pub use client::{Answer, Client, Request};
pub use config::{Config, EgressError};
pub use endpoint::{BadUrl, Endpoint, EndpointUrl, UrlPolicy, endpoint_url};
pub use headers::{BadHeader, custom_header};
pub use hyper::header::{HeaderMap, HeaderName, HeaderValue};
pub use tls::config as tls_config;
