//! System events as the `webhooks` section has them: what a subscription of the operator's tenant receives under the profile
//! `standard`.

use serde_json::{Map, Value, json};

/// One member for each type of system event.
pub(super) fn webhooks() -> Value {
    let webhooks = TYPES.iter().map(|(kind, about)| {
        let operation = json!({
            "operationId": operation_id(kind),
            "tags": ["System"],
            "summary": about,
            "security": [],
            "parameters": HEADERS.map(header),
            "requestBody": { "required": true, "content": { "application/json": { "schema": {
                "allOf": [
                    { "$ref": "#/components/schemas/SystemEvent" },
                    { "type": "object", "properties": { "type": { "const": kind }, "data": data(kind) } },
                ],
            } } } },
            "responses": { "2XX": { "description": "It is delivered. Any other answer is tried again." } },
        });
        ((*kind).to_owned(), json!({ "post": operation }))
    });
    webhooks.collect::<Map<_, _>>().into()
}

/// The body of every system event.
pub(super) fn envelope() -> Value {
    json!({
        "type": "object",
        "description": "An event about the gateway itself, as the profile `standard` sends it.",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "type": "string", "enum": TYPES.map(|(kind, _)| kind) },
            "timestamp": { "type": "string", "format": "date-time" },
            "data": { "type": "object" },
        },
    })
}

fn header((name, about): (&str, &str)) -> Value {
    json!({ "in": "header", "name": name, "required": true, "description": about, "schema": { "type": "string" } })
}

/// `onSubscriptionFailing` of `hookgate.subscription.failing`.
fn operation_id(kind: &str) -> String {
    let words = kind.split(['.', '_']).skip(1).map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    format!("on{}", words.collect::<String>())
}

fn data(kind: &str) -> Value {
    let members = match kind {
        "hookgate.subscription.failing" | "hookgate.subscription.disabled" => SUBSCRIPTION,
        "hookgate.delivery.dead" => DEAD,
        "hookgate.canary.stopped" => CANARY,
        _ => PLUGIN,
    };
    let properties = members.iter().map(|(name, member)| {
        let schema = match member {
            Member::Text => json!({ "type": "string" }),
            Member::TextOrNull => json!({ "type": ["string", "null"] }),
            Member::Count => json!({ "type": "integer", "minimum": 0 }),
            Member::CountOrNull => json!({ "type": ["integer", "null"], "minimum": 0 }),
            Member::Last => json!({
                "type": "object",
                "required": ["delivery", "event", "type", "outcome", "http_status"],
                "properties": {
                    "delivery": { "type": "string" },
                    "event": { "type": "string" },
                    "type": { "type": "string" },
                    "outcome": { "type": "string" },
                    "http_status": { "type": ["integer", "null"], "minimum": 100, "maximum": 599 },
                },
            }),
        };
        ((*name).to_owned(), schema)
    });
    let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties.collect::<Map<_, _>>(), "required": names })
}

/// Member of an event's data.
#[derive(Clone, Copy)]
enum Member {
    Text,
    TextOrNull,
    Count,
    CountOrNull,
    Last,
}

const TYPES: [(&str, &str); 6] = [
    (
        "hookgate.subscription.failing",
        "A subscription will be disabled if it goes on failing",
    ),
    ("hookgate.subscription.disabled", "A subscription was disabled"),
    ("hookgate.delivery.dead", "Deliveries were given up"),
    ("hookgate.plugin.failing", "A step of a chain fails"),
    (
        "hookgate.plugin.circuit_opened",
        "The circuit breaker of a plugin opened",
    ),
    ("hookgate.canary.stopped", "A canary was called off"),
];
const HEADERS: [(&str, &str); 3] = [
    ("webhook-id", "The event's id, the same at every attempt."),
    (
        "webhook-timestamp",
        "Seconds since the Unix epoch, of this attempt.",
    ),
    (
        "webhook-signature",
        "Signatures as Standard Webhooks has them, separated by spaces.",
    ),
];
const SUBSCRIPTION: &[(&str, Member)] = &[
    ("tenant", Member::Text),
    ("subscription", Member::Text),
    ("reason", Member::Text),
    ("attempts", Member::CountOrNull),
    ("failed", Member::CountOrNull),
];
const DEAD: &[(&str, Member)] = &[
    ("tenant", Member::Text),
    ("subscription", Member::TextOrNull),
    ("count", Member::Count),
    ("last", Member::Last),
];
const PLUGIN: &[(&str, Member)] = &[
    ("tenant", Member::Text),
    ("plugin", Member::Text),
    ("version", Member::TextOrNull),
    ("count", Member::Count),
    ("reason", Member::Text),
];
const CANARY: &[(&str, Member)] = &[
    ("tenant", Member::Text),
    ("chain", Member::Text),
    ("plugin", Member::Text),
    ("version", Member::Text),
    ("count", Member::Count),
    ("calls", Member::Count),
    ("failed", Member::Count),
];
