//! Figures of traces at `/metrics`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::telemetry::Metrics;
use crate::telemetry::metrics::Labels;

/// Counters of spans.
#[derive(Debug, Default)]
pub(in crate::telemetry) struct TraceFigures {
    spans: Family<Labels<1>, Counter>,
}

/// Fate of a recorded span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanFate {
    /// The collector took it.
    Exported,
    /// Dropped: the queue was full.
    QueueFull,
    /// Dropped: the collector was not reached, or refused the request.
    NotExported,
    /// The collector took the request and rejected the span.
    Rejected,
}

impl SpanFate {
    const ALL: [Self; 4] = [Self::Exported, Self::QueueFull, Self::NotExported, Self::Rejected];

    fn word(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::QueueFull => "queue_full",
            Self::NotExported => "not_exported",
            Self::Rejected => "rejected",
        }
    }
}

impl TraceFigures {
    pub(in crate::telemetry) fn register(&self, registry: &mut Registry) {
        for fate in SpanFate::ALL {
            drop(self.spans.get_or_create(&[("fate", fate.word())]));
        }
        registry.register(
            "trace_spans",
            "Spans of traces, by what became of them",
            self.spans.clone(),
        );
    }
}

impl Metrics {
    /// Counts spans by what became of them.
    pub fn spans(&self, fate: SpanFate, count: u64) {
        let spans = &self.traces().spans;
        spans.get_or_create(&[("fate", fate.word())]).inc_by(count);
    }
}
