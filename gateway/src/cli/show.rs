//! Values of responses as text for a terminal.

use serde_json::Value;

use super::output::{dim, green, red_out, say, yellow};

/// Text of a value; empty if it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Value as one word: text without quotes, `-` for null.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// Text without control characters, which a terminal would follow.
pub(super) fn plain(text: &str) -> String {
    let shown = |character: char| {
        if character.is_control() {
            '\u{fffd}'
        } else {
            character
        }
    };
    text.chars().map(shown).collect()
}

/// Items of an array; none if it is no array.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Time to the millisecond.
pub(super) fn time(value: &Value) -> String {
    let text = text(value);
    match text.split_once('.') {
        Some((seconds, rest)) => format!("{seconds}.{}Z", rest.get(..3).unwrap_or("000")),
        None if text.is_empty() => "-".to_owned(),
        None => text.to_owned(),
    }
}

/// Texts of an array, separated by commas.
pub(super) fn joined(value: &Value) -> String {
    items(value).map(word).collect::<Vec<_>>().join(",")
}

/// Prints names and values, aligned. Empty values are left out.
pub(super) fn facts(facts: &[(&str, String)]) {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        say(format_args!("{}  {value}", dim(&format!("{name:<width$}"))));
    }
}

/// Status of a delivery in its colour.
pub(super) fn coloured(status: &str) -> String {
    match status {
        "delivered" | "active" => green(status),
        "dead" => red_out(status),
        "pending" | "disabled" => yellow(status),
        _ => status.to_owned(),
    }
}

/// Outcome of an attempt with the status of the response.
pub(super) fn outcome(outcome: &Value, status: &Value) -> String {
    match status.as_u64() {
        Some(status) => format!("{} {status}", word(outcome)),
        None => word(outcome),
    }
}

/// Percent-encodes a part of a path or of a query.
pub(super) fn encoded(text: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(text, UNRESERVED)
}

/// Everything but the unreserved characters of RFC 3986.
const UNRESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
