//! Removed metadata, keys, numbers and values of pairs appear nowhere.
//!
//! Searched are the store's bytes, answers, the feed, deliveries and the log. A CloudEvent's
//! attributes are metadata.

use hookgate_tests::guests::{PASS, handling};
use hookgate_tests::{Client, Receiver, eventually};
use serde_json::{Value, json};

use crate::privacy::{contains, stored};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    redact_leaves_metadata_nowhere,
    redact_leaves_values_in_keys_numbers_and_pairs_nowhere,
    profile_classes_leave_attributes_nowhere,
    closed_schema_leaves_metadata_nowhere,
    metadata_that_is_not_kept_is_nowhere,
    what_a_plugin_puts_into_metadata_is_nowhere,
);

const PLANTED: &str = "planted";
const TRACE: &str = "telemetry.level = \"trace\"";
const CLOUD: &str = "application/cloudevents+json";

/// A CloudEvent with confidential values in its attributes and in its data.
fn cloud_event(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/crm", "type": "customer.created",
        "subject": "planted-anna@example.com", "customeremail": "planted-by-name", "region": "eu",
        "data": { "customer_id": "cus_1" },
    })
}

async fn publish(tenant: &Client, event: &Value) -> String {
    let answer = tenant.post_raw("/v1/events", CLOUD, event.to_string()).await;
    answer.expect(202)["id"].as_str().unwrap().to_owned()
}

/// Searches every place that an event reaches for the planted values; returns the event as shown.
async fn search(site: &Site, tenant: &Client, receiver: &Receiver, id: &str) -> Value {
    let event = tenant.get(&format!("/v1/events/{id}")).await.expect(200);
    let deliveries = eventually("a delivery that succeeded", async || {
        let deliveries = tenant.get("/v1/deliveries").await.expect(200);
        let has_ended = deliveries["data"][0]["status"] == "delivered";
        (has_ended && deliveries.to_string().contains(id)).then_some(deliveries)
    })
    .await;
    let delivery = deliveries["data"][0]["id"].as_str().unwrap();
    let mut places = vec![
        ("the event", event.to_string().into_bytes()),
        ("deliveries", deliveries.to_string().into_bytes()),
    ];
    for path in [
        "/v1/events".to_owned(),
        format!("/v1/deliveries/{delivery}"),
        "/v1/chain".to_owned(),
    ] {
        let answer = tenant.get(&path).await.expect(200);
        places.push(("an answer", answer.to_string().into_bytes()));
    }
    for received in receiver.received() {
        places.push(("a delivery", received.body.to_vec()));
        places.push((
            "a delivery's head",
            format!("{:?}", received.headers).into_bytes(),
        ));
    }
    let metrics = site.gateway.operator().get("/metrics").await.body;
    places.push(("the metrics", metrics.to_string().into_bytes()));
    places.push(("the log", site.gateway.log().join("\n").into_bytes()));
    places.extend(stored(site).into_iter().map(|bytes| ("the store", bytes)));
    for (place, bytes) in places {
        assert!(!contains(&bytes, PLANTED), "it is in {place}");
    }
    event
}

async fn set_chain(tenant: &Client, settings: Value) {
    let steps = json!({ "steps": [{ "plugin": "redact", "settings": settings }] });
    tenant.put("/v1/chain", &steps).await.expect(200);
}

async fn redact_leaves_metadata_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let good = Receiver::start(vec![]).await;
    site.acme.subscribe(&good.url()).await;
    set_chain(
        &site.acme,
        json!({ "classes": ["confidential"], "values": ["email"] }),
    )
    .await;

    let id = publish(&site.acme, &cloud_event("1")).await;
    good.wait_for(1).await;
    let event = search(&site, &site.acme, &good, &id).await;
    assert_eq!(
        event["metadata"],
        json!({ "region": "eu", "id": "1", "source": "/crm" })
    );
    assert_eq!(event["data"], json!({ "customer_id": "cus_1" }));

    let metadata = json!({
        "by": { "email": "planted" }, "planted@example.com": 1, "to": "cc planted%40example.com",
        "fields": [{ "name": "phone", "value": "planted" }], "request_id": "req_1",
    });
    let event = json!({ "type": "customer.created", "data": {}, "metadata": metadata });
    let accepted = site.acme.post("/v1/events", &event).await.expect(202);
    let id = accepted["id"].as_str().unwrap().to_owned();
    good.wait_for(2).await;
    let event = search(&site, &site.acme, &good, &id).await;
    assert_eq!(
        event["metadata"],
        json!({
            "by": {}, "to": "cc [redacted]", "fields": [{ "name": "phone" }], "request_id": "req_1",
        })
    );
}

async fn redact_leaves_values_in_keys_numbers_and_pairs_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let good = Receiver::start(vec![]).await;
    site.acme.subscribe(&good.url()).await;
    set_chain(
        &site.acme,
        json!({ "classes": ["confidential"], "values": ["email", "card"] }),
    )
    .await;
    // The card's number is planted too: the search below includes it.
    let data = json!({
        "orders": [{ "id": 1_700_000_000_007_u64, "paid_with": 4_111_111_111_111_111_u64, "total": 12.50 }],
        "members": { "planted@example.com": { "since": 2019 }, "card 4111 1111 1111 1111": { "n": 1 }, "usr_1": 7 },
        "text": ["planted%40example.com", "planted＠example．com", "\"planted b\"@example.com", "４１１１１１１１１１１１１１１１"],
        "changes": [
            { "field": "email", "old": "planted", "new": "planted" },
            { "field": "status", "old": "draft", "new": "live" },
        ],
        "form": [{ "name": "Phone", "value": "planted" }, { "name": "plan", "value": "pro" }],
    });
    let id = site.acme.publish("order.paid", data).await;
    good.wait_for(1).await;
    let event = search(&site, &site.acme, &good, &id).await;
    assert_eq!(
        event["data"],
        json!({
            "orders": [{ "id": 1_700_000_000_007_u64, "total": 12.50 }],
            "members": { "usr_1": 7 },
            "text": [],
            "changes": [{ "field": "email" }, { "field": "status", "old": "draft", "new": "live" }],
            "form": [{ "name": "Phone" }, { "name": "plan", "value": "pro" }],
        })
    );
    assert_eq!(event["data"], good.received()[0].json()["data"]);
    assert_eq!(event["steps"][0]["changed"], json!(["/*/*/*", ""]));
    for bytes in stored(&site) {
        assert!(!contains(&bytes, "4111111111111111") && !contains(&bytes, "4111 1111"));
    }
}

async fn profile_classes_leave_attributes_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let tenant = json!({ "id": "synq", "profile": "synthesq" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    let synq = site.acme.with_key(made["key"].as_str().unwrap());
    let good = Receiver::start(vec![]).await;
    let input = json!({ "url": good.url(), "events": ["customer.*"] });
    synq.post("/v1/subscriptions", &input).await.expect(201);
    let mut event = cloud_event("1");
    event["subject"] = json!("cus_1");
    event["data"]["fields"] = json!([{ "key": "email", "value": "planted" }]);
    let id = publish(&synq, &event).await;
    good.wait_for(1).await;
    let event = search(&site, &synq, &good, &id).await;
    assert_eq!(
        event["metadata"],
        json!({ "subject": "cus_1", "region": "eu", "id": "1", "source": "/crm" })
    );
    assert_eq!(event["data"]["fields"], json!([{ "key": "email" }]));
}

async fn closed_schema_leaves_metadata_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    let good = Receiver::start(vec![]).await;
    site.acme.subscribe(&good.url()).await;
    let public = json!({ "x-classification": "public" });
    let mut schema = json!({
        "x-default-classification": "confidential",
        "properties": { "customer_id": public },
    });
    let put = async |schema: &Value| {
        let kind = json!({ "schema": schema });
        let path = "/v1/event-types/customer.created";
        site.acme.put(path, &kind).await.expect(200)
    };
    put(&schema).await;
    let first = publish(&site.acme, &cloud_event("1")).await;
    good.wait_for(1).await;
    let event = search(&site, &site.acme, &good, &first).await;
    assert_eq!(event["metadata"], json!({}));
    assert_eq!(event["data"], json!({ "customer_id": "cus_1" }));

    schema["x-metadata-schema"] = json!({ "properties": { "region": public, "source": public } });
    let kind = put(&schema).await;
    assert_eq!(kind["removed"]["metadata_fields"][0]["pointer"], "/region");
    let second = publish(&site.acme, &cloud_event("2")).await;
    good.wait_for(2).await;
    let event = search(&site, &site.acme, &good, &second).await;
    assert_eq!(event["metadata"], json!({ "region": "eu", "source": "/crm" }));

    // An event stored under looser rules is shown by the present rules.
    put(
        &json!({ "x-metadata-schema": { "properties": { "source": { "x-classification": "restricted" } } } }),
    )
    .await;
    let event = site.acme.get(&format!("/v1/events/{second}")).await.expect(200);
    assert_eq!(event["metadata"], json!({ "region": "eu" }));
}

async fn metadata_that_is_not_kept_is_nowhere(on: On) {
    let more = "[profiles.quiet]\nextends = \"standard\"\nprivacy.keep_metadata = false\n\
        [tenants.declared]\nkeys = [\"a-key-that-the-file-has\"]\nkeep_metadata = false\n";
    let site = Site::with(on, &format!("{TRACE}\n{more}")).await;
    let operator = site.gateway.operator();
    let mut tenants = vec![("declared", "a-key-that-the-file-has".to_owned())];
    for (id, tenant) in [
        ("own", json!({ "id": "own", "keep_metadata": false })),
        (
            "by-profile",
            json!({ "id": "by-profile", "profile": "quiet", "keep_metadata": true }),
        ),
    ] {
        let made = operator.post("/v1/tenants", &tenant).await.expect(201);
        tenants.push((id, made["key"].as_str().unwrap().to_owned()));
    }
    for (id, key) in tenants {
        let shown = operator.get(&format!("/v1/tenants/{id}")).await.expect(200);
        assert_eq!(shown["keep_metadata"], false, "{id}");
        let tenant = site.acme.with_key(&key);
        let good = Receiver::start(vec![]).await;
        tenant.subscribe(&good.url()).await;
        // A chain does not see it, and its changes to it have no effect.
        set_chain(&tenant, json!({ "fields": ["/subject"], "action": "mask" })).await;
        let event = publish(&tenant, &cloud_event(id)).await;
        good.wait_for(1).await;
        let event = search(&site, &tenant, &good, &event).await;
        assert_eq!(event["metadata"], Value::Null);
        assert_eq!(event["data"], json!({ "customer_id": "cus_1" }));
    }

    // Nothing of previously stored metadata is shown.
    let id = publish(&site.acme, &cloud_event("1")).await;
    let path = format!("/v1/events/{id}");
    assert_eq!(
        site.acme.get(&path).await.expect(200)["metadata"]["source"],
        "/crm"
    );
    let changed = operator
        .patch("/v1/tenants/acme", &json!({ "keep_metadata": false }))
        .await;
    assert_eq!(changed.expect(200)["keep_metadata"], false);
    for path in [&path, "/v1/events"] {
        let answer = site.acme.get(path).await.expect(200);
        assert!(!answer.to_string().contains(PLANTED), "{answer:#}");
    }
}

/// A guest of the tenant adds confidential members of metadata: they are removed as if they had
/// been sent.
async fn what_a_plugin_puts_into_metadata_is_nowhere(on: On) {
    let site = Site::with(on, TRACE).await;
    // The guest inserts one letter, so that the stored component and its machine code do not
    // contain the word.
    let items = r#"(data (i32.const 1024) "/email\22pl-nted-again\22/touchedtrue")"#;
    let handle = format!(
        "(i32.store8 (i32.const 1033) (i32.const 97))
        (call $set_json (local.get $metadata) (i32.const 1024) (i32.const 6) (i32.const 1030) (i32.const 15) (i32.const 2048))
        (call $set_json (local.get $metadata) (i32.const 1045) (i32.const 8) (i32.const 1053) (i32.const 4) (i32.const 2048))
        {PASS}"
    );
    let component = handling(items, &handle);
    let synq = {
        let tenant = json!({ "id": "synq", "profile": "synthesq" });
        let operator = site.gateway.operator();
        let made = operator.post("/v1/tenants", &tenant).await.expect(201);
        site.acme.with_key(made["key"].as_str().unwrap())
    };
    let classified = json!({ "schema": { "x-metadata-schema": {
        "properties": { "email": { "x-classification": "confidential" } },
    } } });
    site.acme
        .put("/v1/event-types/customer.created", &classified)
        .await
        .expect(200);
    // By the names of a profile, and by a schema.
    for tenant in [synq, site.acme.clone()] {
        let request = tenant
            .request(reqwest::Method::POST, "/v1/plugins?name=puts-back")
            .header("content-type", "application/wasm")
            .body(component.clone());
        tenant.send(request).await.expect(201);
        let steps = json!({ "steps": [{ "plugin": "puts-back" }] });
        tenant.put("/v1/chain", &steps).await.expect(200);
        let receiver = Receiver::start(vec![]).await;
        let input = json!({ "url": receiver.url(), "events": ["customer.*"] });
        tenant.post("/v1/subscriptions", &input).await.expect(201);
        let event = json!({
            "type": "customer.created", "data": { "customer_id": "cus_1" },
            "metadata": { "email": "planted-mail", "source": "crm" },
        });
        let accepted = tenant.post("/v1/events", &event).await.expect(202);
        receiver.wait_for(1).await;
        let id = accepted["id"].as_str().unwrap();
        let event = search(&site, &tenant, &receiver, id).await;
        assert_eq!(event["metadata"], json!({ "source": "crm", "touched": true }));
    }
}
