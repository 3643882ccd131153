//! Traces: spans of the gateway's work, recorded into a bounded queue for an exporter.
//!
//! A [`Tracer`] decides which traces are recorded. The spans of a recorded trace are values that
//! enter the queue when they are dropped; a full queue drops them and counts it, and nothing ever
//! waits for it. A tracer that is off has no queue: no function allocates or reads a clock then.
//! Attributes hold ids, names, numbers and words of closed sets, never payloads or secrets.

mod figures;
mod span;

use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::mpsc;

use super::Metrics;
use crate::clock::Clock;
use hookgate_domain::trace_context::{SpanId, TraceId};
use hookgate_domain::{TenantId, Timestamp, TraceContext};

pub use figures::SpanFate;
pub(super) use figures::TraceFigures;
pub use span::{Kind, Parent, Span, SpanRecord, Value};

/// Starts the spans of recorded traces. Cheap to clone; the default is off.
#[derive(Clone, Default)]
pub struct Tracer {
    inner: Option<Arc<Inner>>,
}

/// Rules by which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Share of the traces that are recorded, from 0 to 1, chosen by the trace's id.
    pub ratio: f64,
    /// Set if a producer's own decision is followed: then `ratio` is for other traces alone.
    pub parent_based: bool,
}

/// Recorded trace at one of its spans, which is the parent of further spans. Cheap to clone.
#[derive(Clone)]
pub struct Recording {
    inner: Arc<Inner>,
    context: Arc<TraceContext>,
    tenant: TenantId,
}

/// Place of a span in its trace.
struct Position {
    context: TraceContext,
    parent: Option<Parent>,
}

struct Inner {
    queue: mpsc::Sender<SpanRecord>,
    sampling: Sampling,
    clock: Clock,
    metrics: Metrics,
}

impl Tracer {
    /// Creates a tracer with a queue of at most `max_queue` spans, for the returned receiver.
    pub fn new(
        sampling: Sampling,
        max_queue: usize,
        clock: Clock,
        metrics: Metrics,
    ) -> (Self, mpsc::Receiver<SpanRecord>) {
        let (queue, spans) = mpsc::channel(max_queue.max(1));
        let inner = Inner {
            queue,
            sampling,
            clock,
            metrics,
        };
        let inner = Some(Arc::new(inner));
        (Self { inner }, spans)
    }

    /// Returns `true` if any trace is recorded.
    pub fn is_on(&self) -> bool {
        self.inner.is_some()
    }

    /// Starts the first span of a request of a tenant, below the span that its sender names, or as
    /// the root of a new trace. `None`: the trace is not recorded.
    pub fn start(&self, sender: Option<&TraceContext>, tenant: &TenantId, kind: Kind) -> Option<Span> {
        let inner = self.inner.as_ref()?;
        let context = match sender {
            Some(sender) => sender.below(SpanId(NonZeroU64::new(rand::rng().random())?)),
            None => new_root()?,
        };
        let sampling = inner.sampling;
        let sampled = match sender {
            Some(sender) if sampling.parent_based => sender.is_sampled(),
            Some(_) | None => sampling.takes(context.trace_id),
        };
        let parent = sender.map(|sender| Parent {
            span_id: sender.span_id,
            remote: true,
        });
        let position = Position { context, parent };
        sampled.then(|| Span::begin(inner, position, tenant, kind))
    }

    /// Continues the trace that is stored with an event: a span below the stored one, whichever
    /// process recorded that. `None`: the trace is not recorded.
    pub fn resume(&self, stored: Option<&TraceContext>, tenant: &TenantId, kind: Kind) -> Option<Span> {
        let inner = self.inner.as_ref()?;
        let sampling = inner.sampling;
        let sampled = |stored: &&TraceContext| {
            stored.is_sampled() && (sampling.parent_based || sampling.takes(stored.trace_id))
        };
        let stored = stored.filter(sampled)?;
        let position = Position {
            context: stored.below(SpanId(NonZeroU64::new(rand::rng().random())?)),
            parent: Some(Parent {
                span_id: stored.span_id,
                remote: true,
            }),
        };
        Some(Span::begin(inner, position, tenant, kind))
    }
}

impl Recording {
    /// Starts a span below this one.
    pub fn span(&self, name: &'static str) -> Option<Span> {
        let mut span = Span::begin(&self.inner, self.position()?, &self.tenant, Kind::Internal);
        span.rename(name);
        Some(span)
    }

    /// Records a span below this one that has ended.
    pub fn past_span(&self, name: &'static str, started: Timestamp, took: Duration) -> Option<Span> {
        let mut span = self.span(name)?;
        span.happened(started, took);
        Some(span)
    }

    fn position(&self) -> Option<Position> {
        let parent = Parent {
            span_id: self.context.span_id,
            remote: false,
        };
        Some(Position {
            context: self.context.below(SpanId(NonZeroU64::new(rand::rng().random())?)),
            parent: Some(parent),
        })
    }
}

impl Sampling {
    /// Returns `true` for a trace that is recorded by its id: the same at every gateway, and as
    /// OpenTelemetry's `TraceIdRatioBased` sampler decides.
    fn takes(self, trace_id: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace_id.0.get().to_be_bytes();
        let place = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
        // The nearest representable bound; 2^63 takes every trace.
        (place as f64) < self.ratio * TRACES || self.ratio >= 1.0
    }
}

/// Context of the root of a new trace.
fn new_root() -> Option<TraceContext> {
    let trace_id = TraceId(NonZeroU128::new(rand::rng().random())?);
    let span_id = SpanId(NonZeroU64::new(rand::rng().random())?);
    let flags = TraceContext::SAMPLED | TraceContext::RANDOM;
    Some(TraceContext::new(trace_id, span_id, flags, ""))
}

impl Inner {
    /// Puts a span into the queue, or counts it as dropped.
    fn record(&self, span: SpanRecord) {
        if self.queue.try_send(span).is_err() {
            self.metrics.spans(SpanFate::QueueFull, 1);
        }
    }
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_on() { "Tracer" } else { "Tracer(off)" })
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({:?})", self.context)
    }
}

/// Number of places among which ids are chosen: 2^63.
const TRACES: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn tracer(ratio: f64, parent_based: bool) -> (Tracer, mpsc::Receiver<SpanRecord>, Metrics) {
        let metrics = Metrics::new();
        let sampling = Sampling { ratio, parent_based };
        let clock = Clock::Manual(ManualClock::default());
        let (tracer, spans) = Tracer::new(sampling, 2, clock, metrics.clone());
        (tracer, spans, metrics)
    }

    fn tenant() -> TenantId {
        "acme".parse().unwrap()
    }

    fn context(trace_id: u128, flags: u8) -> TraceContext {
        let (trace_id, span_id) = (NonZeroU128::new(trace_id).unwrap(), NonZeroU64::new(7).unwrap());
        TraceContext::new(TraceId(trace_id), SpanId(span_id), flags, "a=b")
    }

    #[test]
    fn sampler_follows_the_producer_or_the_ratio() {
        let (first, last) = (context(2, 0), context(u128::MAX, 0));
        let sampled = context(u128::MAX, TraceContext::SAMPLED);
        for (ratio, parent_based, sender, expected) in [
            (1.0, true, None, true),
            (0.0, true, None, false),
            (1.0, true, Some(&first), false),
            (0.0, true, Some(&sampled), true),
            (0.0, false, Some(&sampled), false),
            (1.0, false, Some(&last), true),
            (0.5, false, Some(&first), true),
            (0.5, false, Some(&sampled), false),
        ] {
            let (tracer, _spans, _) = tracer(ratio, parent_based);
            let span = tracer.start(sender, &tenant(), Kind::Server);
            assert_eq!(span.is_some(), expected, "{ratio} {parent_based} {sender:?}");
        }
        // A stored decision is the producer's, where it was passed on alone.
        let (tracer, _spans, _) = tracer(0.5, false);
        assert!(tracer.resume(Some(&sampled), &tenant(), Kind::Client).is_none());
        let off = Tracer::default();
        assert!(off.start(Some(&sampled), &tenant(), Kind::Server).is_none());
        assert!(off.resume(Some(&sampled), &tenant(), Kind::Client).is_none());
    }

    #[test]
    fn span_continues_the_trace_of_its_parent() {
        let (tracer, mut spans, _) = tracer(0.0, true);
        let sender = context(5, TraceContext::SAMPLED);
        let span = tracer.start(Some(&sender), &tenant(), Kind::Server).unwrap();
        let own = span.context().clone();
        assert_eq!((own.trace_id, own.state()), (sender.trace_id, Some("a=b")));
        drop(span.recording().span("store.accept"));
        drop(span);
        let (child, parent) = (spans.try_recv().unwrap(), spans.try_recv().unwrap());
        let of = |record: &SpanRecord| record.parent.map(|parent| (parent.span_id, parent.remote));
        assert_eq!(of(&child), Some((own.span_id, false)));
        assert_eq!(of(&parent), Some((sender.span_id, true)));
        assert!(
            tracer
                .resume(Some(&context(5, 0)), &tenant(), Kind::Client)
                .is_none()
        );
        let span = tracer.resume(Some(&own), &tenant(), Kind::Client).unwrap();
        span.discard();
        assert!(spans.try_recv().is_err());
    }

    #[test]
    fn span_over_the_queue_is_dropped_and_counted() {
        let (tracer, _spans, metrics) = tracer(1.0, true);
        for _ in 0..5 {
            drop(tracer.start(None, &tenant(), Kind::Server));
        }
        let text = metrics.shown();
        assert!(
            text.contains("hookgate_trace_spans_total{fate=\"queue_full\"} 3"),
            "{text}"
        );
    }
}
