//! Warnings in a product's own words, to the customers whose endpoints fail.

use hmac::{Hmac, KeyInit, Mac};
use hookgate_tests::{Client, Gateway, Received, Receiver, Reply, eventually};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    customer_is_warned_at_other_webhooks_in_the_products_words,
    warnings_that_fail_lead_to_nothing,
);

/// Two attempts per delivery, so that five events make ten; no minimum duration.
const WARNINGS: &str = r#"
[profiles.synthesq.retry]
schedule = ["0s"]

[profiles.synthesq.auto_disable]
for_at_least = "0s"

[profiles.synthesq.warnings]
failing = "webhook.failing"
disabled = "webhook.disabled"
members = [
    { name = "object", constant = "webhook" },
    { name = "webhook_id", value = "{id}" },
    { name = "endpoint", value = "{url}" },
    { name = "state", value = "{status}" },
    { name = "reason", value = "{reason}" },
    { name = "tried", value = "{attempts}" },
    { name = "failed", value = "{failed}" },
    { name = "at", value = "{at}" },
]
"#;

const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";
const FEED: &str = "/api/v1/webhooks/events";

async fn crm(gateway: &Gateway) -> Client {
    let operator = gateway.operator();
    let tenant = json!({ "id": "crm", "profile": "synthesq" });
    let made = operator.post("/v1/tenants", &tenant).await.expect(201);
    operator.with_key(made["key"].as_str().unwrap())
}

async fn register(client: &Client, path: &str, receiver: &Receiver, events: &[&str]) -> String {
    let new = json!({ "url": receiver.url(), "events": events, "secret": "shared" });
    let made = client.post(path, &new).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn until_disabled(client: &Client, id: &str) {
    eventually("it is disabled", async || {
        let shown = client.get(&format!("{SUBSCRIPTIONS}/{id}")).await.expect(200);
        (shown["status"] == "disabled").then_some(())
    })
    .await;
}

/// Publishes five events at a time until the tenant's subscription is disabled.
async fn fail(client: &Client, id: &str) {
    for n in 0..5 {
        client.publish("product.created", json!({ "n": n })).await;
    }
    until_disabled(client, id).await;
}

fn kinds(received: &[Received]) -> Vec<String> {
    let kinds = received
        .iter()
        .map(|got| got.json()["event"].as_str().unwrap().to_owned());
    kinds.collect()
}

async fn feed(client: &Client) -> Vec<Value> {
    let page = client.get(&format!("{FEED}?types=webhook.*")).await.expect(200);
    page["data"].as_array().unwrap().clone()
}

async fn customer_is_warned_at_other_webhooks_in_the_products_words(on: On) {
    let site = Site::with(on, WARNINGS).await;
    let crm = crm(&site.gateway).await;
    let broken = Receiver::start(vec![Reply::Status(500); 100]).await;
    let (other, thin) = (Receiver::start(vec![]).await, Receiver::start(vec![]).await);
    let id = register(&crm, SUBSCRIPTIONS, &broken, &["product.*", "webhook.*"]).await;
    register(
        &crm,
        SUBSCRIPTIONS,
        &other,
        &["webhook.failing", "webhook.disabled"],
    )
    .await;
    register(&crm, SUBSCRIPTIONS, &thin, &["webhook.disabled"]).await;
    // Six attempts suffice for a warning, and not for disabling.
    for n in 0..3 {
        crm.publish("product.created", json!({ "n": n })).await;
    }
    assert_eq!(kinds(&other.wait_for(1).await), ["webhook.failing"]);
    let page = crm.get("/v1/events?types=webhook.*").await.expect(200);
    let warning = page["data"][0]["id"].as_str().unwrap();
    let warning = crm.get(&format!("/v1/events/{warning}")).await.expect(200);
    let to: Vec<_> = warning["deliveries"].as_array().unwrap().iter().collect();
    assert!(to.len() == 1 && to[0]["subscription"] != *id, "{warning:#}");
    fail(&crm, &id).await;

    let mut received = other.wait_for(2).await;
    received.sort_by_key(|got| got.json()["event"] != "webhook.failing");
    assert_eq!(kinds(&received), ["webhook.failing", "webhook.disabled"]);
    for (got, state) in received.iter().zip(["active", "disabled"]) {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"shared").unwrap();
        mac.update(&got.body);
        let expected = hex::encode(mac.finalize().into_bytes());
        assert_eq!(got.header("x-webhook-signature"), expected);
        let (body, data) = (got.json(), got.json()["data"].clone());
        let members: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["event", "data", "timestamp"]);
        let members: Vec<_> = data.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "object",
                "webhook_id",
                "endpoint",
                "state",
                "reason",
                "tried",
                "failed",
                "at"
            ]
        );
        assert_eq!(
            (
                &data["webhook_id"],
                &data["endpoint"],
                &data["state"],
                &data["reason"]
            ),
            (&json!(id), &json!(broken.url()), &json!(state), &json!("failing"))
        );
        assert!(data["failed"].as_u64() >= Some(5), "{data}");
    }
    assert_eq!(kinds(&thin.wait_for(1).await), ["webhook.disabled"]);
    let pulled = feed(&crm).await;
    assert_eq!(pulled, [received[0].json(), received[1].json()]);

    // The disabled one receives nothing about itself, nor when it recovers its missed deliveries.
    broken.answer(vec![]);
    crm.post(&format!("{SUBSCRIPTIONS}/{id}/activate"), &json!({}))
        .await
        .expect(200);
    let missed = json!({ "since": "2024-01-15T10:00:00Z" });
    let path = format!("/v1/subscriptions/{id}/recover");
    eventually("nothing of it is under way", async || {
        let path = format!("/v1/subscriptions/{id}/deliveries?status=pending");
        let pending = crm.get(&path).await.expect(200);
        pending["data"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let recovered = crm.post(&path, &missed).await.expect(202);
    assert_eq!(recovered["deliveries"], 3 + 5, "{recovered:#}");
    let page = crm.get("/v1/events?types=webhook.*").await.expect(200);
    for event in page["data"].as_array().unwrap() {
        let path = format!("/v1/events/{}/replay", event["id"].as_str().unwrap());
        let replayed = crm.post(&path, &json!({})).await.expect(202);
        for delivery in replayed["deliveries"].as_array().unwrap() {
            assert!(!delivery.as_str().unwrap().contains(&id[4..]), "{delivery}");
        }
    }
    crm.publish("product.activated", json!({})).await;
    eventually("the newest came", async || {
        kinds(&broken.received())
            .contains(&"product.activated".to_owned())
            .then_some(())
    })
    .await;
    let received = kinds(&broken.received());
    assert!(
        !received.iter().any(|kind| kind.starts_with("webhook.")),
        "{received:?}"
    );

    // No other client can create one; and a restart repeats none.
    let forged = json!({ "type": "webhook.disabled", "data": {} });
    let refused = crm.post("/v1/events", &forged).await;
    assert_eq!((refused.status, refused.code()), (400, "reserved_type"));
    let types = crm.get("/api/v1/webhooks/event-types").await.expect(200);
    assert_eq!(types["data"].as_array().unwrap().len(), 8 + 2);
    let site = site.restart();
    let crm = crm.towards(site.gateway.base());
    crm.publish("product.activated", json!({})).await;
    eventually("it came", async || {
        let kinds = kinds(&broken.received());
        (kinds.iter().filter(|kind| *kind == "product.activated").count() == 2).then_some(())
    })
    .await;
    assert_eq!(feed(&crm).await.len(), 2);
}

/// The product's words apply to consumers' webhooks; a failing warning causes no warning.
async fn warnings_that_fail_lead_to_nothing(on: On) {
    let toml = format!("{WARNINGS}\n[profiles.synthesq.endpoint]\ngone = \"disable\"\n");
    let site = Site::with(on, &toml).await;
    let crm = crm(&site.gateway).await;
    let broken = Receiver::start(vec![Reply::Status(500); 100]).await;
    // The tenant's own subscription is hidden from its customers.
    let own = register(&crm, "/v1/subscriptions", &broken, &["product.*"]).await;
    fail(&crm, &own).await;

    let (deaf, gone) = (
        Receiver::start(vec![Reply::Status(500); 100]).await,
        Receiver::start(vec![Reply::Status(410); 100]).await,
    );
    let mut listening = Vec::new();
    for receiver in [&deaf, &gone] {
        listening.push(register(&crm, SUBSCRIPTIONS, receiver, &["webhook.*"]).await);
    }
    for round in 1..=5 {
        let id = register(&crm, SUBSCRIPTIONS, &broken, &["product.*"]).await;
        fail(&crm, &id).await;
        deaf.wait_for(2 * 2 * round).await;
        gone.wait_for(2 * 2 * round).await;
    }
    for id in &listening {
        let path = format!("/v1/subscriptions/{id}");
        eventually("all are given up", async || {
            let dead = crm
                .get(&format!("{path}/deliveries?status=dead"))
                .await
                .expect(200);
            (dead["data"].as_array().unwrap().len() == 10).then_some(())
        })
        .await;
        let stats = crm.get(&format!("{path}/stats")).await.expect(200);
        assert_eq!(stats["totals"]["attempts"], 0, "{stats:#}");
        assert_eq!(crm.get(&path).await.expect(200)["status"], "active");
    }
    let told = feed(&crm).await;
    assert_eq!(told.len(), 2 * 5, "{told:#?}");
    for warning in &told {
        let about = warning["data"]["webhook_id"].as_str().unwrap();
        assert!(
            about != own && !listening.iter().any(|id| id == about),
            "{warning}"
        );
    }
}
