//! Trace context in an event's record: about 30 bytes and the `tracestate`.

use std::num::{NonZeroU64, NonZeroU128};

use super::wire::{Reader, Writer};
use crate::StoreError;
use hookgate_domain::TraceContext;
use hookgate_domain::trace_context::{SpanId, TraceId};

/// Marker in the place of an event's fate: the trace context comes first. The fate follows.
const TRACE: u8 = 0x80;

/// Writes the trace context of an event; nothing, if it has none.
pub(super) fn write(out: &mut Writer, trace: Option<&TraceContext>) {
    let Some(trace) = trace else { return };
    out.byte(TRACE);
    out.raw(&trace.trace_id.0.get().to_be_bytes());
    out.raw(&trace.span_id.0.get().to_be_bytes());
    out.byte(trace.flags());
    out.text(trace.state().unwrap_or_default());
}

/// Reads the trace context, if `tag` marks one, and the tag of the fate.
pub(super) fn read(from: &mut Reader<'_>, tag: u8) -> Result<(Option<Box<TraceContext>>, u8), StoreError> {
    if tag != TRACE {
        return Ok((None, tag));
    }
    let trace_id = NonZeroU128::new(u128::from_be_bytes(from.array()?));
    let span_id = NonZeroU64::new(u64::from_be_bytes(from.array()?));
    let (flags, state): (u8, String) = (from.byte()?, from.text()?);
    let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else {
        return Err(from.corrupt());
    };
    let trace = TraceContext::new(TraceId(trace_id), SpanId(span_id), flags, &state);
    Ok((Some(Box::new(trace)), from.byte()?))
}
