//! `GET /v1/openapi.json`: a key's own document lists what the key may call, and nothing of other products.

use hookgate_tests::{Client, Gateway, Setup};
use reqwest::Method;
use serde_json::{Value, json};

/// A gateway with the tenant `crm` of the profile `synthesq`, and a client with a key of it.
async fn crm() -> (Gateway, Client) {
    let gateway = Setup::embedded().start();
    let tenant = json!({ "id": "crm", "profile": "synthesq" });
    let made = gateway.operator().post("/v1/tenants", &tenant).await.expect(201);
    let client = gateway.operator().with_key(made["key"].as_str().unwrap());
    (gateway, client)
}

async fn key(gateway: &Gateway, key: &Value) -> Client {
    let made = gateway
        .operator()
        .post("/v1/tenants/crm/keys", key)
        .await
        .expect(201);
    gateway.operator().with_key(made["key"].as_str().unwrap())
}

async fn own(client: &Client) -> Value {
    client.get("/v1/openapi.json").await.expect(200)
}

/// Operations of a document: method and path.
fn operations(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
    });
    operations.collect()
}

#[tokio::test]
async fn own_document_lists_what_the_key_may_call_and_no_other() {
    let (gateway, all) = crm().await;
    let whole = all.get("/openapi.json").await.expect(200);
    let new = json!({ "url": "https://example.com/", "events": ["*"] });
    let made = all.post("/v1/subscriptions", &new).await.expect(201);
    let one = json!({ "scopes": ["consumer"], "subscription": made["id"] });
    for scopes in [
        json!({ "scopes": ["publish"] }),
        json!({ "scopes": ["read"] }),
        json!({ "scopes": ["manage"] }),
        json!({ "scopes": ["consumer"] }),
        json!({ "scopes": ["publish", "read", "manage"] }),
        one,
    ] {
        let client = key(&gateway, &scopes).await;
        let own = operations(&own(&client).await);
        assert!(
            own.contains(&(Method::GET, "/v1/openapi.json".to_owned())),
            "{scopes}"
        );
        let mut wrong = Vec::new();
        for (method, path) in operations(&whole) {
            // Those need no key.
            let open = ["/healthz", "/readyz", "/metrics"].contains(&path.as_str());
            if open || (method == Method::POST && path == "/v1/session") {
                continue;
            }
            let place = path
                .replace("{id}", "x")
                .replace("{key}", "x")
                .replace("{version}", "x")
                // It would not end.
                .replace("/v1/tail", "/v1/tail?events=x");
            let mut request = client
                .request(method.clone(), &place)
                .header("x-api-key", client.key());
            if method != Method::GET {
                request = request.json(&json!({}));
            }
            let answer = client.send(request).await;
            // Inputs are examined before the reach of a key for one subscription.
            let refused = answer.status == 403 || answer.code() == "route_unknown";
            let listed = own.contains(&(method.clone(), path.clone()));
            let by_reach = scopes["subscription"].is_string() && !listed;
            if refused == listed && !by_reach {
                wrong.push(format!("{method} {path}: {} {}", answer.status, answer.code()));
            }
        }
        assert!(wrong.is_empty(), "{scopes}: {}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn own_document_has_schemas_of_the_tenants_types() {
    let (gateway, client) = crm().await;
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "total": { "$ref": "#/$defs/money" }, "kind": { "const": { "$ref": "#/left/alone" } }, "default": { "$ref": "#/$defs/money" } },
        "$defs": { "money": { "type": "integer", "minimum": 0 } },
    });
    for kind in ["order.paid", "order/odd name"] {
        let path = format!("/v1/event-types/{}", kind.replace('/', "%2F").replace(' ', "%20"));
        client.put(&path, &json!({ "schema": schema })).await.expect(200);
    }
    let document = own(&client).await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let paid = &schemas["data.order.paid"];
    assert_eq!(
        paid["properties"]["total"]["$ref"],
        "#/components/schemas/data.order.paid/$defs/money"
    );
    assert_eq!(paid["properties"]["default"], paid["properties"]["total"]);
    assert_eq!(paid["properties"]["kind"]["const"]["$ref"], "#/left/alone");
    assert!(
        document
            .pointer("/components/schemas/data.order.paid/$defs/money")
            .is_some()
    );
    assert!(
        schemas.contains_key("data.order..2Fodd..20name"),
        "{:?}",
        schemas.keys()
    );
    assert!(!schemas.contains_key("NewTenant") && schemas.contains_key("NewEvent"));
    let tags: Vec<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    assert!(tags.contains(&&json!("Front door: synthesq")), "{tags:?}");
    assert!(!tags.contains(&&json!("Front door: syncai")), "{tags:?}");
    let other = gateway.tenant("acme").await;
    let other = own(&other).await;
    assert!(other["components"]["schemas"].get("data.order.paid").is_none());
    assert!(
        operations(&other)
            .iter()
            .all(|(_, path)| path.starts_with("/v1/"))
    );
    // The operator names a tenant.
    let operator = gateway.operator();
    let refused = operator.get("/v1/openapi.json").await;
    assert_eq!((refused.status, refused.code()), (400, "tenant_required"));
    assert_eq!(own(&operator.acting_for("crm")).await, document);
}
