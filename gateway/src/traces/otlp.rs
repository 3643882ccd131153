//! OTLP's requests in JSON (OpenTelemetry Protocol 1.x, "JSON Protobuf Encoding"). Pure.
//!
//! Ids are hexadecimal, 64-bit numbers are texts, enumerations are numbers.

use std::fmt::Display;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::json;

use hookgate_domain::trace_context::{SpanId, TraceId};
use hookgate_runtime::telemetry::traces::{Kind, SpanRecord, Value};

/// The gateway, as the source of its spans.
pub(super) struct Resource(Json);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: &'a Json,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<Span<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(serialize_with = "text")]
    trace_id: TraceId,
    #[serde(serialize_with = "text")]
    span_id: SpanId,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    flags: u32,
    name: &'a str,
    kind: u8,
    #[serde(serialize_with = "text")]
    start_time_unix_nano: u128,
    #[serde(serialize_with = "text")]
    end_time_unix_nano: u128,
    attributes: Vec<Attribute<'a>>,
    status: Status,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "stringValue")]
    Text(&'a str),
    #[serde(rename = "intValue", serialize_with = "text")]
    Number(i64),
    #[serde(rename = "boolValue")]
    Flag(bool),
}

#[derive(Serialize)]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

impl Resource {
    /// Creates the resource of this process; `instance` is random.
    pub(super) fn new(service_name: &str, instance: u128) -> Self {
        let attribute = |key, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        Self(json!({
            "attributes": [
                attribute("service.name", service_name),
                attribute("service.version", VERSION),
                attribute("service.instance.id", &format!("{instance:032x}")),
            ],
        }))
    }
}

/// Encodes an `ExportTraceServiceRequest`.
pub(super) fn encode(resource: &Resource, spans: &[SpanRecord]) -> Bytes {
    let scope = Scope {
        name: "hookgate",
        version: VERSION,
    };
    let request = Request {
        resource_spans: [ResourceSpans {
            resource: &resource.0,
            scope_spans: [ScopeSpans {
                scope,
                spans: spans.iter().map(span).collect(),
            }],
        }],
    };
    Bytes::from(serde_json::to_vec(&request).expect("texts, numbers and truth values only"))
}

/// Number of rejected spans that an `ExportTraceServiceResponse` names.
pub(super) fn rejected(body: &[u8]) -> u64 {
    let answer: Json = serde_json::from_slice(body).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    let text = || rejected.as_str().and_then(|text| text.parse().ok());
    rejected.as_u64().or_else(text).unwrap_or(0)
}

fn span(record: &SpanRecord) -> Span<'_> {
    let remote = match record.parent {
        Some(parent) if parent.remote => PARENT_IS_KNOWN | PARENT_IS_REMOTE,
        Some(_) => PARENT_IS_KNOWN,
        None => 0,
    };
    let start = u128::from(record.started.as_micros()) * 1000;
    Span {
        trace_id: record.context.trace_id,
        span_id: record.context.span_id,
        trace_state: record.context.state(),
        parent_span_id: record.parent.map(|parent| parent.span_id.to_string()),
        flags: u32::from(record.context.flags()) | remote,
        name: record.name,
        kind: match record.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
        },
        start_time_unix_nano: start,
        end_time_unix_nano: start + record.took.as_nanos(),
        attributes: record.attributes.iter().map(attribute).collect(),
        status: Status {
            code: record.failed.then_some(ERROR),
        },
    }
}

fn attribute<'a>((key, value): &'a (&'static str, Value)) -> Attribute<'a> {
    let value = match value {
        Value::Text(text) => AnyValue::Text(text),
        Value::Number(number) => AnyValue::Number(*number),
        Value::Flag(flag) => AnyValue::Flag(*flag),
    };
    Attribute { key, value }
}

fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Flags of a span besides those of its trace (`SpanFlags`).
const PARENT_IS_KNOWN: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;
/// Code of a failed span (`StatusCode`).
const ERROR: u8 = 2;
