//! Export of traces to an OpenTelemetry collector, by OTLP over HTTP.
//!
//! The exporter takes recorded spans from the tracer's queue and sends them in batches. It is the
//! only reader of the queue, and no event waits for it: spans that find the queue full are dropped
//! and counted. Its client is one of `egress`, apart from the client of deliveries: the collector
//! is the operator's own choice, so that it may be at any address.

mod otlp;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use hookgate_domain::Outcome;
use hookgate_egress::{self as egress, Answer, Client, EgressError, HeaderMap, HeaderValue, Request};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;
use hookgate_runtime::telemetry::traces::{SpanFate, SpanRecord};

use otlp::Resource;

/// Settings of an exporter.
#[derive(Debug, Clone)]
pub struct Settings {
    /// URL of the collector that takes traces.
    pub endpoint: Url,
    /// Headers of each request; their values are secrets.
    pub headers: HeaderMap,
    /// Name of the service.
    pub service_name: String,
    /// Maximum spans of a request, 1 or more.
    pub max_batch: usize,
    /// Longest wait of a span for its batch.
    pub export_interval: Duration,
    /// Timeout of a request.
    pub timeout: Duration,
    /// Longest time in which a shutdown sends what is left.
    pub flush_timeout: Duration,
    /// File of further certificate authorities.
    pub ca_file: Option<PathBuf>,
}

/// Sends recorded spans to a collector.
pub struct Exporter {
    settings: Settings,
    queue: Receiver<SpanRecord>,
    client: Client,
    resource: Resource,
    metrics: Metrics,
    /// Set while exports fail and the failure is logged.
    failing: bool,
}

/// Result of a request to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// The collector took the spans, except this many.
    Taken { rejected: u64 },
    /// It may take them later, after this wait if it names one.
    Later(Option<Duration>),
    /// It refuses them.
    Refused,
}

impl Exporter {
    /// Creates an exporter of the spans in a queue.
    ///
    /// # Errors
    /// The file of certificate authorities is unusable, or the resolver cannot be set up.
    pub fn new(
        settings: Settings,
        queue: Receiver<SpanRecord>,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, EgressError> {
        let resource = Resource::new(&settings.service_name, rand::rng().random());
        Ok(Self {
            client: client(&settings, clock)?,
            settings,
            queue,
            resource,
            metrics,
            failing: false,
        })
    }

    /// Sends spans until the shutdown, then what is left, within `flush_timeout`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let idle = self.client.clone().run(shutdown.clone());
        tokio::join!(idle, async {
            let mut batch = Vec::new();
            while !shutdown.is_cancelled() && self.fill(&mut batch, &shutdown).await {
                self.export(&mut batch, &shutdown).await;
            }
            self.flush(batch).await;
        });
    }

    /// Waits for a batch: until it is full, or `export_interval` after its first span. Returns
    /// `false` at the shutdown.
    async fn fill(&mut self, batch: &mut Vec<SpanRecord>, shutdown: &CancellationToken) -> bool {
        let mut until = None;
        while batch.len() < self.settings.max_batch {
            let room = self.settings.max_batch - batch.len();
            let more = shutdown.run_until_cancelled(self.queue.recv_many(batch, room));
            let received = match until {
                None => more.await,
                Some(until) => match timeout_at(until, more).await {
                    Ok(received) => received,
                    Err(_) => return true,
                },
            };
            match received {
                Some(1..) => {
                    until.get_or_insert_with(|| Instant::now() + self.settings.export_interval);
                }
                // The shutdown, or every tracer is gone.
                Some(0) | None => return false,
            }
        }
        true
    }

    /// Sends a batch, and again while the collector may take it later. Left as it is at the
    /// shutdown.
    async fn export(&mut self, batch: &mut Vec<SpanRecord>, shutdown: &CancellationToken) {
        let body = otlp::encode(&self.resource, batch);
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            match self.send(body.clone(), batch.len()).await {
                Sent::Taken { .. } => return batch.clear(),
                Sent::Refused => break,
                Sent::Later(wait) => {
                    let jitter = pause.mul_f64(rand::rng().random_range(0.5..1.0));
                    let wait = tokio::time::sleep(wait.unwrap_or(jitter).min(LONGEST_PAUSE));
                    if shutdown.run_until_cancelled(wait).await.is_none() {
                        return;
                    }
                    pause *= 2;
                }
            }
        }
        self.metrics.spans(SpanFate::NotExported, batch.len() as u64);
        batch.clear();
    }

    /// Sends everything that is left, each batch once.
    async fn flush(&mut self, mut batch: Vec<SpanRecord>) {
        let until = Instant::now() + self.settings.flush_timeout;
        loop {
            while batch.len() < self.settings.max_batch {
                let Ok(span) = self.queue.try_recv() else { break };
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            let body = otlp::encode(&self.resource, &batch);
            let sent = timeout_at(until, self.send(body, batch.len())).await;
            if !matches!(sent, Ok(Sent::Taken { .. })) {
                let left = batch.len() + self.queue.len();
                self.metrics.spans(SpanFate::NotExported, left as u64);
                tracing::warn!(count = left, "traces.not_flushed");
                return;
            }
            batch.clear();
        }
    }

    /// Sends one request, and counts what the collector took.
    async fn send(&mut self, body: Bytes, spans: usize) -> Sent {
        let answer = post(&self.client, &self.settings, body).await;
        let sent = Sent::of(&answer);
        if let Sent::Taken { rejected } = sent {
            let rejected = rejected.min(spans as u64);
            self.metrics.spans(SpanFate::Exported, spans as u64 - rejected);
            self.metrics.spans(SpanFate::Rejected, rejected);
        }
        self.tell(&answer.outcome);
        sent
    }

    /// Logs the first failure, and its end.
    fn tell(&mut self, outcome: &Outcome) {
        let failed = !outcome.is_success();
        if failed && !self.failing {
            let (status, reason) = match outcome {
                Outcome::Refused { status, .. } => (Some(*status), None),
                Outcome::Unreachable { reason, .. } | Outcome::Blocked { reason } => {
                    (None, Some(reason.as_str()))
                }
                _ => (None, None),
            };
            tracing::warn!(outcome = outcome.word(), status, reason, "traces.export_failed");
        } else if !failed && self.failing {
            tracing::info!("traces.exported_again");
        }
        self.failing = failed;
    }
}

/// Sends a request without spans, to try a collector.
///
/// # Errors
/// As [`Exporter::new`].
pub async fn probe(settings: &Settings, clock: Clock) -> Result<Outcome, EgressError> {
    let body = otlp::encode(&Resource::new(&settings.service_name, 0), &[]);
    let answer = post(&client(settings, clock)?, settings, body).await;
    Ok(answer.outcome)
}

/// Client for any address, with figures of its own: those of the gateway are of deliveries.
fn client(settings: &Settings, clock: Clock) -> Result<Client, EgressError> {
    let any = ["0.0.0.0/0", "::/0"];
    let config = egress::Config {
        allow: any.iter().filter_map(|range| range.parse().ok()).collect(),
        ca_file: settings.ca_file.clone(),
        idle_connections: 1,
        idle_connections_total: 1,
        ..egress::Config::default()
    };
    Client::new(&config, clock)
}

async fn post(client: &Client, settings: &Settings, body: Bytes) -> Answer {
    let mut headers = settings.headers.clone();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("user-agent", USER_AGENT);
    let request = Request {
        url: &settings.endpoint,
        headers,
        body,
        timeout: settings.timeout,
    };
    client.send(request).await
}

impl Sent {
    /// Meaning of a collector's answer (OTLP 1.x, "OTLP/HTTP Response").
    fn of(answer: &Answer) -> Self {
        match &answer.outcome {
            Outcome::Delivered { .. } => Self::Taken {
                rejected: otlp::rejected(&answer.body),
            },
            Outcome::Refused {
                status: 429 | 502 | 503 | 504,
                retry_after,
            } => Self::Later(*retry_after),
            Outcome::Refused { .. } | Outcome::Blocked { .. } => Self::Refused,
            _ => Self::Later(None),
        }
    }
}

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("hookgate/", env!("CARGO_PKG_VERSION")));
/// Requests that one batch is sent in.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collector_answers_are_told_apart() {
        let of = |outcome| {
            let body = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}"#.to_vec();
            Sent::of(&Answer { outcome, body })
        };
        let refused = |status| {
            of(Outcome::Refused {
                status,
                retry_after: None,
            })
        };
        assert_eq!(
            of(Outcome::Delivered { status: 200 }),
            Sent::Taken { rejected: 2 }
        );
        assert_eq!(refused(400), Sent::Refused);
        assert_eq!(refused(301), Sent::Refused);
        for status in [429, 502, 503, 504] {
            assert_eq!(refused(status), Sent::Later(None));
        }
        let during = hookgate_domain::delivery::Stage::Head;
        assert_eq!(of(Outcome::TimedOut { during }), Sent::Later(None));
    }
}
