//! Parses a request's bytes into its events, all of them or none. Pure.

use std::time::Duration;

use http::HeaderMap;

use crate::http::{Code, Problem};
use hookgate_domain::Timestamp;
use hookgate_json::{Document, Limits, Value};

use super::candidate::{Candidate, Faults, word};
use super::format::Format;
use super::{cloudevents, native};

/// Events of a request.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Candidates: at least one, except in an empty batch of CloudEvents.
    pub candidates: Vec<Candidate>,
    /// Set if they came as an array: then the response is an array too.
    pub many: bool,
}

/// Limits of the parser.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Limits of the JSON text.
    pub document: Limits,
    /// Maximum of events in an array.
    pub events: usize,
}

/// Parses a body.
///
/// # Errors
/// `invalid_json` and related codes for a body that is not JSON, `invalid_event` with every invalid
/// field.
pub(super) fn parse(
    format: Format,
    headers: &HeaderMap,
    body: &[u8],
    allowed: Allowed,
) -> Result<Parsed, Problem> {
    let root = if format == Format::Binary && body.is_empty() {
        // CloudEvents 1.0.2 §3: data is optional, and in binary mode the body is the data.
        Value::Null
    } else {
        let document = Document::parse(body, allowed.document).map_err(|error| Problem::from(&error))?;
        document.into_root()
    };
    let mut faults = Faults::default();
    let (candidates, many) = match (format, root) {
        (Format::Native, Value::Array(values)) => {
            if values.is_empty() {
                faults.add("", "an array of events has at least one");
            }
            (each(values, allowed.events, native::event, &mut faults)?, true)
        }
        (Format::Batched, Value::Array(values)) => (
            each(values, allowed.events, cloudevents::structured, &mut faults)?,
            true,
        ),
        (Format::Batched, other) => {
            faults.add("", format!("a batch is an array of events, not {}", word(&other)));
            (Vec::new(), true)
        }
        (Format::Native, one) => (native::event(one, "", &mut faults).into_iter().collect(), false),
        (Format::Structured, one) => (
            cloudevents::structured(one, "", &mut faults)
                .into_iter()
                .collect(),
            false,
        ),
        (Format::Binary, data) => (
            cloudevents::binary(headers, data, &mut faults)
                .into_iter()
                .collect(),
            false,
        ),
    };
    faults
        .into_result()
        .map_err(|errors| Problem::fields(Code::InvalidEvent, errors))?;
    Ok(Parsed { candidates, many })
}

/// Refuses events with a time more than a day after `now`.
/// A clock or a unit is wrong, and periods that start at that time would never end.
///
/// # Errors
/// `invalid_event` with the field of each.
pub(super) fn check_times(candidates: &[Candidate], now: Timestamp, many: bool) -> Result<(), Problem> {
    let latest = now.plus(MAX_AHEAD);
    let mut faults = Faults::default();
    for (index, candidate) in candidates.iter().enumerate() {
        if candidate.created.is_some_and(|created| created > latest) {
            let prefix = if many { format!("/{index}") } else { String::new() };
            let field = candidate.time_field;
            faults.add(
                format!("{prefix}/{field}"),
                "lies more than a day ahead of the gateway's clock",
            );
        }
    }
    faults
        .into_result()
        .map_err(|errors| Problem::fields(Code::InvalidEvent, errors))
}

fn each(
    values: Vec<Value>,
    most: usize,
    read: fn(Value, &str, &mut Faults) -> Option<Candidate>,
    faults: &mut Faults,
) -> Result<Vec<Candidate>, Problem> {
    if values.len() > most {
        let detail = format!(
            "There are {} events in the array; at most {most} are allowed.",
            values.len()
        );
        return Err(Problem::new(Code::InvalidEvent, detail).fix("Send them in several requests."));
    }
    let mut candidates = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        candidates.extend(read(value, &format!("/{index}"), faults));
        if faults.full() {
            break;
        }
    }
    Ok(candidates)
}

/// Longest time that an event may be ahead of the gateway's clock.
const MAX_AHEAD: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;
