//! An OpenTelemetry collector: takes OTLP over HTTP in JSON, and decodes the spans strictly.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Receiver, Reply, eventually};

/// A running collector, ended on drop.
#[derive(Debug)]
pub struct Collector {
    receiver: Receiver,
}

/// A span, as the collector received it.
#[derive(Debug, Clone)]
pub struct Span {
    /// Id of the trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// Id of the span: 16 hexadecimal digits.
    pub id: String,
    /// Id of the parent.
    pub parent: Option<String>,
    /// The trace's `tracestate`.
    pub state: Option<String>,
    /// Flags of the trace and of the parent.
    pub flags: u64,
    /// Name.
    pub name: String,
    /// Role: 1 internal, 2 server, 3 client.
    pub kind: u64,
    /// Start and end, in ns since the Unix epoch.
    pub time: (u64, u64),
    /// Attributes.
    pub attributes: BTreeMap<String, Value>,
    /// Set if the operation failed.
    pub failed: bool,
    /// Name of the service.
    pub service: String,
}

impl Collector {
    /// Starts a collector that answers with this script, and 200 from then on.
    pub async fn start(script: Vec<Reply>) -> Self {
        Self {
            receiver: Receiver::start(script).await,
        }
    }

    /// URL for traces.
    pub fn url(&self) -> String {
        format!("http://{}/v1/traces", self.receiver.address())
    }

    /// Everything that was received, as text, with the headers' names.
    pub fn text(&self) -> String {
        let received = self.receiver.received();
        received.iter().map(|request| request.text().to_owned()).collect()
    }

    /// Value of a header of each request.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let received = self.receiver.received();
        received
            .iter()
            .map(|request| request.header(name).to_owned())
            .collect()
    }

    /// Spans of the requests that were answered 200.
    ///
    /// # Panics
    /// If a request is not an `ExportTraceServiceRequest`.
    pub fn spans(&self) -> Vec<Span> {
        let received = self.receiver.received();
        let taken = received.iter().filter(|request| request.answered == 200);
        taken
            .flat_map(|request| {
                assert_eq!(request.path, "/v1/traces");
                assert_eq!(request.header("content-type"), "application/json");
                request_spans(&request.json())
            })
            .collect()
    }

    /// Waits for a span that matches a predicate.
    pub async fn wait_for(&self, what: &str, is_such: impl Fn(&Span) -> bool) -> Span {
        eventually(what, async || self.spans().into_iter().find(|span| is_such(span))).await
    }
}

impl Span {
    /// Text of an attribute; empty if it is absent.
    pub fn text(&self, key: &str) -> &str {
        self.attributes
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Number of an attribute.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.attributes.get(key)?.as_i64()
    }

    /// Returns `true` if the other span is the parent.
    pub fn is_below(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id && self.parent.as_deref() == Some(&other.id)
    }
}

fn request_spans(request: &Value) -> Vec<Span> {
    only(request, &["resourceSpans"]);
    let mut spans = Vec::new();
    for resource in list(request, "resourceSpans") {
        only(resource, &["resource", "scopeSpans"]);
        let own = attributes(&resource["resource"]);
        assert!(own["service.version"].is_string() && own["service.instance.id"].is_string());
        let service = own["service.name"].as_str().expect("a name");
        for scope in list(resource, "scopeSpans") {
            only(scope, &["scope", "spans"]);
            assert_eq!(scope["scope"]["name"], "hookgate");
            spans.extend(list(scope, "spans").iter().map(|span| read(span, service)));
        }
    }
    spans
}

fn read(span: &Value, service: &str) -> Span {
    only(
        span,
        &[
            "traceId",
            "spanId",
            "traceState",
            "parentSpanId",
            "flags",
            "name",
            "kind",
            "startTimeUnixNano",
            "endTimeUnixNano",
            "attributes",
            "status",
        ],
    );
    let time = |key: &str| -> u64 {
        let text = span[key].as_str().expect("64-bit numbers are texts");
        text.parse().expect("a number")
    };
    let time = (time("startTimeUnixNano"), time("endTimeUnixNano"));
    assert!(time.0 > 1_600_000_000_000_000_000 && time.0 <= time.1, "{span}");
    only(&span["status"], &["code"]);
    Span {
        trace_id: id(&span["traceId"], 32),
        id: id(&span["spanId"], 16),
        parent: span.get("parentSpanId").map(|parent| id(parent, 16)),
        state: span.get("traceState").and_then(Value::as_str).map(str::to_owned),
        flags: span["flags"].as_u64().expect("flags"),
        name: span["name"]
            .as_str()
            .filter(|name| !name.is_empty())
            .expect("a name")
            .to_owned(),
        kind: span["kind"]
            .as_u64()
            .filter(|kind| (1..=3).contains(kind))
            .expect("a kind"),
        time,
        attributes: attributes(span),
        failed: span["status"]["code"] == 2,
        service: service.to_owned(),
    }
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let mut read = BTreeMap::new();
    for attribute in list(of, "attributes") {
        only(attribute, &["key", "value"]);
        let (kind, value) = single(&attribute["value"]);
        let value = match kind {
            "stringValue" => value.is_string().then(|| value.clone()),
            "boolValue" => value.is_boolean().then(|| value.clone()),
            "intValue" => value
                .as_str()
                .and_then(|text| text.parse::<i64>().ok())
                .map(Value::from),
            _ => None,
        };
        let key = attribute["key"].as_str().expect("a key").to_owned();
        let before = read.insert(key, value.expect("a value of its type"));
        assert_eq!(before, None, "an attribute twice: {of}");
    }
    read
}

fn single(value: &Value) -> (&str, &Value) {
    let members = value.as_object().filter(|members| members.len() == 1);
    let member = members.and_then(|members| members.iter().next());
    member
        .map(|(kind, value)| (kind.as_str(), value))
        .expect("one member")
}

fn list<'v>(of: &'v Value, key: &str) -> &'v [Value] {
    of[key].as_array().expect("a list")
}

fn only(value: &Value, known: &[&str]) {
    let empty = Map::new();
    let members = value.as_object().unwrap_or(&empty);
    let unknown: Vec<_> = members
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .collect();
    assert!(value.is_object() && unknown.is_empty(), "{unknown:?} in {value}");
}

fn id(value: &Value, digits: usize) -> String {
    let text = value.as_str().unwrap_or_default();
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    assert!(text.len() == digits && text.bytes().all(hex), "{value}");
    assert!(text.bytes().any(|b| b != b'0'), "{value}");
    text.to_owned()
}
