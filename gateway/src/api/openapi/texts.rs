//! Formats, patterns and bounds of texts and numbers, by the name of the member or parameter: what has one name is one kind
//! of text wherever it stands.

use serde_json::{Map, Value, json};

use hookgate_domain::spelling::{EVENT_PATTERNS, TENANT_ID};

/// States what is known of each parameter and member, where its type says nothing.
pub(super) fn state(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) {
                for (name, schema) in properties {
                    refine(schema, &of_member(name));
                }
            }
            if let (Some(name), Some(place)) = (text(members, "name"), text(members, "in")) {
                let known = of_parameter(&name, &place);
                if let Some(schema) = members.get_mut("schema") {
                    refine(schema, &known);
                }
            }
            plain_number(members);
            members
                .iter_mut()
                // Examples and settings are data.
                .filter(|(name, _)| {
                    !matches!(
                        name.as_str(),
                        "example" | "examples" | "default" | "const" | "enum"
                    )
                })
                .for_each(|(_, member)| state(member));
        }
        Value::Array(elements) => elements.iter_mut().for_each(state),
        _ => {}
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Adds to the schema of a text, or of a list of texts, unless it says something itself.
fn refine(schema: &mut Value, known: &Value) {
    let (Some(known), Some(members)) = (known.as_object(), schema.as_object_mut()) else {
        return;
    };
    if members.get("type").is_some_and(|kind| is(kind, "array")) {
        if let Some(items) = members.get_mut("items") {
            refine(items, &Value::Object(known.clone()));
        }
        return;
    }
    let says = ["format", "pattern", "enum", "const", "maxLength"];
    if members.get("type").is_some_and(|kind| is(kind, "string"))
        && !says.iter().any(|name| members.contains_key(*name))
    {
        members.extend(known.clone());
    }
}

fn is(kind: &Value, name: &str) -> bool {
    kind == name
        || kind
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
}

/// Formats that OpenAPI knows, in place of Rust's names of integers.
fn plain_number(members: &mut Map<String, Value>) {
    let plain = match members.get("format").and_then(Value::as_str) {
        Some("uint8" | "uint16") => "int32",
        Some("uint" | "uint32" | "uint64") => "int64",
        _ => return,
    };
    if members["format"] == "uint32" {
        members.entry("maximum").or_insert(u32::MAX.into());
    }
    members.insert("format".to_owned(), plain.into());
}

fn of_member(name: &str) -> Value {
    match name {
        "cursor" => cursor(),
        _ if TIMES.contains(&name) => json!({ "format": "date-time" }),
        _ => Value::Null,
    }
}

fn of_parameter(name: &str, place: &str) -> Value {
    match (place, name.to_ascii_lowercase().as_str()) {
        ("header", "hookgate-tenant") | ("query", "tenant") => json!({ "pattern": TENANT_ID }),
        ("header", "idempotency-key") => json!({ "minLength": 1, "maxLength": 255, "pattern": VISIBLE }),
        ("query", "cursor") => cursor(),
        ("query", "types") => json!({ "pattern": EVENT_PATTERNS }),
        ("query", "q") => json!({ "minLength": 1, "maxLength": 300 }),
        ("query", name) if TIMES.contains(&name) => json!({ "format": "date-time" }),
        ("path" | "query", _) => json!({ "minLength": 1 }),
        _ => Value::Null,
    }
}

fn cursor() -> Value {
    json!({ "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$" })
}

/// Visible ASCII with spaces inside.
const VISIBLE: &str = "^[!-~]([ -~]*[!-~])?$";

/// Members that are times of RFC 3339.
const TIMES: [&str; 22] = [
    "accepted",
    "at",
    "began",
    "created",
    "ended",
    "expires",
    "finished",
    "first_attempt",
    "last_call",
    "last_failure",
    "last_success",
    "last_used",
    "next_attempt",
    "previous_expires",
    "since",
    "start",
    "started",
    "times",
    "timestamp",
    "until",
    "uploaded",
    "warned",
];
