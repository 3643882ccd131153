//! Spans: started, described, and recorded when they are dropped.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Inner, Position, Recording};
use hookgate_domain::trace_context::SpanId;
use hookgate_domain::{TenantId, Timestamp, TraceContext};

/// Span of a recorded trace that is under way. It ends and is recorded when it is dropped.
pub struct Span {
    inner: Arc<Inner>,
    begun: Instant,
    took: Option<Duration>,
    tenant: TenantId,
    /// `None` once it is recorded or discarded.
    record: Option<Box<SpanRecord>>,
}

/// Recorded span, as the exporter receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanRecord {
    /// The trace, and the id of this span.
    pub context: TraceContext,
    /// Parent of the span; `None` for the root of a trace.
    pub parent: Option<Parent>,
    /// Name, from a closed set.
    pub name: &'static str,
    /// Role of the span.
    pub kind: Kind,
    /// Start, by the wall clock.
    pub started: Timestamp,
    /// Duration.
    pub took: Duration,
    /// Attributes, with OpenTelemetry's names where it has any.
    pub attributes: Vec<(&'static str, Value)>,
    /// Set if the operation failed.
    pub failed: bool,
}

/// Parent of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Id of the parent.
    pub span_id: SpanId,
    /// Set if another process may have recorded it.
    pub remote: bool,
}

/// Role of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work inside the gateway.
    Internal,
    /// Request that the gateway answers.
    Server,
    /// Request that the gateway sends.
    Client,
}

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, at most [`Value::MAX_TEXT`] bytes.
    Text(Cow<'static, str>),
    /// Number.
    Number(i64),
    /// Truth value.
    Flag(bool),
}

impl Span {
    pub(super) fn begin(inner: &Arc<Inner>, at: Position, tenant: &TenantId, kind: Kind) -> Self {
        let record = SpanRecord {
            context: at.context,
            parent: at.parent,
            name: "",
            kind,
            started: inner.clock.now(),
            took: Duration::ZERO,
            attributes: vec![("hookgate.tenant", tenant.as_str().to_owned().into())],
            failed: false,
        };
        Self {
            inner: Arc::clone(inner),
            begun: Instant::now(),
            took: None,
            tenant: tenant.clone(),
            record: Some(Box::new(record)),
        }
    }

    /// Context of what this span causes.
    pub fn context(&self) -> &TraceContext {
        &self.record().context
    }

    /// Start of the span.
    pub fn started(&self) -> Timestamp {
        self.record().started
    }

    /// Trace at this span, for spans below it.
    pub fn recording(&self) -> Recording {
        Recording {
            inner: Arc::clone(&self.inner),
            context: Arc::new(self.context().clone()),
            tenant: self.tenant.clone(),
        }
    }

    /// Sets the name.
    pub fn rename(&mut self, name: &'static str) {
        self.change(|record| record.name = name);
    }

    /// Sets the role.
    pub fn is_of(&mut self, kind: Kind) {
        self.change(|record| record.kind = kind);
    }

    /// Adds an attribute.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.change(|record| record.attributes.push((name, value.into())));
    }

    /// Marks the operation as failed.
    pub fn fail(&mut self) {
        self.change(|record| record.failed = true);
    }

    /// Ends the span without a record.
    pub fn discard(mut self) {
        self.record = None;
    }

    pub(super) fn happened(&mut self, started: Timestamp, took: Duration) {
        self.took = Some(took);
        self.change(|record| record.started = started);
    }

    fn change(&mut self, change: impl FnOnce(&mut SpanRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    fn record(&self) -> &SpanRecord {
        self.record
            .as_ref()
            .expect("a span has its record until it is dropped")
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.took = self.took.unwrap_or_else(|| self.begun.elapsed());
            self.inner.record(*record);
        }
    }
}

impl Value {
    /// Maximum bytes of a text; a longer one is truncated.
    pub const MAX_TEXT: usize = 1024;
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(mut text: String) -> Self {
        text.truncate(text.floor_char_boundary(Self::MAX_TEXT));
        Self::Text(Cow::Owned(text))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({:?})", self.record)
    }
}
