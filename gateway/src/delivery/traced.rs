//! Span of an attempt, and the trace context that its request carries.
//!
//! The span is below the stored context of the event, whichever process recorded that and when.

use url::Url;

use super::{Attempted, Attempter};
use hookgate_domain::{Attempt, Outcome, TraceContext, Trigger};
use hookgate_egress::{HeaderMap, HeaderValue};
use hookgate_runtime::telemetry::traces::{Kind, Span};
use hookgate_store::Leased;

impl Attempter {
    /// Begins the span of an attempt; `None`: the event's trace is not recorded.
    pub(super) fn span(&self, leased: &Leased) -> Option<Span> {
        let event = &leased.event;
        let span = self
            .parts
            .tracer
            .resume(event.trace.as_deref(), &event.tenant, Kind::Internal);
        let mut span = span?;
        span.rename("delivery.attempt");
        span.set("messaging.system", "hookgate");
        span.set("messaging.message.id", event.id.as_str().to_owned());
        span.set("messaging.destination.name", leased.id.target.to_string());
        span.set("hookgate.event.type", event.kind.as_str().to_owned());
        span.set("hookgate.delivery.attempt", leased.attempts.saturating_add(1));
        let trigger = match leased.trigger {
            Trigger::Published => "published",
            Trigger::Replay => "replay",
            Trigger::Test => "test",
        };
        span.set("hookgate.delivery.trigger", trigger);
        Some(span)
    }

    /// Adds the trace context to a request, if the configuration passes it on.
    pub(super) fn pass_trace_on(&self, headers: &mut HeaderMap, leased: &Leased, span: Option<&Span>) {
        let stored = leased
            .event
            .trace
            .as_deref()
            .filter(|_| self.config.trace_context);
        let Some(context) = stored.map(|stored| span.map_or(stored, Span::context)) else {
            return;
        };
        // A context that was read is printable.
        if let Ok(parent) = HeaderValue::try_from(context.parent()) {
            headers.insert(TraceContext::PARENT_HEADER, parent);
        }
        headers.remove(TraceContext::STATE_HEADER);
        if let Some(Ok(state)) = context.state().map(HeaderValue::from_str) {
            headers.insert(TraceContext::STATE_HEADER, state);
        }
    }
}

/// Describes the request that an attempt sends: the URL without its query, which may be a secret.
pub(super) fn describe_request(span: &mut Span, url: &Url) {
    span.rename("POST");
    span.is_of(Kind::Client);
    span.set("http.request.method", "POST");
    span.set("server.address", url.host_str().unwrap_or_default().to_owned());
    if let Some(port) = url.port_or_known_default() {
        span.set("server.port", port);
    }
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    span.set("url.full", String::from(bare));
}

/// Ends the span of an attempt.
pub(super) fn end(mut span: Span, attempted: &Attempted) {
    match attempted {
        Attempted::Made(attempt) | Attempted::Expired(attempt) => describe_result(&mut span, attempt),
        Attempted::Postponed { .. } => span.set("hookgate.delivery.outcome", "postponed"),
        Attempted::CalledOff { .. } | Attempted::Returned | Attempted::TooLate | Attempted::Crashed => {
            span.discard();
        }
    }
}

fn describe_result(span: &mut Span, attempt: &Attempt) {
    let outcome = &attempt.outcome;
    span.set("hookgate.delivery.outcome", outcome.word());
    match outcome {
        Outcome::Delivered { status } => span.set("http.response.status_code", *status),
        Outcome::Refused { status, .. } => {
            span.set("http.response.status_code", *status);
            span.set("error.type", status.to_string());
            span.fail();
        }
        Outcome::TimedOut { during } | Outcome::Unreachable { during, .. } => {
            span.set("hookgate.delivery.stage", during.word());
            span.set("error.type", outcome.word());
            span.fail();
        }
        Outcome::Blocked { .. } | Outcome::PluginFailed { .. } | Outcome::Crashed { .. } => {
            span.set("error.type", outcome.word());
            span.fail();
        }
        Outcome::Dropped { .. } | Outcome::Postponed { .. } | Outcome::Shadowed { .. } => {}
    }
    if matches!(outcome, Outcome::Shadowed { .. }) {
        span.is_of(Kind::Internal);
    }
}
