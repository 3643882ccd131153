//! Limits that the operator configures, as this gateway's document states them.

use serde_json::Value;

use hookgate_registry::Config;

/// States the configured maxima.
pub(super) fn state(document: &mut Value, limits: &Config) {
    for (member, keyword, most) in [
        (
            "NewSubscription/properties/events",
            "maxItems",
            limits.max_patterns,
        ),
        (
            "SubscriptionPatch/properties/events",
            "maxItems",
            limits.max_patterns,
        ),
        (
            "NewSubscription/properties/headers",
            "maxProperties",
            limits.max_headers,
        ),
        (
            "SubscriptionPatch/properties/headers",
            "maxProperties",
            limits.max_headers,
        ),
        ("Chain/properties/steps", "maxItems", limits.max_steps),
        ("TryChain/properties/steps", "maxItems", limits.max_steps),
    ] {
        let schema = document.pointer_mut(&format!("/components/schemas/{member}"));
        if let Some(schema) = schema.and_then(Value::as_object_mut) {
            schema.insert(keyword.to_owned(), most.into());
        }
    }
}
