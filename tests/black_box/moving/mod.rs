//! Export and import: the document of a tenant's registry, from one gateway into another.

mod bad_input;
mod by_command;
mod by_tenant;
mod limits;
mod under_load;

use std::collections::BTreeMap;

use hookgate_tests::client::Answer;
use hookgate_tests::{Client, Fsync, Gateway, Receiver, RedisServer, Setup, eventually};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    export_moves_a_tenant_with_all_it_has,
    dry_run_of_an_import_tells_differences_and_changes_nothing,
);

const HEADER: &str = r#"{"format":"hookgate-registry","version":1}"#;

/// A document of these rows.
fn document(rows: &[Value]) -> String {
    let end = json!({ "kind": "end", "rows": rows.len() });
    let lines = rows.iter().chain([&end]).map(ToString::to_string);
    let lines: Vec<_> = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    lines.join("\n") + "\n"
}

async fn import(client: &Client, path: &str, document: impl Into<String>) -> Answer {
    let document: String = document.into();
    client.post_raw(path, "application/x-ndjson", document).await
}

/// The rows of an export, without its first and last line, and without the tenant of system events.
async fn export(client: &Client, path: &str) -> Vec<Value> {
    let answer = client.get(path).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = answer.expect(200);
    let lines = text.as_str().unwrap().lines();
    let mut rows: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let header = rows.remove(0);
    assert_eq!(
        (&header["format"], &header["version"]),
        (&json!("hookgate-registry"), &json!(1))
    );
    let end = rows.pop().unwrap();
    assert_eq!(end, json!({ "kind": "end", "rows": rows.len() }));
    // Every gateway has the tenant of system events.
    rows.retain(|row| row["tenant"] != "operator");
    rows
}

fn counts(report: &Value) -> [u64; 4] {
    ["created", "changed", "unchanged", "refused"].map(|name| report[name].as_u64().unwrap())
}

fn digest(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

fn tenant_row(tenant: &str) -> Value {
    json!({ "kind": "tenant", "tenant": tenant, "profile": "standard" })
}

fn key_row(tenant: &str, key: &str, scopes: &[&str]) -> Value {
    json!({ "kind": "key", "tenant": tenant, "digest": digest(key), "scopes": scopes })
}

/// Makes a subscription's id from a number.
fn id(number: usize) -> String {
    format!("sub_01J000000000000000{number:08}")
}

fn secret(number: usize) -> String {
    use base64::Engine as _;
    let key = Sha256::digest(number.to_be_bytes());
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(key))
}

fn subscription_row(tenant: &str, number: usize, url: &str) -> Value {
    json!({ "kind": "subscription", "tenant": tenant, "id": id(number), "url": url,
        "events": [format!("moved.n{number}")], "secrets": [{ "secret": secret(number) }],
        "created": "2025-03-01T10:00:00Z" })
}

/// Starts another gateway with its own store.
fn another(on: On) -> (Gateway, Option<RedisServer>) {
    match on {
        On::Embedded => (Setup::embedded().start(), None),
        On::Redis => {
            let redis = RedisServer::start(Fsync::Always).unwrap();
            (Setup::redis(&redis.url()).start(), Some(redis))
        }
    }
}

/// Creates one object of every kind for a tenant; returns its receiver.
async fn furnish(site: &Site) -> Receiver {
    let operator = site.gateway.operator();
    let acting = operator.acting_for("acme");
    let receiver = Receiver::start(vec![]).await;
    let quotas =
        json!({ "quotas": { "events_per_second": 1000, "stored_bytes": "1GiB" }, "keep_metadata": false });
    operator.patch("/v1/tenants/acme", &quotas).await.expect(200);
    let acme = &site.acme;
    let full = json!({
        "url": format!("{}?token=t0k", receiver.url()), "events": ["invoice.*"],
        "filter": { "/total": { "$gte": 100.50 } }, "description": "for people",
        "headers": { "x-team": "blue-team" }, "timeout": "5s", "retry": { "schedule": ["1s", "1m"] },
        "payload": "full", "owner": "consumer",
    });
    let full = acme.post("/v1/subscriptions", &full).await.expect(201);
    let full = full["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/{full}/rotate-secret");
    acme.post(&path, &json!({ "grace": "2h" })).await.expect(200);
    let plain = json!({ "url": receiver.url(), "events": ["*"], "payload": "thin",
        "retry": { "base": "1s", "max": "1h", "attempts": 5 } });
    let plain = acme.post("/v1/subscriptions", &plain).await.expect(201);
    let path = format!("/v1/subscriptions/{}/disable", plain["id"].as_str().unwrap());
    acme.post(&path, &json!({})).await.expect(200);
    let schema = json!({ "type": "object", "properties": { "note": { "x-classification": "internal" } } });
    let kind = json!({ "entity": "Invoice", "description": "paid", "schema": schema, "validate": true });
    acme.put("/v1/event-types/invoice.paid", &kind).await.expect(200);
    acting.put("/v1/event-types/invoice.due", &kind).await.expect(200);
    for key in [
        json!({ "digest": digest("customer-key-0123456789"), "scopes": ["consumer"], "subscription": full }),
        json!({ "digest": digest("producer-key-0123456789"), "scopes": ["publish", "read"], "expires": "2099-01-01T00:00:00Z" }),
    ] {
        operator.post("/v1/tenants/acme/keys", &key).await.expect(201);
    }
    receiver
}

async fn export_moves_a_tenant_with_all_it_has(on: On) {
    let site = Site::start(on).await;
    let receiver = furnish(&site).await;
    let old = site.gateway.operator();
    let rows = export(&old, "/v1/export/all").await;
    let mut kinds = BTreeMap::new();
    for row in &rows {
        *kinds.entry(row["kind"].as_str().unwrap()).or_insert(0) += 1;
    }
    let expected = [("event_type", 2), ("key", 3), ("subscription", 2), ("tenant", 1)];
    assert_eq!(kinds, BTreeMap::from(expected));
    let text = document(&rows);
    assert!(text.contains("blue-team") && text.contains("t0k"), "all of it");
    for key in [site.acme.key(), "customer-key", "producer-key"] {
        assert!(!text.contains(key), "a key by its digest alone");
    }

    let (gateway, _redis) = another(on);
    let new = gateway.operator();
    let report = import(&new, "/v1/import/all", &text).await.expect(200);
    assert_eq!(counts(&report), [8, 0, 0, 0], "{report:#}");
    assert_eq!(export(&new, "/v1/export/all").await, rows);
    for _ in 0..2 {
        let again = import(&new, "/v1/import/all", &text).await.expect(200);
        assert_eq!(counts(&again), [0, 0, 8, 0], "{again:#}");
        assert_eq!(again["changes"], json!([]));
    }
    // The gateway that has it already accepts it without a change too.
    let own = import(&old, "/v1/import/all", &text).await.expect(200);
    assert_eq!(counts(&own), [0, 0, 8, 0], "{own:#}");

    // Customers' keys work as before, and deliveries have the same signatures.
    let acme = site.acme.towards(gateway.base());
    let subscription = rows
        .iter()
        .find(|row| row["secrets"].as_array().is_some_and(|s| s.len() == 2));
    let subscription = subscription.unwrap();
    let listed = acme.get("/v1/subscriptions").await.expect(200);
    assert_eq!(listed["data"][0]["id"], subscription["id"]);
    assert_eq!(listed["data"][0]["created"], subscription["created"]);
    let customer = acme.with_key("customer-key-0123456789");
    let listed = customer.get("/v1/subscriptions").await.expect(200);
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        1,
        "a key of one subscription"
    );
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    customer.get(&path).await.expect(200);
    let producer = acme.with_key("producer-key-0123456789");
    let data = json!({ "total": 200, "note": "internal" });
    producer.publish("invoice.paid", data).await;
    let received = receiver.wait_for(1).await;
    for secret in subscription["secrets"].as_array().unwrap() {
        assert!(received[0].verifies(secret["secret"].as_str().unwrap()));
    }
    assert_eq!(received[0].header("x-team"), "blue-team");
    assert_eq!(received[0].json()["data"], json!({ "total": 200 }));
}

async fn dry_run_of_an_import_tells_differences_and_changes_nothing(on: On) {
    let site = Site::start(on).await;
    furnish(&site).await;
    let operator = site.gateway.operator();
    let rows = export(&operator, "/v1/export/all").await;
    let mut other = rows.clone();
    for row in &mut other {
        match row["kind"].as_str().unwrap() {
            "tenant" => row["quotas"] = json!({}),
            "subscription" if row["status"] == "disabled" => {
                row["status"] = json!("active");
                row.as_object_mut().unwrap().remove("disabled");
                row["url"] = json!("http://127.0.0.1:9/other");
            }
            "subscription" => {
                row["secrets"].as_array_mut().unwrap().pop();
                row["created"] = json!("2020-01-01T00:00:00Z");
            }
            "key" if row["scopes"] == json!(["publish", "read"]) => row["scopes"] = json!(["publish"]),
            _ => {}
        }
    }
    other.push(subscription_row("acme", 7, "http://127.0.0.1:9/new"));
    other.push(tenant_row("globex"));
    other.push(json!({ "kind": "event_type", "tenant": "globex", "type": "a.b", "validate": true }));
    let text = document(&other);
    let report = import(&operator, "/v1/import/all?dry_run=true", &text)
        .await
        .expect(200);
    assert_eq!(counts(&report), [2, 4, 4, 1], "{report:#}");
    let changes = report["changes"].as_array().unwrap().iter();
    let changes: Vec<_> = changes
        .map(|row| json!([row["kind"], row["change"], row["fields"]]))
        .collect();
    for change in [
        json!(["tenant", "changed", ["quotas"]]),
        json!(["subscription", "changed", ["url", "status"]]),
        json!(["subscription", "changed", ["secrets"]]),
        json!(["key", "changed", ["scopes"]]),
        json!(["subscription", "created", []]),
        json!(["tenant", "created", []]),
    ] {
        assert!(changes.contains(&change), "{change} in {changes:#?}");
    }
    let refused = &report["refusals"][0];
    assert_eq!(
        json!([
            refused["line"],
            refused["kind"],
            refused["id"],
            refused["errors"][0]["pointer"]
        ]),
        json!([12, "event_type", "a.b", "/validate"])
    );
    assert_eq!(export(&operator, "/v1/export/all").await, rows, "nothing changed");

    // Row by row, all but the invalid row is applied; after that, nothing is left to do.
    let report = import(&operator, "/v1/import/all?mode=rows", &text)
        .await
        .expect(200);
    assert_eq!(counts(&report), [2, 4, 4, 1], "{report:#}");
    let again = import(&operator, "/v1/import/all?mode=rows", &text)
        .await
        .expect(200);
    assert_eq!(counts(&again), [0, 0, 10, 1], "{again:#}");
    eventually("the subscription is active", async || {
        let listed = site.acme.get("/v1/subscriptions").await.expect(200);
        let mut listed = listed["data"].as_array()?.iter();
        listed.all(|one| one["status"] == "active").then_some(())
    })
    .await;
}

/// Subscriptions created by an import receive nothing until they are activated.
#[tokio::test]
async fn imported_subscriptions_begin_disabled_where_asked() {
    let gateway = Setup::embedded().start();
    let operator = gateway.operator();
    let receiver = Receiver::start(vec![]).await;
    let mut rows = vec![
        tenant_row("acme"),
        key_row("acme", "key-0123456789-0123456789", &["publish", "read"]),
    ];
    rows.extend((1..=2).map(|n| subscription_row("acme", n, &receiver.url())));
    let text = document(&rows);
    let path = "/v1/import/all?disabled=true";
    for created in [4, 0] {
        let report = import(&operator, path, &text).await.expect(200);
        assert_eq!(counts(&report), [created, 0, 4 - created, 0], "{report:#}");
    }
    let producer = operator.with_key("key-0123456789-0123456789");
    producer.publish("moved.n1", json!({})).await;
    let listed = producer.get("/v1/subscriptions").await.expect(200);
    for one in listed["data"].as_array().unwrap() {
        assert_eq!(
            json!([one["status"], one["disabled"]["reason"]]),
            json!(["disabled", "asked"])
        );
    }
    let report = import(&operator, "/v1/import/all", &text).await.expect(200);
    assert_eq!(counts(&report), [0, 2, 2, 0], "{report:#}");
    assert_eq!(report["changes"][0]["fields"], json!(["status"]));
    let sent = producer.publish("moved.n2", json!({})).await;
    let received = receiver.wait_for(1).await;
    assert_eq!((received.len(), received[0].id()), (1, sent.as_str()));
}
