//! Publishing: single events, arrays, CloudEvents, and repetitions.

use hookgate_tests::{Receiver, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    an_event_is_delivered_signed,
    an_array_is_accepted_whole,
    the_same_key_is_the_same_event,
    a_given_id_is_accepted_once
);

async fn an_event_is_delivered_signed(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (_, secret) = site.acme.subscribe(&receiver.url()).await;
    let id = site
        .acme
        .publish("invoice.paid", json!({ "total": 12.5, "number": "INV-7" }))
        .await;

    let received = receiver.wait_for(1).await.remove(0);
    assert_eq!(received.id(), id);
    assert!(received.verifies(&secret), "the signature is wrong: {received:?}");
    let body = received.json();
    assert_eq!(body["type"], "invoice.paid");
    assert_eq!(body["data"], json!({ "total": 12.5, "number": "INV-7" }));
    assert!(body["timestamp"].is_string());

    let mut tampered = received;
    tampered.body = [&tampered.body[..], b" "].concat().into();
    assert!(!tampered.verifies(&secret), "a tampered body passes");
}

async fn an_array_is_accepted_whole(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let event = |n: u32| json!({ "type": "order.created", "data": { "n": n } });

    let bad = json!([event(1), { "type": "not,a,type", "data": {} }, event(3)]);
    let refused = site.acme.post("/v1/events", &bad).await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "invalid_event"),
        "{:#}",
        refused.body
    );
    assert!(
        refused.body.to_string().contains("/1/type"),
        "the answer names the place: {:#}",
        refused.body
    );

    let accepted = site
        .acme
        .post("/v1/events", &json!([event(1), event(2)]))
        .await
        .expect(202);
    assert_eq!(
        accepted["events"].as_array().map(Vec::len),
        Some(2),
        "{accepted:#}"
    );
    receiver.wait_for(2).await;
    let feed = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(
        feed["data"].as_array().map(Vec::len),
        Some(2),
        "nothing of the refused array was stored: {feed:#}"
    );
}

async fn the_same_key_is_the_same_event(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let post = async |data: Value| {
        let body = json!({ "type": "order.created", "data": data });
        let request = site
            .acme
            .request(Method::POST, "/v1/events")
            .header("idempotency-key", "order-1");
        site.acme.send(request.json(&body)).await
    };
    let first = post(json!({ "n": 1 })).await.expect(202);
    let again = post(json!({ "n": 1 })).await.expect(202);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(again["status"], "duplicate");
    let other = post(json!({ "n": 2 })).await;
    assert_eq!(
        (other.status, other.code()),
        (422, "idempotency_key_reused"),
        "{:#}",
        other.body
    );
    site.acme.publish("order.created", json!({ "n": "last" })).await;
    assert_eq!(
        receiver.wait_for(2).await.len(),
        2,
        "the repeated event was sent once"
    );
}

async fn a_given_id_is_accepted_once(on: On) {
    let site = Site::start(on).await;
    let event = json!({ "id": "evt_abc123xyz", "type": "lead.verified", "data": {} });
    let first = site.acme.post("/v1/events", &event).await.expect(202);
    assert_eq!(
        (first["id"].as_str(), first["status"].as_str()),
        (Some("evt_abc123xyz"), Some("accepted"))
    );
    let again = site.acme.post("/v1/events", &event).await.expect(202);
    assert_eq!(again["status"], "duplicate");
    // Ids of different tenants are independent.
    let other = site.gateway.tenant("other").await;
    assert_eq!(
        other.post("/v1/events", &event).await.expect(202)["status"],
        "accepted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_in_all_three_modes() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let event = |id: &str| {
        json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": "order.created",
                "time": "2024-01-15T10:30:00Z", "datacontenttype": "application/json", "data": { "id": id } })
    };

    let structured = "application/cloudevents+json";
    site.acme
        .post_raw("/v1/events", structured, event("a").to_string())
        .await
        .expect(202);
    let batch = json!([event("b"), event("c")]).to_string();
    site.acme
        .post_raw("/v1/events", "application/cloudevents-batch+json", batch)
        .await
        .expect(202);
    let binary = site
        .acme
        .request(Method::POST, "/v1/events")
        .header("content-type", "application/json");
    let binary = binary
        .header("ce-specversion", "1.0")
        .header("ce-id", "d")
        .header("ce-source", "/shop");
    let binary = binary
        .header("ce-type", "order.created")
        .header("ce-time", "2024-01-15T10:30:00Z");
    site.acme.send(binary.body(r#"{"id":"d"}"#)).await.expect(202);

    let received = receiver.wait_for(4).await;
    let mut ids: Vec<_> = received
        .iter()
        .map(|r| r.json()["data"]["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert!(
        received
            .iter()
            .all(|r| r.json()["timestamp"] == "2024-01-15T10:30:00Z")
    );

    // The same source and id are the same event (CloudEvents 1.0 §3.1.1).
    let again = site
        .acme
        .post_raw("/v1/events", structured, event("a").to_string())
        .await
        .expect(202);
    assert_eq!(again["status"], "duplicate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_filters_and_the_event_says_why() {
    let site = Site::start(On::Embedded).await;
    let settings = json!({ "drop": { "/status": "draft" }, "reason": "drafts are not published" });
    let made = site
        .acme
        .put(
            "/v1/chain",
            &json!({ "steps": [{ "plugin": "filter", "settings": settings }] }),
        )
        .await;
    made.expect(200);
    let event = json!({ "type": "invoice.created", "data": { "status": "draft", "total": 1 } });
    let filtered = site.acme.post("/v1/events", &event).await.expect(202);
    assert_eq!(
        (filtered["status"].as_str(), filtered["deliveries"].as_u64()),
        (Some("filtered"), Some(0))
    );
    let id = filtered["id"].as_str().unwrap();
    let kept = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
    assert!(kept.to_string().contains("drafts are not published"), "{kept:#}");
    assert!(
        site.acme.get("/v1/events").await.expect(200)["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_may_bring_its_own_endpoint() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![]).await;
    let event =
        json!({ "type": "call.completed", "data": { "call_id": "c1" }, "deliver_to": receiver.url() });
    let accepted = site.acme.post("/v1/events", &event).await.expect(202);
    assert_eq!(accepted["deliveries"], 1);
    receiver.wait_for(1).await;
    eventually("the delivery is settled", async || {
        let event = site
            .acme
            .get(&format!("/v1/events/{}", accepted["id"].as_str()?))
            .await
            .expect(200);
        (event["deliveries"][0]["status"] == "delivered").then_some(())
    })
    .await;
}
