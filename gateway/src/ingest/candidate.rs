//! Parsed event before the tenant's chain, and the parsing of its fields.

use std::fmt::Display;
use std::str::FromStr;

use compact_str::CompactString;
use url::Url;

use crate::http::FieldError;
use hookgate_domain::{EventId, EventType, Timestamp, nearest};
use hookgate_json::{Object, Value};

/// Event to be accepted. `data` and `metadata` are unchanged.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Event type.
    pub kind: EventType,
    /// The producer's own id.
    pub id: Option<EventId>,
    /// Time of the event, from the producer.
    pub created: Option<Timestamp>,
    /// Name of the field with the time.
    pub time_field: &'static str,
    /// The producer's metadata: an object.
    pub metadata: Option<Value>,
    /// Payload.
    pub data: Value,
    /// Endpoint that the event names.
    pub deliver_to: Option<Url>,
}

/// Problems of a request, collected up to a readable number.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    /// Adds a problem.
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MOST_TOLD {
            self.0.push(FieldError::new(pointer, detail));
        }
    }

    /// Returns `true` if no further problem will be reported.
    pub(super) fn full(&self) -> bool {
        self.0.len() >= MOST_TOLD
    }

    /// Returns `true` if there are no problems.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` without problems, otherwise the problems.
    pub(super) fn into_result(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Parser of the fields of one object. `prefix` is the pointer to it.
pub(super) struct Fields<'a> {
    pub prefix: &'a str,
    pub faults: &'a mut Faults,
}

impl Fields<'_> {
    /// Members of the object; `None` if it is not an object.
    pub(super) fn members(&mut self, value: Value) -> Option<Object> {
        match value {
            Value::Object(object) => Some(object),
            other => {
                self.faults.add(
                    self.prefix,
                    format!("an event is an object, not {}", word(&other)),
                );
                None
            }
        }
    }

    /// Text that must parse; `null` counts as absent.
    pub(super) fn parsed<T>(&mut self, name: &str, value: Value) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(name, value)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => self.fault(name, format!("{error}")),
        }
    }

    /// Text; `null` counts as absent.
    pub(super) fn text(&mut self, name: &str, value: Value) -> Option<CompactString> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null => None,
            other => self.fault(name, format!("must be a string, not {}", word(&other))),
        }
    }

    /// RFC 3339 time; `null` counts as absent.
    pub(super) fn time(&mut self, name: &str, value: Value) -> Option<Timestamp> {
        let text = self.text(name, value)?;
        match Timestamp::parse(&text) {
            Ok(time) => Some(time),
            Err(error) => self.fault(name, error.to_string()),
        }
    }

    /// Adds the problem of an invalid field.
    pub(super) fn fault<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        self.faults.add(format!("{}/{name}", self.prefix), detail);
        None
    }

    /// Adds the problem of a missing required field.
    pub(super) fn missing(&mut self, name: &str) {
        self.faults
            .add(self.prefix, format!("the field `{name}` is missing"));
    }

    /// Adds the problem of an unknown field, with the name that was probably meant.
    pub(super) fn unknown(&mut self, name: &str, known: &[&str]) {
        // The name is the caller's: only the caller sees it, cut and escaped as a pointer.
        let shown: String = name.chars().take(64).collect();
        let escaped = shown.replace('~', "~0").replace('/', "~1");
        let detail = match nearest(&shown, known) {
            Some(near) => format!("there is no such field; did you mean `{near}`?"),
            None => format!("there is no such field; there are {}", known.join(", ")),
        };
        self.faults.add(format!("{}/{escaped}", self.prefix), detail);
    }
}

/// Type of a value, in words.
pub(super) fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::Number(_) => "a number",
        Value::Text(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

const MOST_TOLD: usize = 20;
