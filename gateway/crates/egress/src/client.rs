//! Outbound HTTP client: sends one request under one deadline and returns its outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::connect::{ConnectError, Connector};
use super::connection::{BodyEnd, BodyLimits, Connection, SendError};
use super::failure::Failure;
use super::pool::{Pool, PoolLimits};
use super::{BadUrl, Config, Destinations, EgressError, Endpoint, OwnAddresses, keep_alive, retry_after};
use hookgate_domain::Outcome;
use hookgate_domain::delivery::Stage;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

/// Outbound client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) destinations: ArcSwap<Destinations>,
    pub(super) own: OwnAddresses,
    pub(super) pool: Pool,
    idle_timeout: Duration,
    clock: Clock,
    metrics: Metrics,
}

/// POST request to send.
#[derive(Debug)]
pub struct Request<'a> {
    /// URL of the endpoint.
    pub url: &'a Url,
    /// Headers; Host and Content-Length are added.
    pub headers: HeaderMap,
    /// Exact bytes of the body.
    pub body: Bytes,
    /// Deadline of the whole exchange.
    pub timeout: Duration,
}

/// Result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Outcome of the exchange.
    pub outcome: Outcome,
    /// Beginning of the response's body, at most 4 KiB.
    pub body: Vec<u8>,
}

impl Client {
    /// Creates a client with metrics of its own.
    ///
    /// # Errors
    /// The file of certificate authorities is unusable, or a NAT64 prefix is invalid.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, EgressError> {
        Self::of_gateway(config, clock, Metrics::new(), OwnAddresses::default())
    }

    /// Creates the client of a gateway with these own addresses, which cannot be endpoints.
    ///
    /// # Errors
    /// The file of certificate authorities is unusable, or a NAT64 prefix is invalid.
    pub fn of_gateway(
        config: &Config,
        clock: Clock,
        metrics: Metrics,
        own: OwnAddresses,
    ) -> Result<Self, EgressError> {
        let destinations = Destinations::of(config)?;
        let pool = Pool::new(PoolLimits {
            per_origin: config.idle_connections,
            total: config.idle_connections_total,
            age: config.idle_timeout.get(),
        });
        let idle_timeout = config.idle_timeout.get();
        Ok(Self {
            inner: Arc::new(Inner {
                destinations: ArcSwap::from_pointee(destinations),
                own,
                pool,
                idle_timeout,
                clock,
                metrics,
            }),
        })
    }

    /// Closes idle connections that exceed their timeout, until the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let between = (self.inner.idle_timeout / 2).max(Duration::from_secs(1));
        while tokio::time::timeout(between, shutdown.cancelled()).await.is_err() {
            self.inner.pool.sweep();
        }
    }

    /// Sends a request. Redirects are not followed: they are answers.
    /// A request on a reused connection that closes before an answer begins is sent once more, on a
    /// new connection and before the same deadline (RFC 9112 §9.3.1: the endpoint closed it while
    /// it was idle).
    ///
    /// The answer counts once its head is received, regardless of its body.
    pub async fn send(&self, request: Request<'_>) -> Answer {
        let deadline = Instant::now() + request.timeout;
        // In this order: destinations that are replaced after it are of this generation at the latest.
        let generation = self.inner.pool.generation();
        let destinations = self.inner.destinations.load_full();
        let endpoint = match destinations.urls.endpoint(request.url) {
            Ok(endpoint) => endpoint,
            Err(bad) => {
                return Answer::without_body(Outcome::Blocked {
                    reason: bad.to_string(),
                });
            }
        };
        let request = http_request(&endpoint, request);
        let progress = Progress::default();
        let exchange = self.round_trip(&destinations.connector, &endpoint, request, (deadline, &progress));
        let (mut connection, response) = match timeout_at(deadline, exchange).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(failed)) => return Answer::without_body(self.failed(failed)),
            Err(_) => {
                let during = progress.stage();
                self.count(during, Failure::Timeout);
                return Answer::without_body(Outcome::TimedOut { during });
            }
        };
        let (head, incoming) = response.into_parts();
        let outcome = self.outcome(head.status.as_u16(), text_of(&head.headers));
        let until = deadline.min(Instant::now() + BODY_TIME);
        let mut body = Vec::new();
        let end = timeout_at(until, connection.read(incoming, BODY, &mut body)).await;
        match end {
            Ok(BodyEnd::Complete) => {
                if head.status != StatusCode::SWITCHING_PROTOCOLS && connection.is_usable().await {
                    let offered = keep_alive::offered(&head.headers);
                    self.inner
                        .pool
                        .put(&endpoint.origin, connection, (offered, generation));
                }
            }
            Ok(BodyEnd::Broken) => self.count(Stage::Body, Failure::Closed),
            Ok(BodyEnd::TooLong) => self.count(Stage::Body, Failure::TooLarge),
            Err(_) => self.count(Stage::Body, Failure::Timeout),
        }
        Answer { outcome, body }
    }

    /// Headers that `send` would send with a request. Resolves, connects and sends nothing.
    ///
    /// # Errors
    /// The configuration refuses the URL.
    pub fn headers_of(&self, request: Request<'_>) -> Result<HeaderMap, BadUrl> {
        let endpoint = self.inner.destinations.load().urls.endpoint(request.url)?;
        let (head, _) = http_request(&endpoint, request).into_parts();
        Ok(head.headers)
    }

    /// Outcome of a response head. Anything but 2xx counts as refused, a redirect (3xx) too.
    fn outcome(&self, status: u16, retry_after: Option<&str>) -> Outcome {
        if (200..300).contains(&status) {
            return Outcome::Delivered { status };
        }
        let retry_after = retry_after.and_then(|text| retry_after::parse(text, self.inner.clock.now()));
        Outcome::Refused { status, retry_after }
    }

    /// Exchanges a request for a response head, on a reused connection if possible.
    async fn round_trip(
        &self,
        connector: &Connector,
        endpoint: &Endpoint,
        mut request: HttpRequest,
        (deadline, progress): (Instant, &Progress),
    ) -> Result<(Connection, hyper::Response<Incoming>), Failed> {
        while let Some(mut connection) = self.inner.pool.take(&endpoint.origin) {
            if !connection.is_usable().await {
                continue;
            }
            let again = request.clone();
            match send(&mut connection, request, progress).await {
                // RFC 9110 §15.5.9: the endpoint's idle timeout ended while the request was on its
                // way.
                Ok(response) if response.status() == StatusCode::REQUEST_TIMEOUT => {}
                Ok(response) => return Ok((connection, response)),
                Err(SendError {
                    unsent: Some(unsent), ..
                }) => {
                    request = *unsent;
                    continue;
                }
                Err(failed) if failed.received => return Err(Failed::Answer(failed)),
                Err(_) => {}
            }
            self.inner.metrics.request_repeated();
            request = again;
            break;
        }
        let connected = connector.connect(&endpoint.origin, deadline, |stage| progress.at(stage));
        let mut connection = connected.await.map_err(Failed::Connect)?;
        match send(&mut connection, request, progress).await {
            Ok(response) => Ok((connection, response)),
            Err(failed) => Err(Failed::Answer(failed)),
        }
    }

    /// Outcome of an exchange without a response.
    fn failed(&self, failed: Failed) -> Outcome {
        match failed {
            Failed::Connect(ConnectError::Blocked(refused)) => {
                self.count(Stage::Connect, Failure::Blocked);
                Outcome::Blocked {
                    reason: refused.to_string(),
                }
            }
            Failed::Connect(ConnectError::Failed {
                during,
                failure,
                reason,
            }) => {
                self.count(during, failure);
                Outcome::Unreachable { during, reason }
            }
            Failed::Connect(ConnectError::Exhausted { during }) => {
                self.count(during, Failure::Exhausted);
                Outcome::Postponed { by: EXHAUSTED_FOR }
            }
            Failed::Answer(failed) => self.unanswered(&failed),
        }
    }

    /// Outcome of an exchange that broke before its head. hyper's texts contain no addresses.
    fn unanswered(&self, failed: &SendError) -> Outcome {
        if let Some(head) = &failed.head {
            self.count(Stage::Head, Failure::NotHttp);
            return self.outcome(head.status, head.retry_after.as_deref());
        }
        let (failure, reason) = if failed.too_large {
            (Failure::TooLarge, "the answer's head is too large")
        } else if failed.error.is_parse() {
            (Failure::NotHttp, "the answer is not HTTP/1.1")
        } else if failed.error.is_incomplete_message() {
            (Failure::Closed, "the connection was closed before an answer")
        } else {
            (Failure::Reset, "the connection broke before an answer")
        };
        self.count(Stage::Head, failure);
        Outcome::Unreachable {
            during: Stage::Head,
            reason: reason.to_owned(),
        }
    }

    fn count(&self, during: Stage, failure: Failure) {
        self.inner.metrics.egress_failed(during, failure.word());
    }
}

type HttpRequest = hyper::Request<Full<Bytes>>;

/// Failure before a response head.
enum Failed {
    /// No connection was established.
    Connect(ConnectError),
    /// The connection broke, or the response is not HTTP.
    Answer(SendError),
}

async fn send(
    connection: &mut Connection,
    request: HttpRequest,
    progress: &Progress,
) -> Result<hyper::Response<Incoming>, SendError> {
    progress.at(Stage::Send);
    connection.send(request, || progress.at(Stage::Head)).await
}

fn http_request(endpoint: &Endpoint, request: Request<'_>) -> HttpRequest {
    let length = HeaderValue::from(request.body.len());
    let mut http = hyper::Request::new(Full::new(request.body));
    *http.method_mut() = Method::POST;
    *http.uri_mut() = endpoint.target.clone();
    *http.headers_mut() = request.headers;
    http.headers_mut().insert(HOST, endpoint.host.clone());
    http.headers_mut().insert(CONTENT_LENGTH, length);
    http
}

/// Text of a Retry-After header.
fn text_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(RETRY_AFTER)?.to_str().ok()
}

impl Answer {
    fn without_body(outcome: Outcome) -> Self {
        Self {
            outcome,
            body: Vec::new(),
        }
    }
}

/// Stage that an exchange has reached, read when the deadline cuts it off.
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
    pieces: 256,
    kept: 4 * 1024,
};
/// Longest time that a body is read: its answer counts already.
const BODY_TIME: Duration = Duration::from_secs(2);
/// Delay of a delivery for which this process had no file descriptor.
const EXHAUSTED_FOR: Duration = Duration::from_secs(1);
