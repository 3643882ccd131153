//! Sends one request under one deadline and says what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::connect::{ConnectError, Connector};
use super::connection::{BodyEnd, BodyLimits, Connection, SendError};
use super::pool::{Pool, PoolLimits};
use super::resolve::Resolver;
use super::{
    AddressPolicy, BadUrl, Config, EgressError, Endpoint, RefusedAddress, UrlPolicy, retry_after, tls,
};
use crate::clock::Clock;
use crate::domain::Outcome;
use crate::domain::delivery::Stage;

/// The outbound client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    urls: UrlPolicy,
    connector: Connector,
    pool: Pool,
    idle_timeout: Duration,
    clock: Clock,
}

/// A POST to be made.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a Url,
    /// Its headers; Host and Content-Length are added.
    pub headers: HeaderMap,
    /// The exact bytes.
    pub body: Bytes,
    /// For all of it.
    pub timeout: Duration,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it came to.
    pub outcome: Outcome,
    /// The beginning of the answer's body, at most 4 KiB.
    pub body: Vec<u8>,
}

/// Why a URL is not taken as an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The URL itself.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// Where it leads.
    #[error("the endpoint cannot be used: {0}")]
    Address(#[from] RefusedAddress),
}

impl Client {
    /// A client after this configuration.
    ///
    /// # Errors
    /// A file of authorities that cannot be used.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, EgressError> {
        let connector = Connector {
            policy: Arc::new(AddressPolicy::new(config.allow.clone())),
            resolver: Resolver::from_system()?,
            tls: TlsConnector::from(tls::config(config.ca_file.as_deref())?),
        };
        let pool = Pool::new(PoolLimits {
            per_origin: config.idle_connections,
            total: config.idle_connections_total,
            age: config.idle_timeout.get(),
        });
        let urls = UrlPolicy {
            https_only: config.https_only,
            ports: config.ports.clone(),
        };
        let idle_timeout = config.idle_timeout.get();
        Ok(Self {
            inner: Arc::new(Inner {
                urls,
                connector,
                pool,
                idle_timeout,
                clock,
            }),
        })
    }

    /// Closes connections that wait too long, until the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let between = (self.inner.idle_timeout / 2).max(Duration::from_secs(1));
        while tokio::time::timeout(between, shutdown.cancelled()).await.is_err() {
            self.inner.pool.sweep();
        }
    }

    /// Whether a URL can be an endpoint as things stand: for a clear answer to whoever registers it. A name that cannot be
    /// looked up now is taken; what it leads to is checked again at every connection.
    ///
    /// # Errors
    /// What is wrong with the URL, or the kind of address that it leads to.
    pub async fn admit(&self, url: &Url) -> Result<(), NotAdmitted> {
        let endpoint = self.inner.urls.endpoint(url)?;
        let looked_up = self.inner.connector.addresses(&endpoint.origin);
        match tokio::time::timeout(ADMISSION, looked_up).await {
            Ok(Err(ConnectError::Blocked(refused))) => Err(refused.into()),
            Ok(Ok(_) | Err(ConnectError::Failed { .. })) | Err(_) => Ok(()),
        }
    }

    /// Sends a request. Redirects are answers; nothing is tried twice, unless a kept connection turns out closed before
    /// anything was written to it.
    pub async fn send(&self, request: Request<'_>) -> Answer {
        let deadline = Instant::now() + request.timeout;
        let endpoint = match self.inner.urls.endpoint(request.url) {
            Ok(endpoint) => endpoint,
            Err(bad) => {
                return Answer::without_body(Outcome::Blocked {
                    reason: bad.to_string(),
                });
            }
        };
        let progress = Progress::default();
        let mut body = Vec::new();
        let exchange = self.exchange(&endpoint, request, &progress, &mut body);
        let outcome = match timeout_at(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::TimedOut {
                during: progress.stage(),
            },
        };
        Answer { outcome, body }
    }

    /// Without a deadline of its own but for the sharing of it between addresses.
    async fn exchange(
        &self,
        endpoint: &Endpoint,
        request: Request<'_>,
        progress: &Progress,
        kept: &mut Vec<u8>,
    ) -> Outcome {
        let deadline = Instant::now() + request.timeout;
        let request = http_request(endpoint, request);
        let (mut connection, response) = match self.round_trip(endpoint, request, deadline, progress).await {
            Ok(answered) => answered,
            Err(outcome) => return outcome,
        };
        let (head, incoming) = response.into_parts();
        progress.at(Stage::Body);
        let end = connection.read(incoming, BODY, kept).await;
        if end == BodyEnd::Broken {
            return broken(Stage::Body, "the connection broke within the answer");
        }
        if end == BodyEnd::Complete && connection.is_usable().await {
            self.inner.pool.put(&endpoint.origin, connection);
        }
        let status = head.status.as_u16();
        if head.status.is_success() {
            return Outcome::Delivered { status };
        }
        let asked = head
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let retry_after = asked.and_then(|text| retry_after::parse(text, self.inner.clock.now()));
        Outcome::Refused { status, retry_after }
    }

    /// The answer's head, over a kept connection if one still works, else over a new one.
    async fn round_trip(
        &self,
        endpoint: &Endpoint,
        mut request: hyper::Request<Full<Bytes>>,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<(Connection, hyper::Response<hyper::body::Incoming>), Outcome> {
        while let Some(mut connection) = self.inner.pool.take(&endpoint.origin) {
            if !connection.is_usable().await {
                continue;
            }
            match send(&mut connection, request, progress).await {
                Ok(response) => return Ok((connection, response)),
                Err(SendError {
                    unsent: Some(unsent), ..
                }) => request = *unsent,
                Err(failed) => return Err(unanswered(&failed)),
            }
        }
        let connected = self
            .inner
            .connector
            .connect(&endpoint.origin, deadline, |stage| progress.at(stage));
        let mut connection = connected.await.map_err(Outcome::from)?;
        match send(&mut connection, request, progress).await {
            Ok(response) => Ok((connection, response)),
            Err(failed) => Err(unanswered(&failed)),
        }
    }
}

async fn send(
    connection: &mut Connection,
    request: hyper::Request<Full<Bytes>>,
    progress: &Progress,
) -> Result<hyper::Response<hyper::body::Incoming>, SendError> {
    progress.at(Stage::Send);
    connection.send(request, || progress.at(Stage::Head)).await
}

fn http_request(endpoint: &Endpoint, request: Request<'_>) -> hyper::Request<Full<Bytes>> {
    let length = HeaderValue::from(request.body.len());
    let mut http = hyper::Request::new(Full::new(request.body));
    *http.method_mut() = Method::POST;
    *http.uri_mut() = endpoint.target.clone();
    *http.headers_mut() = request.headers;
    http.headers_mut().insert(HOST, endpoint.host.clone());
    http.headers_mut().insert(CONTENT_LENGTH, length);
    http
}

/// hyper tells in words what broke; none of them holds an address.
fn unanswered(failed: &SendError) -> Outcome {
    if failed.error.is_parse() {
        broken(Stage::Head, "the answer is not HTTP/1.1")
    } else if failed.error.is_incomplete_message() {
        broken(Stage::Head, "the connection was closed before an answer")
    } else {
        broken(Stage::Head, "the connection broke before an answer")
    }
}

fn broken(during: Stage, reason: &str) -> Outcome {
    Outcome::Unreachable {
        during,
        reason: reason.to_owned(),
    }
}

impl From<ConnectError> for Outcome {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Blocked(refused) => Self::Blocked {
                reason: refused.to_string(),
            },
            ConnectError::Failed { during, reason } => Self::Unreachable { during, reason },
        }
    }
}

impl Answer {
    fn without_body(outcome: Outcome) -> Self {
        Self {
            outcome,
            body: Vec::new(),
        }
    }
}

/// How far a request got: written by what is under way, read when the deadline has cut it off.
#[derive(Default)]
struct Progress(AtomicU8);

impl Progress {
    fn at(&self, stage: Stage) {
        let index = STAGES.iter().position(|&s| s == stage).unwrap_or_default();
        self.0
            .store(u8::try_from(index).unwrap_or_default(), Ordering::Relaxed);
    }

    fn stage(&self) -> Stage {
        STAGES[usize::from(self.0.load(Ordering::Relaxed))]
    }
}

const STAGES: [Stage; 6] = [
    Stage::Resolve,
    Stage::Connect,
    Stage::Tls,
    Stage::Send,
    Stage::Head,
    Stage::Body,
];
const BODY: BodyLimits = BodyLimits {
    read: 64 * 1024,
    kept: 4 * 1024,
};
/// How long a registration waits for a name.
const ADMISSION: Duration = Duration::from_secs(3);
