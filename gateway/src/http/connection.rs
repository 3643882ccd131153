//! One connection: requests one after the other until the client leaves, is too slow, or the gateway stops.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::pace::{Limits, Pace, Paced};
use super::{Config, Endpoint, Response};

/// How connections are served.
#[derive(Debug)]
pub(super) struct Serving {
    pub http: http1::Builder,
    pub limits: Limits,
    pub drain: Duration,
}

impl Serving {
    pub(super) fn new(config: &Config) -> Self {
        let mut http = http1::Builder::new();
        // The pace of a connection is watched here, which costs less than a timer for every request.
        http.header_read_timeout(None);
        http.max_header_size(config.max_header_bytes.bytes().max(SMALLEST_HEAD));
        Self {
            http,
            limits: Limits {
                head: config.header_timeout.get(),
                idle: config.idle_timeout.get(),
                stall: config.body_timeout.get(),
            },
            drain: config.drain_time.get(),
        }
    }
}

/// Serves one connection to its end. How it ended is nobody's business but the client's.
pub(super) async fn serve<S, E>(serving: Arc<Serving>, stream: S, endpoint: E, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Endpoint,
{
    let pace = Pace::new();
    let service = service_fn(|request: Request<Incoming>| {
        let endpoint = endpoint.clone();
        let pace = pace.clone();
        async move {
            pace.serving();
            let response = endpoint.answer(request).await;
            pace.served();
            Ok::<Response, Infallible>(response)
        }
    });
    let io = TokioIo::new(Paced::new(stream, pace.clone()));
    let mut connection = pin!(serving.http.serve_connection(io, service));
    let mut stopping = pin!(shutdown.cancelled());
    let mut glance = tokio::time::interval(serving.limits.glance());
    glance.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            _ = glance.tick() => {
                if pace.too_slow(&serving.limits) {
                    return;
                }
            }
            () = stopping.as_mut() => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    // Ends at once where no request is under way.
    let _ = tokio::time::timeout(serving.drain, connection).await;
}

/// hyper cannot read a request with less.
const SMALLEST_HEAD: usize = 8 * 1024;
