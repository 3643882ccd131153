//! Redacted values appear nowhere: not in a delivery, the feed, an answer, the store's bytes, the
//! log or the metrics.

use std::path::Path;

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::delivering::settled;
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    what_the_plugin_redacts_is_nowhere,
    keys_that_the_plugin_removes_are_nowhere,
    what_a_profile_takes_out_is_nowhere,
    what_a_schema_classifies_is_nowhere,
    what_a_plugin_puts_back_is_nowhere,
    what_a_failed_plugin_saw_is_nowhere,
    what_was_reclassified_appears_no_more,
);

/// An event's data with a secret of each class, in each style, nested and in arrays; contains each
/// of `PLANTED`.
fn data() -> Value {
    json!({
        "customer_id": "cus_1", "status": "active", "created_at": "2026-01-15T10:30:00Z", "addressId": "adr_7",
        // Contact details.
        "email": "planted-mail@secret.example",
        "contacts": [
            { "phoneNumber": "+49-planted-phone", "relationship_id": "rel_9" },
            { "e-mail": "planted-second-mail", "mobile": 4_915_112_345_678_i64 },
        ],
        "billing": { "billing-address": { "street": "planted-street-7", "lines": ["planted-line"] } },
        // Compensation.
        "employee": { "baseSalary": 777_123_451, "bonus_amount": "planted-bonus", "employee_id": "emp_3" },
        // Commercial figures.
        "lifetime_value": 912_837_465, "unit-cost": "planted-cost", "grossMargin": 0.314_159_265,
        // Free text.
        "notes": "planted-free-text", "orders": [{ "order_id": "ord_1", "internalNote": ["planted-note"] }],
        // Credentials.
        "api_key": "planted-credential", "auth": { "access-token": "planted-token", "Password": "planted-password" },
    })
}

const PLANTED: &[&str] = &[
    "planted",
    "4915112345678",
    "777123451",
    "912837465",
    "0.314159265",
];

/// Asserts the presence of the fields that are never removed.
fn assert_the_rest_is_there(data: &Value) {
    for (pointer, value) in [
        ("/customer_id", "cus_1"),
        ("/status", "active"),
        ("/created_at", "2026-01-15T10:30:00Z"),
        ("/addressId", "adr_7"),
        ("/contacts/0/relationship_id", "rel_9"),
        ("/employee/employee_id", "emp_3"),
        ("/orders/0/order_id", "ord_1"),
    ] {
        assert_eq!(
            data.pointer(pointer),
            Some(&json!(value)),
            "{pointer} in {data:#}"
        );
    }
}

async fn what_the_plugin_redacts_is_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    site.acme.redact().await;
    let acme = site.acme.clone();
    publish_and_search(&site, &acme, json!({})).await;
}

/// Keys may be as personal as values: contacts by address, an address as a member's name, also in
/// reports of changes.
async fn keys_that_the_plugin_removes_are_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let redact = |settings: Value| json!({ "plugin": "redact", "settings": settings });
    let steps = json!([
        // It changes a value inside before all of it is removed.
        redact(json!({ "values": ["email"], "action": "mask" })),
        redact(json!({ "fields": ["/**/~phone"], "action": "mask" })),
        redact(json!({ "fields": ["/contacts/*"] })),
        redact(json!({ "keep": ["/id", "/contacts", "/people"] })),
    ]);
    site.acme
        .put("/v1/chain", &json!({ "steps": steps }))
        .await
        .expect(200);
    let good = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&good.url()).await;
    let delivery = json!({ "steps": [redact(json!({ "fields": ["/people/*"] }))] });
    site.acme
        .put(&format!("/v1/subscriptions/{subscription}/chain"), &delivery)
        .await
        .expect(200);
    let contact =
        json!({ "since": 2019, "note": "from a@b.example", "phone": "+49 1", "mail": "c@d.example" });
    let data = json!({
        "id": "c1",
        "contacts": {
            "planted-anna-example-com": contact, "planted+49-170-5550123": { "x": 1 }, "planted.ben@example.com": { "x": 1 },
        },
        "planted-other": { "phone": 1 },
        "people": { "kept-until-delivery": 1 },
    });
    let id = site.acme.publish("customer.created", data).await;
    assert_eq!(
        good.wait_for(1).await[0].json()["data"],
        json!({ "id": "c1", "contacts": {}, "people": {} })
    );
    let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
    let changed: Vec<&Value> = event["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["changed"])
        .collect();
    assert_eq!(
        changed,
        [
            &json!([""]),
            &json!(["/*/*/*", "/*/*"]),
            &json!(["/contacts/*"]),
            &json!(["/*"])
        ]
    );
    let delivery = settled(&site.acme, &id).await;
    let deliveries = site.acme.get("/v1/deliveries").await.expect(200);
    let delivery = site
        .acme
        .get(&format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap()))
        .await
        .expect(200);
    let mut places = vec![
        event.to_string().into_bytes(),
        deliveries.to_string().into_bytes(),
        delivery.to_string().into_bytes(),
        site.gateway.log().join("\n").into_bytes(),
    ];
    places.extend(stored(&site));
    for bytes in places {
        assert!(!contains(&bytes, "planted"), "{}", around(&bytes, "planted"));
    }
    assert!(delivery.to_string().contains("/people/*"), "{delivery:#}");
}

/// SynthesQ's tenants need no chain for this.
async fn what_a_profile_takes_out_is_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let tenant = json!({ "id": "synq", "profile": "synthesq" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    let synq = site.acme.with_key(made["key"].as_str().unwrap());
    let chain = synq.get("/v1/chain").await.expect(200);
    assert_eq!(chain["always_removed"], json!(["confidential", "restricted"]));
    synq.put("/v1/chain", &chain).await.expect(200);
    publish_and_search(
        &site,
        &synq,
        json!({ "source": "crm", "contact_email": "planted-in-notes" }),
    )
    .await;
    let feed = synq.get("/api/v1/webhooks/events").await.expect(200).to_string();
    assert!(
        feed.contains("cus_1") && PLANTED.iter().all(|secret| !feed.contains(secret)),
        "{feed}"
    );
}

async fn what_a_schema_classifies_is_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let secret = json!({ "x-classification": "confidential" });
    let public = json!({ "x-classification": "public" });
    let classified = json!({
        "properties": {
            "email": secret, "contacts": { "items": { "$ref": "#/$defs/contact" } }, "billing": secret,
            "employee": { "patternProperties": { "^b": { "x-classification": "restricted" } } },
            "lifetime_value": secret, "unit-cost": secret, "grossMargin": secret, "notes": secret,
            "orders": { "items": { "additionalProperties": secret, "properties": { "order_id": {} } } },
        },
        "allOf": [{ "properties": { "api_key": secret, "auth": { "x-classification": "restricted" } } }],
        "required": ["customer_id", "email"],
        "$defs": { "contact": { "properties": { "phoneNumber": secret, "e-mail": secret, "mobile": secret } } },
    });
    let closed = json!({
        "x-default-classification": "restricted",
        "properties": {
            "customer_id": public, "status": public, "created_at": public, "addressId": public,
            "contacts": { "items": { "properties": { "relationship_id": public } } },
            "employee": { "properties": { "employee_id": public } },
            "orders": { "items": { "properties": { "order_id": public } } },
        },
    });
    let acme = site.acme.clone();
    for schema in [classified, closed] {
        let kind = json!({ "schema": schema, "validate": true });
        acme.put("/v1/event-types/customer.created", &kind)
            .await
            .expect(200);
        publish_and_search(&site, &acme, json!({})).await;
    }
}

/// A plugin cannot see removed values, and values that it creates under such names are removed.
async fn what_a_plugin_puts_back_is_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let schema = json!({ "properties": { "email": { "x-classification": "confidential" } } });
    site.acme
        .put("/v1/event-types/customer.created", &json!({ "schema": schema }))
        .await
        .expect(200);
    let operations = json!([
        { "move": "/email", "to": "/kept" },
        { "set": "/email", "value": "planted-again" },
        { "set": "/touched", "value": true },
    ]);
    let steps = json!({ "steps": [{ "plugin": "reshape", "settings": { "operations": operations } }] });
    site.acme.put("/v1/chain", &steps).await.expect(200);
    let id = site
        .acme
        .publish("customer.created", json!({ "email": "planted-mail" }))
        .await;
    let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
    assert_eq!(event["data"], json!({ "touched": true }));
    assert!(stored(&site).iter().all(|bytes| !contains(bytes, "planted-mail")));
}

/// Deliveries sent earlier are unaffected; after the change the value is in no answer, no retry and
/// no replay.
async fn what_was_reclassified_appears_no_more(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let receiver = Receiver::start(vec![Reply::Status(500)]).await;
    site.acme.subscribe(&receiver.url()).await;
    let put = async |schema: Value| {
        let kind = json!({ "schema": schema });
        site.acme
            .put("/v1/event-types/customer.created", &kind)
            .await
            .expect(200);
    };
    put(json!({ "properties": { "id": {} } })).await;
    let data = json!({ "id": 1, "nested": [{ "nick": "planted-nick" }] });
    let id = site.acme.publish("customer.created", data).await;
    assert!(contains(&receiver.wait_for(1).await[0].body, "planted-nick"));
    let dead = eventually("a dead letter", async || {
        let dead = site.acme.get("/v1/deliveries?status=dead").await.expect(200);
        dead["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let seen = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(seen["data"][0]["data"]["nested"][0]["nick"], "planted-nick");

    put(json!({ "properties": {
        "nested": { "items": { "properties": { "nick": { "x-classification": "confidential" } } } },
    } }))
    .await;
    let left = json!({ "id": 1, "nested": [{}] });
    let feed = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(feed["data"][0]["data"], left);
    let path = format!("/v1/events/{id}");
    assert_eq!(site.acme.get(&path).await.expect(200)["data"], left);
    site.acme
        .post(&format!("/v1/deliveries/{dead}/retry"), &json!({}))
        .await
        .expect(202);
    site.acme
        .post(&format!("{path}/replay"), &json!({}))
        .await
        .expect(202);
    for again in &receiver.wait_for(3).await[1..] {
        assert_eq!(again.json()["data"], left);
        assert_eq!(again.id(), id);
    }
    // A restarted gateway reads the store, which gives the same answer.
    let site = site.restart();
    assert_eq!(site.acme.get(&path).await.expect(200)["data"], left);
}

/// Publishes an event with all planted values and searches for them everywhere.
///
/// One endpoint receives the event and another refuses it; it is replayed, and sent in refused
/// forms.
async fn publish_and_search(site: &Site, tenant: &Client, metadata: Value) {
    let good = Receiver::start(vec![]).await;
    let bad = Receiver::start(vec![Reply::Status(500); 9]).await;
    let subscribe = async |url: String, payload: &str| {
        let retry = json!({ "schedule": ["20ms"] });
        let input = json!({ "url": url, "events": ["customer.*"], "retry": retry, "payload": payload });
        let made = tenant.post("/v1/subscriptions", &input).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let first = subscribe(good.url(), "full").await;
    let second = subscribe(bad.url(), "full").await;
    let event = json!({ "type": "customer.created", "data": data(), "metadata": metadata });
    let accepted = tenant.post("/v1/events", &event).await.expect(202);
    let id = accepted["id"].as_str().unwrap().to_owned();
    let received = good.wait_for(1).await.remove(0);
    assert_the_rest_is_there(&received.json()["data"]);
    let dead = eventually("a dead letter", async || {
        let path = format!("/v1/deliveries?status=dead&subscription={second}");
        let dead = tenant.get(&path).await.expect(200);
        dead["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    tenant
        .post(
            &format!("/v1/events/{id}/replay"),
            &json!({ "subscription": first }),
        )
        .await
        .expect(202);
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for received in good.wait_for(2).await.into_iter().chain(bad.received()) {
        places.push(("a delivery".to_owned(), received.body.to_vec()));
    }
    // Refused for a field beside the data and, where a schema requires more, for the data.
    let mut wrong = data();
    wrong.as_object_mut().unwrap().remove("customer_id");
    for refused in [
        json!({ "type": "customer.created", "data": data(), "frobnicate": 1 }),
        json!([event, { "type": "customer..created", "data": data() }]),
    ] {
        let answer = tenant.post("/v1/events", &refused).await;
        assert_eq!(answer.status, 422, "{:#}", answer.body);
        places.push(("a refusal".to_owned(), answer.body.to_string().into_bytes()));
    }
    let answer = tenant
        .post(
            "/v1/events",
            &json!({ "type": "customer.created", "data": wrong }),
        )
        .await;
    places.push((
        format!("an answer of {}", answer.status),
        answer.body.to_string().into_bytes(),
    ));
    for path in [
        "/v1/events".to_owned(),
        format!("/v1/events/{id}"),
        "/v1/deliveries".to_owned(),
        format!("/v1/deliveries/{dead}"),
        "/v1/event-types".to_owned(),
        "/v1/subscriptions".to_owned(),
        "/v1/chain".to_owned(),
    ] {
        let answer = tenant.get(&path).await.expect(200);
        places.push((path, answer.to_string().into_bytes()));
    }
    let metrics = site.gateway.operator().get("/metrics").await.body;
    places.push((
        "the metrics".to_owned(),
        metrics.as_str().unwrap().to_owned().into_bytes(),
    ));
    places.push(("the log".to_owned(), site.gateway.log().join("\n").into_bytes()));
    places.extend(
        stored(site)
            .into_iter()
            .map(|bytes| ("the store".to_owned(), bytes)),
    );
    for (place, bytes) in places {
        for secret in PLANTED {
            assert!(
                !contains(&bytes, secret),
                "{secret} is in {place}: {}",
                around(&bytes, secret)
            );
        }
    }
}

/// Context of a find, for debugging.
fn around(bytes: &[u8], text: &str) -> String {
    let at = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap_or(0);
    String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())]).into_owned()
}

const TRACE: &str = "telemetry.level = \"trace\"";

/// A chain fails before its redaction: nothing of the event is stored, and the answer does not
/// repeat it.
async fn what_a_failed_plugin_saw_is_nowhere(on: On) {
    let site = Site::with(on, "telemetry.level = \"trace\"").await;
    let failing = json!({ "operations": [{ "move": "/not/there", "to": "/here", "required": true }] });
    let redact = json!({ "plugin": "redact", "settings": { "classes": ["confidential"] } });
    let steps = json!({ "steps": [{ "plugin": "reshape", "settings": failing }, redact] });
    site.acme.put("/v1/chain", &steps).await.expect(200);
    let event = json!({ "type": "customer.created", "data": data() });
    let refused = site.acme.post("/v1/events", &event).await;
    assert_eq!(
        (refused.status, refused.code()),
        (503, "plugin_failed"),
        "{:#}",
        refused.body
    );
    let mut places = vec![
        refused.body.to_string().into_bytes(),
        site.gateway.log().join("\n").into_bytes(),
    ];
    places.extend(stored(&site));
    assert!(
        places
            .iter()
            .all(|bytes| PLANTED.iter().all(|secret| !contains(bytes, secret)))
    );
}

/// Every byte of the store: the files of the embedded one, every key's content of Redis.
pub(crate) fn stored(site: &Site) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    read_all(&site.gateway.dir().join("data"), &mut found);
    if let Some(redis) = &site.redis {
        let mut connection = redis::Client::open(redis.url())
            .unwrap()
            .get_connection()
            .unwrap();
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        assert!(!keys.is_empty());
        for key in keys {
            found.push(everything(&mut connection, &key));
        }
    }
    assert!(
        found.iter().any(|bytes| contains(bytes, "acme")),
        "the search finds what is there"
    );
    found
}

fn everything(connection: &mut redis::Connection, key: &[u8]) -> Vec<u8> {
    let kind: String = redis::cmd("TYPE").arg(key).query(connection).unwrap();
    let mut command = match kind.as_str() {
        "string" => redis::cmd("GET").arg(key).to_owned(),
        "hash" => redis::cmd("HGETALL").arg(key).to_owned(),
        "zset" => redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).to_owned(),
        "stream" => redis::cmd("XRANGE").arg(key).arg("-").arg("+").to_owned(),
        "set" => redis::cmd("SMEMBERS").arg(key).to_owned(),
        "list" => redis::cmd("LRANGE").arg(key).arg(0).arg(-1).to_owned(),
        // It was deleted after the keys were listed.
        "none" => return Vec::new(),
        other => panic!("a key of type {other}"),
    };
    let value: redis::Value = command.take().query(connection).unwrap();
    let mut bytes = key.to_vec();
    flatten(&value, &mut bytes);
    bytes
}

fn flatten(value: &redis::Value, into: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(bytes) => into.extend_from_slice(bytes),
        redis::Value::Array(values) => values.iter().for_each(|value| flatten(value, into)),
        redis::Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            flatten(key, into);
            flatten(value, into);
        }),
        other => into.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}

fn read_all(folder: &Path, into: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap().map_while(Result::ok) {
        if entry.path().is_dir() {
            read_all(&entry.path(), into);
        } else {
            into.push(std::fs::read(entry.path()).unwrap_or_default());
        }
    }
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
