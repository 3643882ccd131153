//! An event as it was sent, before the tenant's chain has seen it; and the reading of its fields.

use std::fmt::Display;
use std::str::FromStr;

use compact_str::CompactString;
use url::Url;

use crate::http::FieldError;
use hookgate_domain::{EventId, EventType, Timestamp, nearest};
use hookgate_json::{Object, Value};

/// An event that wants in. `data` and `metadata` are as they came.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What happened.
    pub kind: EventType,
    /// The producer's own id.
    pub id: Option<EventId>,
    /// When it happened, as the producer says.
    pub created: Option<Timestamp>,
    /// The field that says when.
    pub time_field: &'static str,
    /// The producer's notes: an object.
    pub metadata: Option<Value>,
    /// The payload.
    pub data: Value,
    /// An endpoint of the event's own.
    pub deliver_to: Option<Url>,
}

/// Collects what is wrong with a request, up to a number that a person can read.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes something wrong.
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MOST_TOLD {
            self.0.push(FieldError::new(pointer, detail));
        }
    }

    /// Whether as many were noted as will be told.
    pub(super) fn full(&self) -> bool {
        self.0.len() >= MOST_TOLD
    }

    /// Tells whether nothing was noted.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing wrong, or all that is.
    pub(super) fn into_result(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Reads the fields of one object. `prefix` is the pointer to it.
pub(super) struct Fields<'a> {
    pub prefix: &'a str,
    pub faults: &'a mut Faults,
}

impl Fields<'_> {
    /// The object's members; nothing where it is no object.
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

    /// A text that must parse; `null` counts as absent.
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

    /// A text; `null` counts as absent.
    pub(super) fn text(&mut self, name: &str, value: Value) -> Option<CompactString> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null => None,
            other => self.fault(name, format!("must be a string, not {}", word(&other))),
        }
    }

    /// An RFC 3339 time; `null` counts as absent.
    pub(super) fn time(&mut self, name: &str, value: Value) -> Option<Timestamp> {
        let text = self.text(name, value)?;
        match Timestamp::parse(&text) {
            Ok(time) => Some(time),
            Err(error) => self.fault(name, error.to_string()),
        }
    }

    /// Notes that a field is wrong.
    pub(super) fn fault<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        self.faults.add(format!("{}/{name}", self.prefix), detail);
        None
    }

    /// Notes a required field that is not there.
    pub(super) fn missing(&mut self, name: &str) {
        self.faults
            .add(self.prefix, format!("the field `{name}` is missing"));
    }

    /// Notes a field that is not one, with the one that was probably meant.
    pub(super) fn unknown(&mut self, name: &str, known: &[&str]) {
        // The name is the caller's: it is shown back to the caller only, cut and escaped as a pointer.
        let shown: String = name.chars().take(64).collect();
        let escaped = shown.replace('~', "~0").replace('/', "~1");
        let detail = match nearest(&shown, known) {
            Some(near) => format!("there is no such field; did you mean `{near}`?"),
            None => format!("there is no such field; there are {}", known.join(", ")),
        };
        self.faults.add(format!("{}/{escaped}", self.prefix), detail);
    }
}

/// What a value is, in words.
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
