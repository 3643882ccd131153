//! Settings of traces: which are recorded, and where they are sent.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Config, Problem, SecretText};
use crate::traces::Settings;
use hookgate_domain::units::Span;
use hookgate_egress::{HeaderMap, HeaderName, HeaderValue, custom_header};
use hookgate_runtime::telemetry::traces::Sampling;

/// Traces, for an OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// URL to which spans are sent by OTLP over HTTP, in JSON, such as
    /// `http://localhost:4318/v1/traces`. Without it: no traces. The collector may be at any
    /// address: `egress.allow` is for deliveries. Authorities of `egress.ca_file` are trusted.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Url>,
    /// Headers of each request to the collector, such as `authorization`; their values are secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretText>,
    /// Name of the service (`service.name`).
    pub service_name: String,
    /// Share of the traces that are recorded, from 0 to 1: `0.01` is one in a hundred. It is chosen
    /// by the trace's id, the same at every gateway.
    pub sample_ratio: f64,
    /// Follow the decision of a producer that sends `traceparent`: then `sample_ratio` is for
    /// requests without it alone. With `false`, `sample_ratio` is for all.
    pub parent_based: bool,
    /// Maximum of spans that wait for the collector in memory, 1 to 1000000. Further ones are
    /// dropped and counted (`hookgate_trace_spans_total`); no event waits.
    pub max_queue: usize,
    /// Maximum of spans in one request, 1 to 10000.
    pub max_batch: usize,
    /// Longest wait of a span for others of its request.
    pub export_interval: Span,
    /// Timeout of a request to the collector. A request that fails or is answered 429, 502, 503 or
    /// 504 is repeated up to four times.
    pub timeout: Span,
    /// Longest time in which a shutdown sends the spans that are left.
    pub flush_timeout: Span,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: BTreeMap::new(),
            service_name: "hookgate".to_owned(),
            sample_ratio: 1.0,
            parent_based: true,
            max_queue: 4096,
            max_batch: 512,
            export_interval: Span::from_secs(5),
            timeout: Span::from_secs(10),
            flush_timeout: Span::from_secs(5),
        }
    }
}

impl Traces {
    /// Rules by which traces are recorded.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            ratio: self.sample_ratio,
            parent_based: self.parent_based,
        }
    }

    fn header(name: &str, value: &SecretText) -> Result<(HeaderName, HeaderValue), String> {
        let value = value.resolve().map_err(|error| error.to_string())?;
        custom_header(name, &value).map_err(|error| error.to_string())
    }
}

impl Config {
    /// Settings of the exporter of traces; `None`: there is no collector.
    ///
    /// # Errors
    /// Headers that cannot be sent, or whose values cannot be read.
    pub fn trace_export(&self) -> Result<Option<Settings>, super::Refused> {
        let traces = &self.traces;
        let Some(endpoint) = traces.endpoint.clone() else {
            return Ok(None);
        };
        let mut headers = HeaderMap::with_capacity(traces.headers.len() + 4);
        for (name, value) in &traces.headers {
            let read = Traces::header(name, value);
            let (name, value) = read.map_err(|bad| super::Refused(vec![bad_header(name, bad)]))?;
            headers.insert(name, value);
        }
        Ok(Some(Settings {
            endpoint,
            headers,
            service_name: traces.service_name.clone(),
            max_batch: traces.max_batch,
            export_interval: traces.export_interval.get(),
            timeout: traces.timeout.get(),
            flush_timeout: traces.flush_timeout.get(),
            ca_file: self.egress.ca_file.clone(),
        }))
    }
}

/// Checks the settings of traces.
pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let traces = &config.traces;
    if let Some(endpoint) = &traces.endpoint {
        let bare = endpoint.query().is_none() && endpoint.fragment().is_none();
        let anonymous = endpoint.username().is_empty() && endpoint.password().is_none();
        if !matches!(endpoint.scheme(), "http" | "https") || !bare || !anonymous {
            let hint = "such as `http://localhost:4318/v1/traces`; secrets belong in traces.headers";
            let message = "it is an http or https URL without user, query and fragment";
            problems.push(Problem::of("traces.endpoint", message, Some(hint.to_owned())));
        }
    }
    for (name, value) in &traces.headers {
        if let Err(bad) = Traces::header(name, value) {
            problems.push(bad_header(name, bad));
        }
    }
    if !(0.0..=1.0).contains(&traces.sample_ratio) {
        problems.push(Problem::of("traces.sample_ratio", "it is 0 to 1", None));
    }
    for (key, count, most) in [
        ("traces.max_queue", traces.max_queue, LARGEST_QUEUE),
        ("traces.max_batch", traces.max_batch, LARGEST_BATCH),
    ] {
        if !(1..=most).contains(&count) {
            problems.push(Problem::of(key, format!("it is 1 to {most}"), None));
        }
    }
    for (key, span) in [
        ("traces.export_interval", traces.export_interval),
        ("traces.timeout", traces.timeout),
    ] {
        if span.get().is_zero() {
            problems.push(Problem::of(key, "it is over zero, such as `5s`", None));
        }
    }
    if traces.flush_timeout.get() > LONGEST_FLUSH {
        problems.push(Problem::of("traces.flush_timeout", "it is at most 1m", None));
    }
}

fn bad_header(name: &str, bad: String) -> Problem {
    Problem::of(format!("traces.headers.{name}"), bad, None)
}

const LARGEST_QUEUE: usize = 1_000_000;
const LARGEST_BATCH: usize = 10_000;
const LONGEST_FLUSH: std::time::Duration = std::time::Duration::from_secs(60);
