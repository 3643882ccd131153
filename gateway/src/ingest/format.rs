//! Format of a request's events, decided from its headers alone. Pure.

use http::{HeaderMap, header};

use crate::http::{Code, Problem, check_charset};

/// Format of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// hookgate's own: one event, or an array of them.
    Native,
    /// One CloudEvent with its attributes in the body (CloudEvents HTTP binding 1.0 §3.2).
    Structured,
    /// One CloudEvent with its attributes in the headers (§3.1).
    Binary,
    /// An array of CloudEvents (§3.3).
    Batched,
}

impl Format {
    /// Format that the headers announce.
    ///
    /// # Errors
    /// `unsupported_media_type`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or(""));
        content_type.map(check_charset).transpose()?;
        let essence = content_type.map(|text| text.split(';').next().unwrap_or("").trim());
        match essence {
            Some(text) if text.eq_ignore_ascii_case("application/cloudevents+json") => Ok(Self::Structured),
            Some(text) if text.eq_ignore_ascii_case("application/cloudevents-batch+json") => {
                Ok(Self::Batched)
            }
            Some(text) if is_json(text) => Ok(plain(headers)),
            None => Ok(plain(headers)),
            Some(text) => Err(unsupported(text)),
        }
    }
}

fn plain(headers: &HeaderMap) -> Format {
    if headers.contains_key(SPEC_VERSION) {
        Format::Binary
    } else {
        Format::Native
    }
}

/// Returns `true` for `application/json` and specific JSON types (RFC 6839 §3.1).
/// Such a type is `application/vnd.acme+json`.
pub(super) fn is_json(essence: &str) -> bool {
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

fn unsupported(essence: &str) -> Problem {
    let shown: String = essence.chars().filter(|c| !c.is_control()).take(80).collect();
    Problem::new(
        Code::UnsupportedMediaType,
        format!("Events are not read as `{shown}`."),
    )
    .fix(
        "Send `Content-Type: application/json`, or for CloudEvents `application/cloudevents+json` or \
         `application/cloudevents-batch+json`.",
    )
}

/// Header that marks a CloudEvent in binary mode.
pub(super) const SPEC_VERSION: &str = "ce-specversion";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (content_type, binary, expected) in [
            (None, false, Ok(Format::Native)),
            (Some("application/json"), false, Ok(Format::Native)),
            (Some("Application/JSON; charset=utf-8"), false, Ok(Format::Native)),
            (Some("application/json"), true, Ok(Format::Binary)),
            (Some("application/vnd.acme+json"), true, Ok(Format::Binary)),
            (
                Some("application/cloudevents+json; charset=utf-8"),
                false,
                Ok(Format::Structured),
            ),
            (Some("application/cloudevents+json"), true, Ok(Format::Structured)),
            (
                Some("application/cloudevents-batch+json"),
                false,
                Ok(Format::Batched),
            ),
            (Some("text/plain"), false, Err(Code::UnsupportedMediaType)),
            (
                Some("application/json; charset=iso-8859-1"),
                false,
                Err(Code::UnsupportedMediaType),
            ),
            (
                Some("application/x-www-form-urlencoded"),
                true,
                Err(Code::UnsupportedMediaType),
            ),
            (Some(""), false, Err(Code::UnsupportedMediaType)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(text) = content_type {
                headers.insert(header::CONTENT_TYPE, text.parse().expect("a value"));
            }
            if binary {
                headers.insert(SPEC_VERSION, "1.0".parse().expect("a value"));
            }
            assert_eq!(
                Format::of(&headers).map_err(|p| p.code()),
                expected,
                "{content_type:?} {binary}"
            );
        }
    }
}
