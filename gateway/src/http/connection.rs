//! One connection: serves requests until a close, a slow client, an eviction, or the shutdown.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::MatchedPath;
use http::{HeaderValue, Method, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection_table::Place;
use super::request_body::{Unread, expects_continue};
use super::slow_client::{Limits, Pace, PacedStream};
use super::{Config, Endpoint, Response, host};
use hookgate_runtime::telemetry::{ConnectionFailure, Metrics, RouteFigures};

/// Dependencies and settings of connections.
#[derive(Debug)]
pub(super) struct Serving {
    pub http: http1::Builder,
    pub limits: Limits,
    pub grace: Duration,
    pub drain: Duration,
    pub metrics: Metrics,
    /// Counters of the hot route, which is not looked up.
    publish: Arc<RouteFigures>,
    /// Tracked tasks: connections, and the reading of unread bodies.
    pub tasks: TaskTracker,
}

impl Serving {
    pub(super) fn new(config: &Config, metrics: Metrics) -> Self {
        let mut http = http1::Builder::new();
        let head = config.max_header_bytes.bytes().max(SMALLEST_HEAD);
        // The connection's task checks the pace, which costs less than a timer per request.
        http.header_read_timeout(None);
        http.max_header_size(head);
        // Bounds the read-ahead of a slow handler; hyper would buffer up to 400 KiB per connection.
        http.max_buf_size(head.max(READ_AHEAD));
        // A client may close its sending side and wait for the response.
        http.half_close(true);
        Self {
            http,
            limits: Limits {
                head: config.header_timeout.get(),
                idle: config.idle_timeout.get(),
                stall: config.body_timeout.get(),
            },
            grace: config.grace.get(),
            drain: config.drain_time.get(),
            publish: metrics.route("POST", PUBLISH),
            metrics,
            tasks: TaskTracker::new(),
        }
    }

    /// Answers a request, and leaves the connection reusable or marks it for closing.
    async fn answer<E: Endpoint>(
        &self,
        endpoint: &E,
        unread: &Unread,
        pace: &Pace,
        request: Request<Incoming>,
    ) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let publishes = method == Method::POST && request.uri().path() == PUBLISH;
        let expects = expects_continue(request.headers());
        let request = unread.watch(request);
        let mut response = match host::check(&request) {
            Ok(()) => endpoint.answer(request).await,
            Err(problem) => endpoint.refuse(request.map(drop), problem).await,
        };
        unread.settle(expects, &mut response, &self.tasks).await;
        let route = response.extensions().get::<MatchedPath>();
        let figures = match route.map(MatchedPath::as_str) {
            _ if publishes => Arc::clone(&self.publish),
            Some(route) => self.metrics.route(method_word(&method), route),
            None => self.metrics.route(method_word(&method), UNMATCHED),
        };
        figures.answered(response.status().as_u16(), started.elapsed());
        if response.status().is_success()
            && (publishes || route.is_some_and(|route| needs_key(route.as_str())))
        {
            pace.authenticated();
        }
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        // Most responses are for one client only, and some have a secret.
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        response
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<S, E>(
    serving: Arc<Serving>,
    stream: S,
    endpoint: E,
    (pace, place): (Arc<Pace>, Place),
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Endpoint,
{
    let unread = Unread::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (serving, endpoint) = (Arc::clone(&serving), endpoint.clone());
        let (unread, pace) = (unread.clone(), Arc::clone(&pace));
        let shutdown = shutdown.clone();
        async move {
            pace.serving();
            let mut response = serving.answer(&endpoint, &unread, &pace, request).await;
            if shutdown.is_cancelled() {
                // The client's next request goes elsewhere; hyper ends the connection.
                response.headers_mut().insert(header::CONNECTION, CLOSE);
            }
            pace.served();
            Ok::<Response, Infallible>(response)
        }
    });
    let io = TokioIo::new(PacedStream::new(stream, Arc::clone(&pace)));
    let mut connection = pin!(serving.http.serve_connection(io, service));
    // A client may be about to use a connection that it kept: it is answered for a while yet, and told that this is the last.
    let mut stopping = pin!(async {
        shutdown.cancelled().await;
        tokio::time::sleep(serving.grace).await;
    });
    let mut check_interval = tokio::time::interval(serving.limits.check_interval());
    check_interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return count(&serving.metrics, ended),
            _ = check_interval.tick() => {
                if pace.too_slow(&serving.limits) {
                    if pace.is_reading_head() {
                        serving.metrics.connection_failed(ConnectionFailure::HeadTimeout);
                    }
                    return;
                }
            }
            () = pace.eviction() => {
                if !pace.is_serving() {
                    return serving.metrics.connection_evicted();
                }
                place.keep(&pace);
            }
            () = stopping.as_mut() => break,
        }
    }
    if pace.is_reading_head() {
        return;
    }
    connection.as_mut().graceful_shutdown();
    // Returns at once if no request is in progress.
    let _ = tokio::time::timeout(serving.drain, connection).await;
}

/// Counts the end of a connection. Errors are client-driven and are logged at debug only.
fn count(metrics: &Metrics, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        let failure = failure(&error);
        metrics.connection_failed(failure);
        tracing::debug!(reason = failure.word(), error = %error, "connection.failed");
    }
}

fn failure(error: &hyper::Error) -> ConnectionFailure {
    if error.is_parse() {
        ConnectionFailure::Parse
    } else if error.is_incomplete_message() {
        ConnectionFailure::Incomplete
    } else {
        ConnectionFailure::Broken
    }
}

/// Returns `true` if a route succeeds only with a valid key.
fn needs_key(route: &str) -> bool {
    let open = ["/docs", "/dashboard", "/portal", "/ui/"];
    !matches!(route, "/" | "/healthz" | "/readyz" | "/metrics" | "/openapi.json")
        && !open.iter().any(|prefix| route.starts_with(prefix))
}

/// Method as a label of a closed set.
fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

const PUBLISH: &str = "/v1/events";
/// Label of requests without a route.
const UNMATCHED: &str = "unmatched";
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Smallest buffer with which hyper can read a request.
const SMALLEST_HEAD: usize = 8 * 1024;
const READ_AHEAD: usize = 64 * 1024;
