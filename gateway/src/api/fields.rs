//! Body fields: texts that must parse, and the errors for fields that do not fit.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_path_to_error::{Error, Segment};

use crate::http::FieldError;
use hookgate_domain::nearest;
use hookgate_json::{Document, Limits};

/// Text that is parsed as a domain type: an id, a URL, a pattern.
#[derive(Debug, Clone)]
pub(super) struct Parsed<T>(pub T);

impl<'de, T> Deserialize<'de> for Parsed<T>
where
    T: FromStr,
    T::Err: Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl<T: Display> Serialize for Parsed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// JSON value of any kind, as compact text with every digit of its numbers.
#[derive(Debug, Clone)]
pub(super) struct JsonText(pub String);

impl JsonText {
    /// Returns the text as a part of a response.
    pub(super) fn to_raw(&self) -> Box<RawValue> {
        RawValue::from_string(self.0.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let limits = Limits::of_bytes(raw.get().len());
        let read = Document::parse(raw.get().as_bytes(), limits).map_err(serde::de::Error::custom)?;
        Ok(Self(read.root().to_json()))
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_raw().serialize(serializer)
    }
}

/// JSON object, as compact text with every digit of its numbers.
#[derive(Debug, Clone)]
pub(super) struct ObjectText(pub String);

impl Default for ObjectText {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl<'de> Deserialize<'de> for ObjectText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let JsonText(text) = JsonText::deserialize(deserializer)?;
        if text.starts_with('{') {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("invalid type: an object is expected"))
        }
    }
}

impl Serialize for ObjectText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        JsonText(self.0.clone()).serialize(serializer)
    }
}

/// Deserializes a field of a patch: an absent field leaves the value, `null` clears it.
pub(super) fn clearable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Converts a deserialization error to the place that does not fit and the reason.
pub(super) fn fault(error: &Error<serde_json::Error>) -> FieldError {
    let mut pointer = String::new();
    for segment in error.path() {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    let text = error.inner().to_string();
    // The JSON pointer is more precise than the line.
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(told, _)| told);
    match quoted(text).as_slice() {
        [unknown, known @ ..] if text.starts_with("unknown field") => {
            let step = format!("/{}", unknown.replace('~', "~0").replace('/', "~1"));
            if !pointer.ends_with(&step) {
                pointer.push_str(&step);
            }
            FieldError::new(pointer, no_such(unknown, known))
        }
        [missing] if text.starts_with("missing field") => {
            FieldError::new(pointer, format!("the field `{missing}` is missing"))
        }
        _ => FieldError::new(pointer, text),
    }
}

/// Error text for an unknown field, given the known ones.
pub(super) fn no_such(unknown: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "there is no such field; the route takes none".to_owned();
    }
    match nearest(unknown, known) {
        Some(near) => format!("there is no such field; did you mean `{near}`?"),
        None => format!("there is no such field; there are {}", known.join(", ")),
    }
}

/// Returns the names in backquotes. serde's messages have no other form; a test checks it.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::EventPattern;
    use hookgate_domain::units::Span;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        events: Vec<Parsed<EventPattern>>,
        timeout: Option<Span>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        attempts: u32,
    }

    #[test]
    fn faults_are_told_with_their_place() {
        for (text, pointer, word) in [
            (r#"{}"#, "", "`events` is missing"),
            (r#"{"events":["a.b","a..b"]}"#, "/events/1", "event pattern"),
            (r#"{"events":"a"}"#, "/events", "expected a sequence"),
            (r#"{"events":[],"timeout":"-1s"}"#, "/timeout", "not a duration"),
            (
                r#"{"events":[],"inner":{"attempts":"x"}}"#,
                "/inner/attempts",
                "expected u32",
            ),
            (r#"{"events":[],"inner":{}}"#, "/inner", "`attempts` is missing"),
            (r#"{"evnets":[]}"#, "/evnets", "did you mean `events`"),
            (
                r#"{"events":[],"inner":{"x":1}}"#,
                "/inner/x",
                "there is no such field",
            ),
            (r#"7"#, "", "expected struct"),
        ] {
            let mut reader = serde_json::Deserializer::from_str(text);
            let error = serde_path_to_error::deserialize::<_, Sample>(&mut reader).expect_err(text);
            let told = fault(&error);
            assert_eq!(told.pointer, pointer, "{text}: {told}");
            assert!(told.detail.contains(word), "{text}: {told}");
            assert!(!told.detail.contains("line 1"), "{text}: {told}");
        }
    }
}
