//! CloudEvents 1.0, as JSON (JSON format 1.0.2) and over HTTP (HTTP protocol binding 1.0.2). Pure.
//!
//! `type`, `time` and `data` become the event's own. All other attributes become the event's
//! metadata. A CloudEvent is identified by `source` and `id` together, so the event's id is derived
//! from both: the same pair always yields the same id, and sources that use the same ids do not
//! produce duplicates.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;
use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

use hookgate_domain::EventId;
use hookgate_json::{Object, Value};

use super::candidate::{Candidate, Faults, Fields};
use super::format::is_json;

/// Parses one event in structured mode; its problems are added to `faults`, under `prefix`.
pub(super) fn structured(value: Value, prefix: &str, faults: &mut Faults) -> Option<Candidate> {
    let mut fields = Fields { prefix, faults };
    let members = fields.members(value)?;
    let (mut attributes, mut data, mut encoded) = (Object::new(), None, None);
    for (name, value) in members {
        match name.as_str() {
            "data" => data = Some(value),
            // JSON format §2.2: an attribute that is null is not set.
            _ if value.is_null() => {}
            "data_base64" => encoded = Some(value),
            _ if is_attribute(&name) => set(&mut attributes, &name, value, &mut fields),
            _ => {
                fields.fault::<()>(&name, BAD_NAME);
            }
        }
    }
    let data = match (data, encoded) {
        (Some(_), Some(_)) => fields.fault("data_base64", "there is `data` too; an event has one of them"),
        (None, Some(encoded)) => decoded(&mut fields, encoded),
        (data, None) => data,
    };
    // A CloudEvent may have no data.
    candidate(attributes, data.unwrap_or(Value::Null), fields)
}

/// Parses one event in binary mode: attributes from the headers, data from the body.
pub(super) fn binary(headers: &HeaderMap, data: Value, faults: &mut Faults) -> Option<Candidate> {
    let mut fields = Fields { prefix: "", faults };
    let mut attributes = Object::new();
    // One entry per name: a repeated header has several values under it.
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        if !is_attribute(attribute) {
            fields.fault::<()>(attribute, BAD_NAME);
            continue;
        }
        if attribute == CONTENT_TYPE {
            // §3.1.1.
            fields.fault::<()>(CONTENT_TYPE, "in binary mode the header `Content-Type` says it");
            continue;
        }
        match sole_text(headers, name) {
            Ok(text) => set(&mut attributes, attribute, Value::Text(text), &mut fields),
            Err(wrong) => {
                fields.fault::<()>(attribute, wrong);
            }
        }
    }
    if !fields.faults.is_empty() {
        // An invalid attribute is not reported as missing too.
        return None;
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if let Some(content_type) = content_type {
        set(
            &mut attributes,
            CONTENT_TYPE,
            Value::Text(content_type.into()),
            &mut fields,
        );
    }
    candidate(attributes, data, fields)
}

/// Value of a header that occurs once: unquoted, then percent-decoded (HTTP binding §3.1.3.2).
fn sole_text(headers: &HeaderMap, name: &HeaderName) -> Result<CompactString, &'static str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err("the header is there more than once; an attribute has one value");
    };
    let text = value.to_str().map_err(|_| NOT_ENCODED)?;
    let unquoted = unquoted(text);
    let decoded = percent_encoding::percent_decode_str(&unquoted).decode_utf8();
    decoded.map(CompactString::from).map_err(|_| NOT_ENCODED)
}

/// Text in a quoted string (RFC 9110 §5.6.4); other text unchanged.
fn unquoted(text: &str) -> Cow<'_, str> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return text.into() };
    let (mut plain, mut characters) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain.into()
}

/// Sets an attribute, if its value has a permitted type (specification §3.1, JSON format §2.2).
fn set(attributes: &mut Object, name: &str, value: Value, fields: &mut Fields<'_>) {
    let wrong = match &value {
        Value::Text(text) if text.is_empty() && NOT_EMPTY.contains(&name) => Some("must not be empty"),
        Value::Text(text) if text.chars().any(is_forbidden) => Some("has a control character"),
        Value::Text(_) | Value::Bool(_) => None,
        Value::Int(number) if i32::try_from(*number).is_ok() => None,
        Value::Int(_) | Value::Number(_) => Some("a number is an integer of 32 bits"),
        Value::Array(_) | Value::Object(_) | Value::Null => {
            Some("must be a string, a boolean or an integer, not an object or array")
        }
    };
    match wrong {
        Some(wrong) => {
            fields.fault::<()>(name, wrong);
        }
        None => {
            attributes.insert(name, value);
        }
    }
}

/// Returns `true` for characters that no attribute may have (§3.1, "String").
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c) & 0xFFFF, 0xFFFE | 0xFFFF)
        || ('\u{FDD0}'..='\u{FDEF}').contains(&c)
}

fn candidate(mut attributes: Object, data: Value, mut fields: Fields<'_>) -> Option<Candidate> {
    let version = required(&mut attributes, "specversion", &mut fields);
    if version.as_deref().is_some_and(|version| version != "1.0") {
        fields.fault::<()>("specversion", "only CloudEvents 1.0 is understood");
    }
    if let Some(content_type) = attributes.get(CONTENT_TYPE).and_then(Value::as_str) {
        let essence = content_type.split(';').next().unwrap_or("").trim();
        if !is_json(essence) {
            fields.fault::<()>(CONTENT_TYPE, "only data that is JSON is taken");
        }
    }
    let created = attributes
        .remove("time")
        .and_then(|value| fields.time("time", value));
    let source = required(&mut attributes, "source", &mut fields);
    let id = required(&mut attributes, "id", &mut fields);
    let kind = required(&mut attributes, "type", &mut fields)
        .and_then(|text| fields.parsed("type", Value::Text(text)));
    let (source, id, kind) = (source?, id?, kind?);
    let event_id = identity(&source, &id);
    attributes.insert("id", Value::Text(id));
    attributes.insert("source", Value::Text(source));
    Some(Candidate {
        kind,
        id: Some(event_id),
        created,
        time_field: "time",
        metadata: Some(Value::Object(attributes)),
        data,
        deliver_to: None,
    })
}

/// Required attribute: a text that is not empty.
fn required(attributes: &mut Object, name: &str, fields: &mut Fields<'_>) -> Option<CompactString> {
    let Some(value) = attributes.remove(name).filter(|value| !value.is_null()) else {
        fields.missing(name);
        return None;
    };
    match fields.text(name, value) {
        Some(text) if text.is_empty() => fields.fault(name, "must not be empty"),
        read => read,
    }
}

/// Data in base64 that is JSON text (JSON format §3.1.1).
fn decoded(fields: &mut Fields<'_>, value: Value) -> Option<Value> {
    let text = fields.text("data_base64", value)?;
    let Ok(bytes) = STANDARD.decode(text.as_bytes()) else {
        return fields.fault("data_base64", "is not base64");
    };
    match hookgate_json::Document::parse(&bytes, hookgate_json::Limits::of_bytes(bytes.len())) {
        Ok(document) => Some(document.into_root()),
        Err(error) => fields.fault("data_base64", format!("only data that is JSON is taken: {error}")),
    }
}

/// Event id derived from a source and an id: `ce_` and 40 hexadecimal digits.
fn identity(source: &str, id: &str) -> EventId {
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    // A URI reference has no zero byte.
    hash.update([0]);
    hash.update(id.as_bytes());
    let digits = hex::encode(&hash.finalize()[..20]);
    format!("ce_{digits}").parse().expect("within the grammar of ids")
}

/// Attribute with the data's content type.
const CONTENT_TYPE: &str = "datacontenttype";
/// Optional attributes that are not empty where they are set.
const NOT_EMPTY: &[&str] = &["subject", "dataschema", CONTENT_TYPE];
const BAD_NAME: &str = "an attribute's name is lower-case letters and digits only";
const NOT_ENCODED: &str = "the header is not percent-encoded UTF-8";

/// Checks an attribute's name (CloudEvents 1.0.2, "Attribute Naming Convention").
fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
