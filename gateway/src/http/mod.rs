//! HTTP layer: listeners, limits, keys, bodies and problem responses. It knows nothing of events.
//!
//! Requests are answered by an `Endpoint`; `app` gives the server one (`RootHandler`), which passes the
//! hot route straight to the ingest and everything else to the router. HTTP/1.1 only: producers and
//! proxies use it towards services, and it has the smallest attack surface.

mod auth;
mod body;
mod certificates;
mod config;
mod connection;
mod connection_table;
mod content;
mod described;
mod descriptors;
mod hops;
mod host;
mod idempotency;
mod in_flight;
mod problem;
mod refusal_log;
mod request_body;
mod root;
mod server;
mod slow_client;
mod tls;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{Either, Full};

pub use auth::{Auth, Caller, Head, Reach, TENANT_HEADER, bearer};
pub use body::{Account, BodyLimits, Charge, Received, receive};
pub use certificates::{Certificates, NewCertificates};
pub use config::{Admin, Also, Config, Public, Tls};
pub use content::{check_charset, json_text};
pub use described::{SCOPES, describe_header, describe_scopes, describe_tenant_header};
pub use descriptors::Descriptors;
pub use hops::{from_no_delivery, hops};
pub use idempotency::{IDEMPOTENCY_KEY, idempotency_key};
pub use in_flight::{InFlight, InFlightFull, InFlightLimit};
pub use problem::{Code, FieldError, PluginWords, Problem, ProblemView, Refused, RefusedRow, Retry};
pub use request_body::RequestBody;
pub use root::{Endpoint, HealthHandler, Listener, Publish, RootHandler};
pub use server::{Error, Server};

/// Body of a response: bytes in memory, or a body from the router.
pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// HTTP response.
pub type Response = http::Response<Body>;

/// Response with bytes in memory.
pub fn reply(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = http::Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Content type of JSON.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
