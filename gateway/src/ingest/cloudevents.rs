//! CloudEvents 1.0, as JSON (CloudEvents JSON format 1.0.2) and over HTTP (HTTP protocol binding 1.0.2). Pure.
//!
//! `type`, `time` and `data` become the event's own. All other attributes are the event's metadata. A CloudEvent is
//! identified by `source` and `id` together, so the event's id is made of both: the same two always make the same id, and two
//! sources that count alike do not swallow each other's events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;
use http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::document::{Object, Value};
use crate::domain::EventId;

use super::candidate::{Candidate, Faults, Fields};
use super::format::is_json;

/// Reads one event in structured mode; what is wrong with it goes to `faults`, under `prefix`.
pub(super) fn structured(value: Value, prefix: &str, faults: &mut Faults) -> Option<Candidate> {
    let mut fields = Fields { prefix, faults };
    let members = fields.members(value)?;
    let (mut attributes, mut data) = (Object::new(), None);
    for (name, value) in members {
        match name.as_str() {
            "data" => data = Some(value),
            "data_base64" => data = decoded(&mut fields, value),
            _ if !is_attribute(&name) => {
                fields.fault::<()>(&name, "an attribute's name is lower-case letters and digits only");
            }
            _ => {
                attributes.insert(name, value);
            }
        }
    }
    // A CloudEvent may have no data.
    candidate(attributes, data.unwrap_or(Value::Null), fields)
}

/// Reads one event in binary mode: attributes from the headers, the body is its data.
pub(super) fn binary(headers: &HeaderMap, data: Value, faults: &mut Faults) -> Option<Candidate> {
    let mut fields = Fields { prefix: "", faults };
    let mut attributes = Object::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        if !is_attribute(name) {
            fields.fault::<()>(name, "an attribute's name is lower-case letters and digits only");
            continue;
        }
        // §3.1.3.2: header values are percent-encoded.
        let text = value
            .to_str()
            .ok()
            .and_then(|text| percent_encoding::percent_decode_str(text).decode_utf8().ok());
        match text {
            Some(text) => {
                attributes.insert(name, Value::Text(CompactString::from(text)));
            }
            None => {
                fields.fault::<()>(name, "the header `ce-…` is not percent-encoded UTF-8");
            }
        }
    }
    candidate(attributes, data, fields)
}

fn candidate(mut attributes: Object, data: Value, mut fields: Fields<'_>) -> Option<Candidate> {
    let version = required(&mut attributes, "specversion", &mut fields);
    if version.as_deref().is_some_and(|version| version != "1.0") {
        fields.fault::<()>("specversion", "only CloudEvents 1.0 is understood");
    }
    if let Some(content_type) = attributes.get("datacontenttype").and_then(Value::as_str) {
        let essence = content_type.split(';').next().unwrap_or("").trim();
        if !is_json(essence) {
            fields.fault::<()>("datacontenttype", "only data that is JSON is taken");
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
        metadata: Some(Value::Object(attributes)),
        data,
        deliver_to: None,
    })
}

/// A required attribute: a text that is not empty.
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
    match crate::document::Document::parse(&bytes, crate::document::Limits::of_bytes(bytes.len())) {
        Ok(document) => Some(document.into_root()),
        Err(error) => fields.fault("data_base64", format!("only data that is JSON is taken: {error}")),
    }
}

/// The id that stands for a source and an id: `ce_` and 40 hexadecimal digits.
fn identity(source: &str, id: &str) -> EventId {
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    // No URI reference has a zero byte in it.
    hash.update([0]);
    hash.update(id.as_bytes());
    let digits = hex::encode(&hash.finalize()[..20]);
    format!("ce_{digits}").parse().expect("within the grammar of ids")
}

/// CloudEvents 1.0.2, "Attribute Naming Convention".
fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
