//! Tests of the OpenAPI document, its page, and unknown routes.

use std::collections::BTreeSet;

use http::Method;

use super::super::capabilities;
use super::rig::Rig;
use crate::http::Code;
use crate::ui::Capability;
use hookgate_runtime::telemetry::SYSTEM_EVENTS;

#[tokio::test]
async fn every_operation_is_described() {
    let rig = Rig::start().await;
    let document = rig.get("", "/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = BTreeSet::new();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap_or_default().to_owned()),
                "{method} {path}"
            );
            assert!(
                operation["summary"].is_string() && operation["tags"][0].is_string(),
                "{method} {path}"
            );
            let refusal = &operation["responses"]["default"]["content"];
            if operation["tags"][0].as_str().unwrap().starts_with("Front door") {
                // In the product's shape.
                assert!(refusal.is_object(), "{method} {path}");
            } else {
                let problem = &refusal["application/problem+json"];
                assert_eq!(
                    problem["schema"]["$ref"], "#/components/schemas/Problem",
                    "{method} {path}"
                );
            }
            let codes: Vec<_> = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .filter(|code| code.starts_with('2'))
                .collect();
            // A dry run is answered in a form of its own.
            let dry = path.ends_with("/bulk") || operation["operationId"] == "publishEvents";
            assert_eq!(codes.len(), if dry { 2 } else { 1 }, "{method} {path}");
            let takes_body = matches!(method.as_str(), "put" | "patch");
            assert!(
                !takes_body || operation["requestBody"].is_object(),
                "{method} {path}"
            );
        }
    }
    assert!(operations >= 30, "{operations}");
    let event = &document["paths"]["/v1/events"]["post"];
    assert!(event["responses"]["202"].is_object());
    for content_type in [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ] {
        assert!(
            event["requestBody"]["content"][content_type].is_object(),
            "{content_type}"
        );
    }
    let named = |name: &str| {
        let parameters = event["parameters"].as_array().unwrap().iter();
        parameters.filter(|parameter| parameter["name"] == name).count()
    };
    assert_eq!((named("Idempotency-Key"), named("hookgate-tenant")), (1, 1));
    for open in ["/healthz", "/readyz", "/metrics"] {
        let security = &document["paths"][open]["get"]["security"];
        assert_eq!(*security, serde_json::json!([{}]), "{open} needs no key");
    }
    let resolved = |reference: &str| document.pointer(reference.trim_start_matches('#')).is_some();
    assert!(references(&document).iter().all(|reference| resolved(reference)));
}

/// The table of capabilities names routes that there are, and the document has all of it.
#[tokio::test]
async fn capabilities_are_documented() {
    let rig = Rig::start().await;
    let document = rig.get("", "/openapi.json").await.expect(200);
    for (method, path) in capabilities::routes() {
        let operation = &document["paths"][path][method.to_ascii_lowercase()];
        let named = operation["x-hookgate-capability"].as_str();
        let method: Method = method.parse().unwrap();
        let needed = capabilities::needed(&method, path).map(Capability::name);
        assert!(named.is_some() && named == needed, "{method} {path}: {named:?}");
        // A session never reaches the operator's routes.
        assert!(operation["x-hookgate-scopes"].is_array(), "{method} {path}");
    }
}

#[tokio::test]
async fn generated_clients_find_what_they_need() {
    let rig = Rig::start().await;
    let document = rig.get("", "/openapi.json").await.expect(200);
    assert_eq!(document["servers"][0]["url"], "/");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(
            !name.ends_with(|c: char| c.is_ascii_digit()),
            "{name} is numbered"
        );
        for choice in choices(schema) {
            assert!(
                choice.iter().any(|one| one.get("const").is_none()),
                "{name} is an enum: {choice:?}"
            );
        }
    }
    assert_eq!(
        schemas["DeliveryList"]["properties"]["data"]["items"]["$ref"],
        "#/components/schemas/Delivery"
    );
    assert!(
        schemas["DeliveryStatus"]["enum"]
            .as_array()
            .unwrap()
            .contains(&"pending".into())
    );
    // As configured.
    assert_eq!(schemas["NewSubscription"]["properties"]["events"]["maxItems"], 64);
    assert_eq!(schemas["Chain"]["properties"]["steps"]["maxItems"], 16);
    let required = schemas["Problem"]["required"].as_array().unwrap();
    assert!(
        !required.contains(&"errors".into()) && required.contains(&"code".into()),
        "{required:?}"
    );
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(
                !id.is_empty() && !id.ends_with(|c: char| c.is_ascii_digit()),
                "{method} {path}: {id}"
            );
            assert!(
                operation
                    .get("parameters")
                    .is_none_or(serde_json::Value::is_array),
                "{method} {path}"
            );
            let responses = operation["responses"].as_object().unwrap().values();
            for content in responses.chain([&operation["requestBody"]]) {
                for (kind, media) in content["content"].as_object().into_iter().flatten() {
                    assert!(
                        media["schema"].is_object(),
                        "{method} {path}: {kind} has no schema"
                    );
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if parameter["name"] == "limit" {
                    assert_eq!(parameter["schema"]["maximum"], 500, "{method} {path}");
                }
            }
        }
    }
    let mut texts = Vec::new();
    for (name, schema) in schemas {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            let described = schema["description"].as_str().unwrap_or_default();
            if described.contains("(RFC 3339)") && schema["format"] != "date-time" {
                texts.push(format!("{name}.{member}"));
            }
        }
    }
    assert!(texts.is_empty(), "times without a format: {texts:?}");
    let used: BTreeSet<_> = references(&document).into_iter().collect();
    for name in schemas.keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(used.contains(&reference), "nothing uses {name}");
    }
    let told: BTreeSet<_> = document["webhooks"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let known: BTreeSet<_> = SYSTEM_EVENTS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(told, known);
}

/// Every `oneOf` in a schema.
fn choices(value: &serde_json::Value) -> Vec<&Vec<serde_json::Value>> {
    match value {
        serde_json::Value::Object(members) => {
            let own = members.get("oneOf").and_then(|choice| choice.as_array());
            own.into_iter()
                .chain(members.values().flat_map(choices))
                .collect()
        }
        serde_json::Value::Array(elements) => elements.iter().flat_map(choices).collect(),
        _ => Vec::new(),
    }
}

fn references(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Object(members) => {
            let own = members
                .get("$ref")
                .and_then(|reference| reference.as_str())
                .map(str::to_owned);
            members.values().flat_map(references).chain(own).collect()
        }
        serde_json::Value::Array(elements) => elements.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let rig = Rig::start().await;
    let page = rig.get("", "/docs").await;
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let text = page.expect(200);
    let text = text.as_str().unwrap();
    assert!(text.contains("/openapi.json") && !text.contains("http://") && !text.contains("https://"));
    for code in Code::ALL {
        let page = rig
            .get("", &format!("/docs/errors/{}", code.name()))
            .await
            .expect(200);
        assert_eq!(page.as_str(), Some(code.page()));
    }
    rig.get("", "/docs/errors/nonsense")
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn what_there_is_not_is_told() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    let unknown = rig.get(&key, "/v1/event").await;
    unknown.refused(404, "route_unknown");
    assert!(unknown.body["fix"].as_str().unwrap().contains("/v1/events"));
    let method = rig.bare(&key, Method::DELETE, "/v1/events").await;
    method.refused(405, "method_not_allowed");
    let allowed = method.headers["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    for path in ["/v1/events/a~b", "/v1/deliveries/x", "/v1/subscriptions/x"] {
        rig.get(&key, path).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn whoever_watches_is_told() {
    let rig = Rig::start().await;
    let key = rig.tenant("acme").await;
    rig.publish(&key, "a.b").await;
    rig.get("", "/healthz").await.expect(200);
    rig.get("", "/readyz").await.expect(200);
    let metrics = rig.get("", "/metrics").await;
    let kind = metrics.headers["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    assert!(metrics.expect(200).as_str().unwrap().contains("stored"));
    assert!(rig.store.health().await.available);
}
