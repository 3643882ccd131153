//! Consumers' keys: the routes that a product's own customers may call, and the objects they can
//! reach.

use std::process::Command;

use hookgate_tests::{Client, Gateway, Receiver, Setup, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    consumer_reaches_own_subscriptions_and_deliveries_only,
    keys_of_customers_are_limited_and_imported,
);

/// The API's own routes that a consumer's key may call; routes of adapters are added to these.
const FOR_CONSUMERS: &[&str] = &[
    "GET /v1/events",
    "GET /v1/subscriptions",
    "POST /v1/subscriptions",
    "GET /v1/subscriptions/{id}",
    "PATCH /v1/subscriptions/{id}",
    "DELETE /v1/subscriptions/{id}",
    "POST /v1/subscriptions/{id}/activate",
    "POST /v1/subscriptions/{id}/disable",
    "GET /v1/subscriptions/{id}/secret",
    "POST /v1/subscriptions/{id}/rotate-secret",
    "GET /v1/subscriptions/{id}/stats",
    "POST /v1/subscriptions/{id}/test",
    "POST /v1/subscriptions/{id}/recover",
    "GET /v1/subscriptions/{id}/deliveries",
    "GET /v1/attempts",
    "GET /v1/deliveries",
    "GET /v1/metrics/series",
    "GET /v1/session",
    "GET /v1/deliveries/{id}",
    "GET /v1/tail",
    "POST /v1/bulk",
    "GET /v1/jobs",
    "GET /v1/jobs/{id}",
    "POST /v1/jobs/{id}/pause",
    "POST /v1/jobs/{id}/resume",
    "POST /v1/jobs/{id}/cancel",
    "GET /v1/openapi.json",
    "POST /v1/deliveries/{id}/retry",
    "POST /v1/deliveries/{id}/cancel",
];

/// Routes that need no key.
const OPEN: &[&str] = &["/healthz", "/readyz", "/metrics", "POST /v1/session"];

/// Creates a key of a tenant and returns a client with it.
async fn key(gateway: &Gateway, tenant: &str, key: &Value) -> Client {
    let operator = gateway.operator();
    let path = format!("/v1/tenants/{tenant}/keys");
    let made = operator.post(&path, key).await.expect(201);
    operator.with_key(made["key"].as_str().unwrap())
}

async fn consumer(gateway: &Gateway, tenant: &str) -> Client {
    key(gateway, tenant, &json!({ "scopes": ["consumer"] })).await
}

fn ids(page: &Value) -> Vec<&str> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn consumer_key_calls_marked_routes_and_no_other() {
    let gateway = Setup::embedded().start();
    let operator = gateway.operator();
    let tenant = json!({ "id": "synq", "profile": "synthesq" });
    operator.post("/v1/tenants", &tenant).await.expect(201);
    let client = consumer(&gateway, "synq").await;
    let document = client.get("/openapi.json").await.expect(200);
    let (mut wrong, mut marked, mut doors) = (Vec::new(), Vec::new(), 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = format!("{} {path}", method.to_uppercase());
            if OPEN.contains(&path.as_str()) || OPEN.contains(&open.as_str()) {
                continue;
            }
            let scopes = operation["x-hookgate-scopes"].as_array().cloned();
            let for_consumers = scopes.unwrap_or_default().contains(&json!("consumer"));
            let (place, method) = (format!("{} {path}", method.to_uppercase()), method.to_uppercase());
            let at_door = operation["tags"][0].as_str().unwrap().starts_with("Front door");
            doors += usize::from(at_door);
            if for_consumers && !at_door {
                marked.push(place.clone());
            }
            let path = path
                .replace("{id}", "x")
                .replace("{key}", "x")
                .replace("{version}", "x")
                // It would not end.
                .replace("/v1/tail", "/v1/tail?events=x");
            let method: Method = method.parse().unwrap();
            let mut request = client
                .request(method.clone(), &path)
                .header("x-api-key", client.key());
            if method != Method::GET {
                request = request.json(&json!({}));
            }
            let answer = client.send(request).await;
            if (answer.status == 403) == for_consumers {
                wrong.push(format!("{place}: {} {}", answer.status, answer.code()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(doors > 10, "{doors} routes of doors");
    let mut expected: Vec<_> = FOR_CONSUMERS.iter().map(|&place| place.to_owned()).collect();
    expected.sort();
    marked.sort();
    assert_eq!(marked, expected);
}

async fn consumer_reaches_own_subscriptions_and_deliveries_only(on: On) {
    let site = Site::start(on).await;
    let acme = &site.acme;
    let customer = consumer(&site.gateway, "acme").await;
    let receiver = Receiver::start(vec![]).await;
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    let tenants = acme.post("/v1/subscriptions", &new).await.expect(201);
    let own = customer.post("/v1/subscriptions", &new).await.expect(201);
    assert_eq!(
        (&tenants["owner"], &own["owner"]),
        (&json!("tenant"), &json!("consumer"))
    );
    let (tenants, own) = (tenants["id"].as_str().unwrap(), own["id"].as_str().unwrap());
    let event = acme.publish("invoice.paid", json!({ "id": "in_1" })).await;
    receiver.wait_for(2).await;

    let listed = customer.get("/v1/subscriptions").await.expect(200);
    assert_eq!(ids(&listed), [own]);
    let listed = customer.get("/v1/deliveries").await.expect(200);
    let seen: Vec<_> = listed["data"].as_array().unwrap().iter().collect();
    assert_eq!(seen.len(), 1, "{listed:#}");
    assert_eq!(seen[0]["subscription"], json!(own));
    let all = acme.get("/v1/deliveries").await.expect(200);
    let others = all["data"].as_array().unwrap().iter();
    let other = others.filter(|delivery| delivery["subscription"] == tenants);
    let other = other
        .map(|delivery| delivery["id"].as_str().unwrap())
        .next()
        .unwrap();
    let mine = seen[0]["id"].as_str().unwrap();
    let feed = customer.get("/v1/events").await.expect(200);
    assert_eq!(ids(&feed), [event.as_str()]);

    // Objects of other tenants do not exist for it, on any route.
    for (method, path, body) in [
        ("GET", format!("/v1/subscriptions/{tenants}"), None),
        (
            "PATCH",
            format!("/v1/subscriptions/{tenants}"),
            Some(json!({ "description": "mine" })),
        ),
        ("DELETE", format!("/v1/subscriptions/{tenants}"), None),
        ("POST", format!("/v1/subscriptions/{tenants}/activate"), None),
        ("POST", format!("/v1/subscriptions/{tenants}/disable"), None),
        ("GET", format!("/v1/subscriptions/{tenants}/secret"), None),
        ("POST", format!("/v1/subscriptions/{tenants}/rotate-secret"), None),
        ("GET", format!("/v1/subscriptions/{tenants}/stats"), None),
        ("POST", format!("/v1/subscriptions/{tenants}/test"), None),
        (
            "POST",
            format!("/v1/subscriptions/{tenants}/recover"),
            Some(json!({ "only": "dead" })),
        ),
        ("GET", format!("/v1/subscriptions/{tenants}/deliveries"), None),
        ("GET", format!("/v1/deliveries/{other}"), None),
        ("POST", format!("/v1/deliveries/{other}/retry"), None),
        ("POST", format!("/v1/deliveries/{other}/cancel"), None),
    ] {
        let mut request = customer.request(method.parse().unwrap(), &path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let refused = customer.send(request).await;
        assert_eq!(
            (refused.status, refused.code()),
            (404, "not_found"),
            "{method} {path}"
        );
    }
    eventually("the delivery to end", async || {
        let shown = customer.get(&format!("/v1/deliveries/{mine}")).await.expect(200);
        (shown["status"] == "delivered").then_some(())
    })
    .await;
    customer
        .get(&format!("/v1/subscriptions/{own}/secret"))
        .await
        .expect(200);
    let retried = customer
        .post(&format!("/v1/deliveries/{mine}/retry"), &json!({}))
        .await;
    assert_eq!(retried.status, 202, "{:#}", retried.body);
    receiver.wait_for(3).await;

    // Only a key that may change all subscriptions can change a subscription's owner.
    let owned = json!({ "url": receiver.url(), "events": ["*"], "owner": "tenant" });
    for refused in [
        customer.post("/v1/subscriptions", &owned).await,
        customer
            .patch(&format!("/v1/subscriptions/{own}"), &json!({ "owner": "tenant" }))
            .await,
    ] {
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!("/owner"))
        );
    }
    let given = json!({ "owner": "consumer" });
    acme.patch(&format!("/v1/subscriptions/{tenants}"), &given)
        .await
        .expect(200);
    customer
        .get(&format!("/v1/subscriptions/{tenants}"))
        .await
        .expect(200);

    // A stored answer is not replayed to a key with fewer rights.
    let post = |client: &Client, body: &Value| {
        let request = client.request(Method::POST, "/v1/subscriptions");
        request.header("idempotency-key", "once").json(body)
    };
    let first = acme.send(post(acme, &new)).await.expect(201);
    let again = customer.send(post(&customer, &new)).await.expect(201);
    assert!(first["id"] != again["id"] && first["secret"] != again["secret"]);
}

/// A subscription created at a product's own route with any key belongs to its consumers.
#[tokio::test]
async fn consumer_reaches_what_was_made_at_the_door() {
    let gateway = Setup::embedded().start();
    let operator = gateway.operator();
    let tenant = json!({ "id": "leads", "profile": "synaptis" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    let tenant = operator.with_key(made["key"].as_str().unwrap());
    let customer = consumer(&gateway, "leads").await;
    let new = json!({ "url": "http://127.0.0.1:9/hook", "events": ["lead.verified"] });
    for client in [&tenant, &customer] {
        client.post("/v1/webhooks", &new).await.expect(201);
    }
    tenant.post("/v1/subscriptions", &new).await.expect(201);
    let listed = customer.get("/v1/subscriptions").await.expect(200);
    assert_eq!(ids(&listed).len(), 2);
    assert_eq!(ids(&tenant.get("/v1/subscriptions").await.expect(200)).len(), 3);
}

#[tokio::test]
async fn key_opens_nothing_after_its_end() {
    let gateway = Setup::embedded().start();
    gateway.tenant("acme").await;
    let date = Command::new("date")
        .args(["-u", "-d", "+15 seconds", "+%FT%TZ"])
        .output()
        .unwrap();
    let end = String::from_utf8(date.stdout).unwrap();
    let ending = json!({ "scopes": ["read", "publish"], "expires": end.trim() });
    let ending = key(&gateway, "acme", &ending).await;
    let refused = eventually("the key to expire", async || {
        let answer = ending.get("/v1/subscriptions").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!((refused.status, refused.code()), (401, "key_expired"));
    let event = json!({ "type": "a.b", "data": {} });
    assert_eq!(ending.post("/v1/events", &event).await.code(), "key_expired");
}

/// Keys look like the product's keys, and the operator is warned of unrestricted ones.
#[tokio::test]
async fn keys_of_a_profile_have_its_prefix_and_advice() {
    let toml = "[profiles.synaptis.keys]\nprefix = \"sk_live_\"";
    let gateway = Setup::embedded().with(toml).start();
    let operator = gateway.operator();
    let ready = operator.get("/readyz").await.expect(200);
    assert_eq!(ready["advice"], Value::Null, "no customers yet");
    let tenant = json!({ "id": "leads", "profile": "synaptis" });
    let first = operator.post("/v1/tenants", &tenant).await.expect(201);
    let scopes = json!({ "scopes": ["consumer"] });
    let second = operator.post("/v1/tenants/leads/keys", &scopes).await.expect(201);
    for made in [&first, &second] {
        let key = made["key"].as_str().unwrap();
        assert!(key.starts_with("sk_live_") && key.len() == 51, "{key}");
        operator.with_key(key).get("/v1/subscriptions").await.expect(200);
    }
    let ready = operator.get("/readyz").await.expect(200);
    assert_eq!(ready["advice"].as_array().unwrap().len(), 1, "{ready:#}");
    let advice = ready["advice"][0].as_str().unwrap();
    assert!(
        advice.contains("`leads`") && advice.contains("`consumer`"),
        "{advice}"
    );
    for other in ["", second["key"].as_str().unwrap()] {
        let ready = operator.with_key(other).get("/readyz").await.expect(200);
        assert_eq!(ready["advice"], Value::Null);
    }
    let listed = operator.get("/v1/tenants/leads/keys").await.expect(200);
    for key in listed["data"].as_array().unwrap() {
        if key["scopes"] != json!(["consumer"]) {
            let path = format!("/v1/tenants/leads/keys/{}", key["id"].as_str().unwrap());
            operator.delete(&path).await.expect(204);
        }
    }
    let ready = operator.get("/readyz").await.expect(200);
    assert_eq!(ready["advice"], Value::Null);
    for bad in ["sk live", "", "sk_live_of_very_long"] {
        let toml = format!("[profiles.synaptis.keys]\nprefix = \"{bad}\"");
        let refused = Setup::embedded().with(&toml).try_start().map(drop).unwrap_err();
        assert!(
            format!("{refused:#}").contains("profiles.synaptis.keys.prefix"),
            "{refused:#}"
        );
    }
}

async fn keys_of_customers_are_limited_and_imported(on: On) {
    let site = Site::start(on).await;
    let (gateway, acme) = (&site.gateway, &site.acme);
    let receiver = Receiver::start(vec![]).await;
    let (one, _) = acme.subscribe(&receiver.url()).await;
    let (two, _) = acme.subscribe(&receiver.url()).await;
    let limited = key(
        gateway,
        "acme",
        &json!({ "scopes": ["consumer"], "subscription": one }),
    )
    .await;
    assert_eq!(
        ids(&limited.get("/v1/subscriptions").await.expect(200)),
        [one.as_str()]
    );
    limited
        .get(&format!("/v1/subscriptions/{one}/stats"))
        .await
        .expect(200);
    assert_eq!(limited.get(&format!("/v1/subscriptions/{two}")).await.status, 404);
    let new = json!({ "url": receiver.url(), "events": ["*"] });
    for refused in [
        limited.get("/v1/events").await,
        limited.post("/v1/subscriptions", &new).await,
        limited
            .post("/v1/events", &json!({ "type": "a.b", "data": {} }))
            .await,
    ] {
        assert_eq!((refused.status, refused.code()), (403, "scope_missing"));
    }

    // A key that a customer already has.
    let (theirs, operator) = ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", gateway.operator());
    let digest = hex::encode(Sha256::digest(theirs));
    let import = json!({ "scopes": ["consumer"], "digest": digest });
    let made = operator.post("/v1/tenants/acme/keys", &import).await.expect(201);
    assert_eq!(made["key"], Value::Null);
    operator
        .with_key(theirs)
        .get("/v1/subscriptions")
        .await
        .expect(200);
    let again = operator.post("/v1/tenants/acme/keys", &import).await;
    assert_eq!((again.status, again.code()), (409, "already_exists"));
    gateway.tenant("other").await;
    let again = operator.post("/v1/tenants/other/keys", &import).await;
    assert_eq!((again.status, again.code()), (409, "already_exists"));

    let ending = json!({ "scopes": ["read"], "expires": "2099-01-01T00:00:00Z" });
    key(gateway, "acme", &ending)
        .await
        .get("/v1/subscriptions")
        .await
        .expect(200);
    let listed = operator.get("/v1/tenants/acme/keys").await.expect(200);
    let ends = listed["data"].as_array().unwrap().iter();
    let ends: Vec<_> = ends.filter_map(|key| key["expires"].as_str()).collect();
    assert_eq!(ends, ["2099-01-01T00:00:00Z"], "{listed:#}");
    for (body, pointer) in [
        (json!({ "digest": &digest[..62] }), "/digest"),
        (json!({ "digest": format!("{digest}00") }), "/digest"),
        (
            json!({ "digest": hex::encode(Sha256::digest(hookgate_tests::gateway::OPERATOR_KEY)) }),
            "/digest",
        ),
        (json!({ "expires": "2020-01-01T00:00:00Z" }), "/expires"),
        (json!({ "expires": "soon" }), "/expires"),
        (json!({ "scopes": ["read"], "subscription": one }), "/scopes"),
        (
            json!({ "scopes": ["consumer", "publish"], "subscription": one }),
            "/scopes",
        ),
        (json!({ "scopes": ["consumers"] }), "/scopes/0"),
        (
            json!({ "scopes": ["consumer"], "subscription": "sub_01J00000000000000000000000" }),
            "/subscription",
        ),
    ] {
        let refused = operator.post("/v1/tenants/acme/keys", &body).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{body}"
        );
    }
}
