//! HTTP as such: the listener, its limits, keys, bodies and problem replies. It knows nothing of events.
//!
//! Whoever answers requests is an `Endpoint`; `app` gives the server one (`Front`), which sends the hot request straight to
//! the ingest and everything else through the router. HTTP/1.1 only: what producers and proxies speak to a service, and the
//! least that an attacker can play with.

mod auth;
mod body;
mod certificates;
mod config;
mod connection;
mod connection_table;
mod content;
mod described;
mod descriptors;
mod front;
mod hops;
mod host;
mod idempotency;
mod in_flight;
mod pace;
mod problem;
mod refusal_log;
mod request_body;
mod server;
mod tls;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{Either, Full};

pub use auth::{Auth, Caller, Reach, TENANT_HEADER, bearer};
pub use body::{Account, BodyLimits, Charge, Received, receive};
pub use certificates::{Certificates, NewCertificates};
pub use config::{Admin, Also, Config, Public, Tls};
pub use content::{check_charset, json_text};
pub use described::{SCOPES, describe_header, describe_scopes, describe_tenant_header};
pub use descriptors::Descriptors;
pub use front::{Endpoint, Front, HealthFront, Listener, Publish};
pub use hops::{from_no_delivery, hops};
pub use idempotency::{IDEMPOTENCY_KEY, idempotency_key};
pub use in_flight::{InFlight, InFlightFull, InFlightLimit};
pub use problem::{Code, FieldError, PluginWords, Problem, ProblemView, Refused, RefusedRow, Retry};
pub use request_body::RequestBody;
pub use server::{Error, Server};

/// A body that is sent: bytes at hand, or whatever the router makes.
pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// A reply.
pub type Response = http::Response<Body>;

/// A reply with bytes at hand.
pub fn reply(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = http::Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// What JSON is called.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
