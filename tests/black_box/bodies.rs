//! Bodies with unknown fields: every route refuses them, names the fields, and changes nothing.

use hookgate_tests::client::Answer;
use hookgate_tests::{Client, Receiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    unknown_fields_are_refused_by_name_on_every_route,
    body_of_a_route_that_takes_none_is_refused,
);

/// Routes whose body is not a JSON object of fields: components, and documents of rows.
const NO_OBJECTS: &[&str] = &[
    "/v1/plugins",
    "/v1/shared/plugins",
    "/v1/import",
    "/v1/import/all",
];

async fn send(client: &Client, method: &Method, path: &str, body: &str) -> Answer {
    let request = client
        .request(method.clone(), path)
        .header("x-api-key", client.key())
        .header("content-type", "application/json");
    client.send(request.body(body.to_owned())).await
}

/// Creates a tenant with a profile whose own routes are in the document too, and a key of it.
async fn of_profile(site: &Site, profile: &str) -> Client {
    let tenant = json!({ "id": profile, "profile": profile });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    site.acme.with_key(made["key"].as_str().unwrap())
}

/// The client that a route requires: the operator's or a tenant's, of the product that the route
/// belongs to.
fn caller<'a>(operation: &Value, path: &str, operator: &'a Client, tenants: &'a [(&str, Client)]) -> Client {
    let section = operation["tags"][0].as_str().unwrap_or_default();
    let product = section.strip_prefix("Front door: ").unwrap_or("acme");
    let operators = ["/v1/tenants", "/v1/sealing-keys", "/v1/shared", "/v1/operator"];
    if operators.iter().any(|of| path.starts_with(of)) {
        return operator.clone();
    }
    let (_, client) = tenants.iter().find(|(name, _)| *name == product).expect(product);
    client.clone()
}

async fn unknown_fields_are_refused_by_name_on_every_route(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let event = site.acme.publish("a.b", json!({})).await;
    receiver.wait_for(1).await;
    let mut tenants = vec![("acme", site.acme.clone())];
    for profile in ["synaptis", "synthesq", "syncai", "synthflow"] {
        tenants.push((profile, of_profile(&site, profile).await));
    }
    let operator = site.gateway.operator();
    let before = state(&site, &operator, &subscription).await;
    let document = site.acme.get("/openapi.json").await.expect(200);
    let (mut walked, mut wrong) = (0, Vec::new());
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            if operation["operationId"].is_null() || NO_OBJECTS.contains(&template.as_str()) {
                continue;
            }
            let id = if template.starts_with("/v1/events") {
                &event
            } else {
                &subscription
            };
            let id = if template.starts_with("/v1/tenants") {
                "acme"
            } else {
                id
            };
            let path = template
                .replace("{id}", id)
                .replace("{key}", "key_1")
                .replace("{version}", "1");
            // Routes without a key take no fields.
            if operation["security"] == json!([])
                || !(template.starts_with("/v1") || template.contains("hooks"))
            {
                continue;
            }
            let client = caller(operation, template, &operator, &tenants);
            let answer = send(&client, &method, &path, r#"{"surprise":1}"#).await;
            walked += 1;
            let named = answer.body["errors"]
                .as_array()
                .is_some_and(|errors| errors.iter().any(|error| error["pointer"] == "/surprise"));
            if !matches!(answer.status, 400 | 422) || !named {
                wrong.push(format!(
                    "{method} {template}: {} {:#}",
                    answer.status, answer.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(walked > 60, "{walked}");
    assert_eq!(
        state(&site, &operator, &subscription).await,
        before,
        "nothing is changed"
    );
}

/// All state that a request could have changed.
async fn state(site: &Site, operator: &Client, subscription: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for path in [
        "/v1/subscriptions",
        "/v1/chain",
        "/v1/event-types",
        "/v1/signing-secret",
        "/v1/plugins",
        "/v1/deliveries",
        "/v1/events",
        &format!("/v1/subscriptions/{subscription}/secret"),
        &format!("/v1/subscriptions/{subscription}/chain"),
    ] {
        found.push(site.acme.get(path).await.body);
    }
    for path in ["/v1/tenants", "/v1/tenants/acme/keys", "/v1/sealing-keys"] {
        found.push(operator.get(path).await.body);
    }
    found
}

async fn body_of_a_route_that_takes_none_is_refused(on: On) {
    let site = Site::start(on).await;
    let (id, _) = site.acme.subscribe("https://example.com/hook").await;
    let disable = format!("/v1/subscriptions/{id}/disable");
    for (body, status, code) in [
        ("not json", 400, "invalid_json"),
        ("{\"a\":1", 400, "invalid_json"),
        ("[1]", 422, "invalid_field"),
        ("{\"reason\":\"mine\",\"a/b\":1}", 422, "invalid_field"),
    ] {
        let refused = send(&site.acme, &Method::POST, &disable, body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{body}: {:#}",
            refused.body
        );
        if body.contains("reason") {
            let places: Vec<_> = [0, 1]
                .map(|n| refused.body["errors"][n]["pointer"].clone())
                .into();
            assert_eq!(places, ["/reason", "/a~1b"]);
        }
    }
    let own = format!("/v1/subscriptions/{id}");
    assert_eq!(site.acme.get(&own).await.expect(200)["status"], "active");
    // An unknown key is reported first, and a repetition under an idempotency key is refused too.
    let nobody = site.acme.with_key("hg_of_nobody_0123456789abcdef");
    let refused = send(&nobody, &Method::POST, &disable, "not json").await;
    assert_eq!((refused.status, refused.code()), (401, "key_unknown"));
    let request = site
        .acme
        .request(Method::POST, &disable)
        .header("idempotency-key", "once");
    let refused = site.acme.send(request.json(&json!({ "reason": 1 }))).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_field"));
    for body in ["", "  ", "{}"] {
        send(&site.acme, &Method::POST, &disable, body).await.expect(200);
    }

    let synthflow = of_profile(&site, "synthflow").await;
    let route = "/settings/security/webhooks/secret";
    let made = synthflow.post(route, &json!({})).await.expect(201);
    let given = json!({ "secret": "one-that-somebody-has-already-0123456789" });
    let refused = synthflow.post(route, &given).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_field"));
    assert_eq!(refused.body["errors"][0]["pointer"], "/secret");
    let shown = synthflow.get("/v1/signing-secret").await.expect(200);
    let secret = made
        .as_object()
        .unwrap()
        .values()
        .find(|value| **value == shown["secret"]);
    assert!(
        secret.is_some(),
        "the account's secret is the one before: {made:#}"
    );
}
