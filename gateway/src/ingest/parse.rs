//! From a request's bytes to the events that it brings, all of them or none. Pure.

use http::HeaderMap;

use crate::document::{Document, Limits, Value};
use crate::http::{Code, Problem};

use super::candidate::{Candidate, Faults, word};
use super::format::Format;
use super::{cloudevents, native};

/// What a request brought.
#[derive(Debug)]
pub(super) struct Parsed {
    /// At least one.
    pub candidates: Vec<Candidate>,
    /// Whether they came as an array, and so are answered as one.
    pub many: bool,
}

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Of the JSON text.
    pub document: Limits,
    /// Events in an array.
    pub events: usize,
}

/// Reads a body.
///
/// # Errors
/// `invalid_json` and its kin for what is not JSON, `invalid_event` with every field that is wrong.
pub(super) fn parse(
    format: Format,
    headers: &HeaderMap,
    body: &[u8],
    allowed: Allowed,
) -> Result<Parsed, Problem> {
    let root = Document::parse(body, allowed.document)
        .map_err(|error| Problem::from(&error))?
        .into_root();
    let mut faults = Faults::default();
    let (candidates, many) = match (format, root) {
        (Format::Native, Value::Array(values)) => {
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

fn each(
    values: Vec<Value>,
    most: usize,
    read: fn(Value, &str, &mut Faults) -> Option<Candidate>,
    faults: &mut Faults,
) -> Result<Vec<Candidate>, Problem> {
    if values.is_empty() {
        faults.add("", "an array of events has at least one");
    }
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

#[cfg(test)]
mod tests;
