//! Trace of a request with events: its span, and the context that its events are stored with.
//!
//! A request begins its span once its key is known: requests without a valid key leave none.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::AcceptedEvent;
use super::{Parts, Problem};
use hookgate_domain::{TenantId, TraceContext};
use hookgate_runtime::telemetry::traces::{Kind, Recording, Span};

/// Trace of a request. The default is none.
#[derive(Default)]
pub(super) struct RequestTrace {
    span: Option<Span>,
    stored: Option<TraceContext>,
}

impl RequestTrace {
    /// Begins the trace of a request, unless traces are neither recorded nor passed on.
    pub(super) fn begin(parts: &Parts, tenant: &TenantId, headers: &HeaderMap) -> Self {
        if !parts.tracer.is_on() && !parts.keep_trace_context {
            return Self::default();
        }
        let bytes = |name| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        let sender = TraceContext::of_headers(
            bytes(TraceContext::PARENT_HEADER),
            bytes(TraceContext::STATE_HEADER),
        );
        let mut span = parts.tracer.start(sender.as_ref(), tenant, Kind::Server);
        if let Some(span) = &mut span {
            span.rename("POST /v1/events");
            span.set("http.request.method", "POST");
            span.set("http.route", "/v1/events");
            span.set("url.path", "/v1/events");
        }
        let stored = match &span {
            Some(span) => Some(span.context().clone()),
            None => sender.filter(|_| parts.keep_trace_context),
        };
        Self { span, stored }
    }

    /// Context to store with the request's events.
    pub(super) fn stored(&self) -> Option<Box<TraceContext>> {
        self.stored.clone().map(Box::new)
    }

    /// The trace, if it is recorded, for spans below the request's.
    pub(super) fn recording(&self) -> Option<Recording> {
        self.span.as_ref().map(Span::recording)
    }

    /// Ends the request's span. `success`: the status of an answer that is no problem.
    pub(super) fn end(self, success: StatusCode, answered: Result<&[AcceptedEvent], &Problem>) {
        let Some(mut span) = self.span else { return };
        span.set("messaging.system", "hookgate");
        match answered {
            Ok([event]) => {
                span.set("http.response.status_code", success.as_u16());
                span.set("messaging.message.id", event.id.as_str().to_owned());
                span.set("hookgate.event.status", event.status.word());
                span.set("hookgate.event.deliveries", event.deliveries);
            }
            Ok(events) => {
                span.set("http.response.status_code", success.as_u16());
                span.set("messaging.batch.message_count", events.len());
            }
            Err(problem) => {
                let code = problem.code();
                span.set("http.response.status_code", code.status());
                span.set("error.type", code.name());
                // HTTP semantic conventions: a client's error is none of the server's span.
                if code.status() >= 500 {
                    span.fail();
                }
            }
        }
    }
}
