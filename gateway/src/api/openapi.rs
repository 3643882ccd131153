//! Completion of the OpenAPI document for generated clients, beyond what the types of the code say: plain enums, a schema for every
//! body, a server, and the webhooks that the gateway itself sends.

mod limits;
mod own;
mod texts;
mod webhooks;

pub(super) use own::{Published, WHOLE, routes};

use serde_json::{Map, Value, json};

use hookgate_domain::spelling::EVENT_TYPE;
use hookgate_registry::Config;

/// Completes the document, once at the start.
pub(super) fn complete(document: &mut Value, configured: &Config) {
    plain_enums(document);
    document["servers"] = json!([{ "url": "/", "description": "The gateway that serves this document." }]);
    document["webhooks"] = webhooks::webhooks();
    if let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    {
        schemas.insert("CloudEvent".to_owned(), cloud_event());
        schemas.insert("CustomerProblem".to_owned(), customer_problem());
        schemas.insert("SystemEvent".to_owned(), webhooks::envelope());
    }
    let operations = document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    for operation in operations
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
    {
        bodies(operation);
        if FOR_WHOLE_TENANTS.contains(&operation["operationId"].as_str().unwrap_or_default()) {
            operation[WHOLE] = true.into();
        }
    }
    texts::state(document);
    limits::state(document, configured);
    own::prune(document);
}

/// A choice between constant texts as an `enum`, which every generator knows; what each means is told in the description.
/// Likewise no default that is an empty object.
fn plain_enums(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(plain_enums);
            // Generators take no objects for what is left out.
            let default = members.get("default").and_then(Value::as_object);
            if default.is_some_and(Map::is_empty) {
                members.remove("default");
            }
            let Some(words) = members.get("oneOf").and_then(words) else {
                return;
            };
            members.remove("oneOf");
            let mut about = members
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            for (word, meaning) in &words {
                about.push_str(&format!("\n* `{word}`: {meaning}"));
            }
            let words: Vec<_> = words.into_iter().map(|(word, _)| word).collect();
            members.insert("type".to_owned(), "string".into());
            members.insert("enum".to_owned(), words.into());
            members.insert("description".to_owned(), about.trim_start().into());
        }
        Value::Array(elements) => elements.iter_mut().for_each(plain_enums),
        _ => {}
    }
}

/// Constant texts of a choice and what they mean; `None`: something else is among them.
fn words(choice: &Value) -> Option<Vec<(String, String)>> {
    let choice = choice.as_array()?.iter();
    let word = |one: &Value| {
        let meaning = one["description"].as_str().unwrap_or_default().to_owned();
        Some((one["const"].as_str()?.to_owned(), meaning))
    };
    choice.map(word).collect()
}

/// Bodies that no type of the code describes.
fn bodies(operation: &mut Value) {
    if let Some(request) = operation.get_mut("requestBody") {
        describe_contents(request);
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    responses
        .into_iter()
        .flat_map(Map::values_mut)
        .for_each(describe_contents);
}

fn describe_contents(body: &mut Value) {
    let contents = body.get_mut("content").and_then(Value::as_object_mut);
    for (kind, media) in contents.into_iter().flatten() {
        if media.get("schema").is_none() {
            let event = json!({ "$ref": "#/components/schemas/CloudEvent" });
            media["schema"] = match kind.as_str() {
                "application/cloudevents+json" => event,
                "application/cloudevents-batch+json" => json!({ "type": "array", "items": event }),
                "application/wasm" => json!({ "type": "string", "format": "binary" }),
                _ => json!({ "type": "string" }),
            };
        }
    }
}

/// An event in the structured form of CloudEvents 1.0.
fn cloud_event() -> Value {
    json!({
        "type": "object",
        "description": "An event in the structured form of CloudEvents 1.0; extensions are members beside these.",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": { "type": "string", "const": "1.0" },
            "id": { "type": "string", "minLength": 1 },
            "source": { "type": "string", "format": "uri-reference", "minLength": 1 },
            "type": { "type": "string", "pattern": EVENT_TYPE, "maxLength": 256 },
            "time": { "type": "string", "format": "date-time" },
            "subject": { "type": "string", "minLength": 1 },
            "datacontenttype": { "type": "string", "minLength": 1 },
            "dataschema": { "type": "string", "format": "uri", "minLength": 1 },
            "data": { "description": "Any JSON." },
            "data_base64": { "type": "string", "format": "byte" },
        },
        "additionalProperties": true,
    })
}

/// Problem at a product's route whose profile has no shape of its own.
fn customer_problem() -> Value {
    json!({
        "type": "object",
        "description": "A problem (RFC 9457), as a product's customers are told of it.",
        "required": ["title", "status", "code", "detail", "retry"],
        "properties": {
            "title": { "type": "string", "description": "The status in words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "description": "A stable word for programs." },
            "detail": { "type": "string", "description": "What is wrong with this request." },
            "retry": { "$ref": "#/components/schemas/Retry" },
            "errors": { "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/FieldError" } },
        },
    })
}

/// Operations of this API that a key for one subscription may not call.
const FOR_WHOLE_TENANTS: [&str; 2] = ["listEvents", "createSubscription"];
