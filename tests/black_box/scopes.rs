//! Scopes of API keys: the permitted uses of each, on every route of the API.

use hookgate_tests::client::Answer;
use hookgate_tests::{Client, Gateway, Setup};
use reqwest::Method;
use serde_json::{Value, json};

/// Routes that need no key.
const OPEN: &[&str] = &[
    "/",
    "/v1/session",
    "/v1/session/renew",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/errors/{code}",
    // A key of any scope will do.
    "/v1/openapi.json",
];

/// Creates a key of the tenant `shop` with these scopes.
async fn key(gateway: &Gateway, scopes: &[&str]) -> Client {
    let operator = gateway.operator();
    let made = operator
        .post("/v1/tenants/shop/keys", &json!({ "scopes": scopes }))
        .await
        .expect(201);
    assert_eq!(made["scopes"], json!(scopes));
    operator.with_key(made["key"].as_str().unwrap())
}

async fn call(client: &Client, method: &Method, path: &str, body: Option<Value>) -> Answer {
    // The place of the key at some adapters.
    let request = client
        .request(method.clone(), path)
        .header("x-api-key", client.key());
    let request = match &body {
        Some(body) => request.json(body),
        None => request,
    };
    client.send(request).await
}

/// Every operation of the API: its method and path.
async fn operations(client: &Client) -> Vec<(Method, String)> {
    let document = client.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, item) in paths {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    assert!(operations.len() > 50, "{}", operations.len());
    operations
}

#[tokio::test]
async fn scopes_of_a_key_hold_on_every_route() {
    let gateway = Setup::embedded().start();
    let shop = gateway.tenant("shop").await;
    let all = operations(&shop).await;
    for scopes in [&["publish"][..], &["read"], &["manage"], &["publish", "read"]] {
        let client = key(&gateway, scopes).await;
        let mut wrong = Vec::new();
        for (method, path) in &all {
            if OPEN.contains(&path.as_str()) {
                continue;
            }
            let needed = match (method.as_str(), path.as_str()) {
                ("POST", "/v1/events") => "publish",
                ("GET", path) if path.ends_with("secret") || path == "/v1/export" => "manage",
                ("GET", _) => "read",
                _ => "manage",
            };
            let place = path
                .replace("{id}", "x")
                .replace("{key}", "x")
                .replace("{version}", "x")
                // It would not end.
                .replace("/v1/tail", "/v1/tail?events=x");
            let answer = call(
                &client,
                method,
                &place,
                (method != Method::GET).then(|| json!({})),
            )
            .await;
            let refused = answer.code() == "scope_missing";
            let operators = answer.code() == "operator_required";
            if operators || refused != scopes.contains(&needed) {
                continue;
            }
            wrong.push(format!(
                "{method} {path} with {scopes:?}: {} {}",
                answer.status,
                answer.code()
            ));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn publishing_key_that_leaks_lifts_no_redaction() {
    let gateway = Setup::embedded().start();
    let shop = gateway.tenant("shop").await;
    let producer = key(&gateway, &["publish"]).await;
    let event = json!({ "type": "a.b", "data": { "n": 1 } });
    producer.post("/v1/events", &event).await.expect(202);
    for (method, path, body) in [
        (Method::PUT, "/v1/chain", Some(json!({ "steps": [] }))),
        (
            Method::POST,
            "/v1/subscriptions",
            Some(json!({ "url": "http://127.0.0.1:9/", "events": ["*"] })),
        ),
        (Method::GET, "/v1/events", None),
        (Method::GET, "/v1/signing-secret", None),
    ] {
        let refused = call(&producer, &method, path, body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (403, "scope_missing"),
            "{method} {path}"
        );
    }
    shop.get("/v1/events").await.expect(200);
    let reader = key(&gateway, &["read"]).await;
    let refused = reader.post("/v1/events", &event).await;
    assert_eq!(refused.code(), "scope_missing");
    assert_eq!(
        reader.get("/v1/events").await.expect(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn scopes_that_do_not_exist_are_refused_by_name() {
    let gateway = Setup::embedded().start();
    gateway.tenant("shop").await;
    let operator = gateway.operator();
    for (body, pointer) in [
        (json!({ "scopes": [] }), "/scopes"),
        (json!({ "scopes": ["read", "write"] }), "/scopes/1"),
        (json!({ "scope": ["read"] }), "/scope"),
        (json!({ "key": "hg_of_my_own_0123456789" }), "/key"),
    ] {
        let refused = operator.post("/v1/tenants/shop/keys", &body).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{body}");
        assert_eq!(
            refused.body["errors"][0]["pointer"],
            Value::from(pointer),
            "{body}"
        );
    }
    let listed = operator.get("/v1/tenants/shop/keys").await.expect(200);
    let first = &listed["data"][0]["scopes"];
    assert_eq!(
        *first,
        json!(["publish", "read", "manage"]),
        "a tenant's first key"
    );
}
