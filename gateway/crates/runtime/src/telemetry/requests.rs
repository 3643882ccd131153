//! Metrics of HTTP requests, by method and route template, and of connections.
//!
//! The templates are those of the router, so their number is bounded; requests without a route
//! share one label.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;
use super::metrics::Labels;

/// Metrics of requests and connections.
#[derive(Debug, Default)]
pub(super) struct HttpFigures {
    requests: RequestSeries,
    connections: Gauge,
    failures: Family<Labels<1>, Counter>,
    refused: Family<Labels<1>, Counter>,
    evicted: Counter,
}

/// Guard of an open client connection.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

/// Counters by method and route. Cheap to clone.
#[derive(Debug, Clone, Default)]
struct RequestSeries {
    routes: Arc<RwLock<BTreeMap<Route, Arc<RouteFigures>>>>,
}

/// Method and route template.
type Route = (&'static str, String);

/// Counters of one route and method.
#[derive(Debug, Default)]
pub struct RouteFigures {
    /// Responses by the first digit of their status, from 1.
    classes: [AtomicU64; 5],
    /// Responses by duration, each bucket separately; the last one is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// Failure of a client connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionFailure {
    /// The TLS handshake failed.
    Tls,
    /// The data is not an HTTP/1.1 request.
    Parse,
    /// A handshake or a request's head took too long.
    HeadTimeout,
    /// The client closed in the middle of a request.
    Incomplete,
    /// The connection broke.
    Broken,
}

impl Metrics {
    /// Counters of a method and a route template, both from closed sets.
    pub fn route(&self, method: &'static str, route: &str) -> Arc<RouteFigures> {
        self.http().requests.of(method, route)
    }

    /// Counts a client connection as open until the guard is dropped.
    pub fn connection(&self) -> OpenConnection {
        self.http().connections.inc();
        OpenConnection(self.http().connections.clone())
    }

    /// Counts a failed client connection.
    pub fn connection_failed(&self, failure: ConnectionFailure) {
        let label = [("kind", failure.word())];
        self.http().failures.get_or_create(&label).inc();
    }

    /// Counts a refused client connection: `full`, `address` or `descriptors`.
    pub fn connection_refused(&self, reason: &'static str) {
        self.http().refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts a client connection that was evicted for another.
    pub fn connection_evicted(&self) {
        self.http().evicted.inc();
    }
}

impl HttpFigures {
    pub(super) fn register(&self, r: &mut Registry) {
        for failure in ConnectionFailure::ALL {
            drop(self.failures.get_or_create(&[("kind", failure.word())]));
        }
        for reason in ["full", "address", "descriptors"] {
            drop(self.refused.get_or_create(&[("reason", reason)]));
        }
        r.register_collector(Box::new(self.requests.clone()));
        let help = "Clients' connections that are open";
        r.register("connections", help, self.connections.clone());
        let help = "Clients' connections that failed, by how";
        r.register("connection_failures", help, self.failures.clone());
        let help = "Clients' connections that were refused, by why";
        r.register("connections_refused", help, self.refused.clone());
        let help = "Clients' connections that were ended to make room for others";
        r.register("connections_evicted", help, self.evicted.clone());
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ConnectionFailure {
    const ALL: [Self; 5] = [
        Self::Tls,
        Self::Parse,
        Self::HeadTimeout,
        Self::Incomplete,
        Self::Broken,
    ];

    /// As a label.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Parse => "parse",
            Self::HeadTimeout => "head_timeout",
            Self::Incomplete => "incomplete",
            Self::Broken => "broken",
        }
    }
}

impl RouteFigures {
    /// Counts a response; the duration is from the head's end to the start of the response.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = usize::from((status / 100).clamp(1, 5) - 1);
        self.classes[class].fetch_add(1, Relaxed);
        let bucket = BOUNDS.partition_point(|bound| *bound < took.as_secs_f64());
        self.buckets[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Relaxed);
    }
}

impl RequestSeries {
    /// Counters of a method and a route.
    fn of(&self, method: &'static str, route: &str) -> Arc<RouteFigures> {
        let key = (method, route.to_owned());
        let read = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = read.get(&key) {
            return Arc::clone(figures);
        }
        drop(read);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(key).or_default())
    }
}

impl Collector for RequestSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "Requests answered, by method, route and class of their status";
        let mut family = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for ((method, route), figures) in &routes {
            for (class, count) in CLASSES.iter().zip(&figures.classes) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let labels = [("method", *method), ("route", route), ("status", class)];
                    family
                        .encode_family(&labels)?
                        .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        let help = "Time from a request's head to its answer, by method and route";
        let mut family =
            encoder.encode_descriptor("http_request", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for ((method, route), figures) in &routes {
            let counts: Vec<_> = figures.buckets.iter().map(|count| count.load(Relaxed)).collect();
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(counts.iter().copied()).collect();
            let labels = [("method", *method), ("route", route)];
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                figures.micros.load(Relaxed) as f64 / 1e6,
                counts.iter().sum(),
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 30.0];

#[cfg(test)]
mod tests {
    use crate::telemetry::{ConnectionFailure, Metrics};
    use std::time::Duration;

    #[test]
    fn requests_are_counted_by_route_and_class() {
        let metrics = Metrics::new();
        let route = metrics.route("POST", "/v1/events");
        route.answered(202, Duration::from_millis(2));
        route.answered(202, Duration::from_millis(700));
        metrics
            .route("POST", "/v1/events")
            .answered(429, Duration::from_secs(60));
        metrics.connection_failed(ConnectionFailure::Parse);
        metrics.connection_refused("full");
        metrics.connection_evicted();
        let open = metrics.connection();
        let text = metrics.shown();
        for line in [
            r#"hookgate_http_requests_total{method="POST",route="/v1/events",status="2xx"} 2"#,
            r#"hookgate_http_requests_total{method="POST",route="/v1/events",status="4xx"} 1"#,
            r#"hookgate_http_request_seconds_bucket{le="0.0025",method="POST",route="/v1/events"} 1"#,
            r#"hookgate_http_request_seconds_bucket{le="2.5",method="POST",route="/v1/events"} 2"#,
            r#"hookgate_http_request_seconds_bucket{le="+Inf",method="POST",route="/v1/events"} 3"#,
            r#"hookgate_http_request_seconds_count{method="POST",route="/v1/events"} 3"#,
            r#"hookgate_connection_failures_total{kind="parse"} 1"#,
            r#"hookgate_connections_refused_total{reason="full"} 1"#,
            "hookgate_connections_evicted_total 1",
            "hookgate_connections 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(open);
        assert!(metrics.shown().contains("hookgate_connections 0"));
    }
}
