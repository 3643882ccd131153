//! Test events, and the detail of an event that a subscription is sent.

use hookgate_tests::{Receiver, eventually};
use serde_json::json;

use crate::privacy::{contains, stored};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_test_event_is_signed_marked_and_in_no_feed,
    test_event_passes_the_ingress_chain,
    test_event_of_a_reserved_type_is_refused,
    full_and_thin_payloads
);

async fn a_test_event_is_signed_marked_and_in_no_feed(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    // A test is sent regardless of the patterns and the filter.
    let wanted = json!({ "url": receiver.url(), "events": ["none.*"], "filter": { "/none": 1 } });
    let made = site.acme.post("/v1/subscriptions", &wanted).await.expect(201);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let path = format!("/v1/subscriptions/{id}/test");
    let typed = json!({ "type": "invoice.paid", "data": { "n": 1 } });
    for input in [json!({}), typed] {
        let tried = site.acme.post(&path, &input).await.expect(202);
        let event = tried["event"].as_str().unwrap();
        let received = eventually("the test event", async || {
            receiver
                .received()
                .into_iter()
                .find(|request| request.id() == event)
        })
        .await;
        assert!(received.verifies(secret));
        assert_eq!(received.header("webhook-test"), "true");
        let kind = input["type"].as_str().unwrap_or("hookgate.test");
        assert_eq!(received.json()["type"], kind, "the profile's envelope");
        let kept = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
        assert_eq!(
            (&kept["status"], &kept["deliveries"][0]["trigger"]),
            (&json!("test"), &json!("test"))
        );
    }
    let feed = site.acme.get("/v1/events").await.expect(200);
    assert_eq!(feed["data"], json!([]));
}

/// Values removed by the chain are neither stored nor sent; a dropped event is refused.
async fn test_event_passes_the_ingress_chain(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}/test");
    let steps = json!([
        { "plugin": "filter", "settings": { "drop": { "/drop": true }, "reason": "it says so" } },
        { "plugin": "redact", "settings": { "fields": ["/email", "/list/*/phone"] } },
    ]);
    site.acme
        .put("/v1/chain", &json!({ "steps": steps }))
        .await
        .expect(200);
    let data = json!({ "n": 1, "email": "planted@x.example", "list": [{ "phone": "planted-phone" }] });
    let tried = site.acme.post(&path, &json!({ "data": data })).await.expect(202);
    let received = receiver.wait_for(1).await;
    assert_eq!(received[0].json()["data"], json!({ "n": 1, "list": [{}] }));
    let event = tried["event"].as_str().unwrap();
    let event = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
    assert_eq!(event["steps"].as_array().unwrap().len(), 2, "{event:#}");
    for bytes in stored(&site) {
        assert!(!contains(&bytes, "planted"), "it is stored");
    }
    assert!(!site.gateway.log().join("\n").contains("planted"), "it is logged");
    let dropped = site.acme.post(&path, &json!({ "data": { "drop": true } })).await;
    assert_eq!((dropped.status, dropped.code()), (422, "event_rejected"));
    assert_eq!(receiver.count(), 1);
}

async fn test_event_of_a_reserved_type_is_refused(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}/test");
    for (kind, status) in [
        ("hookgate.subscription.disabled", 400),
        ("hookgate.testing", 400),
        ("hookgate.test.more", 400),
        ("hookgate.test", 202),
        ("hookgates.test", 202),
    ] {
        let answer = site.acme.post(&path, &json!({ "type": kind })).await;
        assert_eq!(answer.status, status, "{kind}: {:#}", answer.body);
        if status == 400 {
            assert_eq!(
                (answer.code(), &answer.body["errors"][0]["pointer"]),
                ("reserved_type", &json!("/type"))
            );
        }
    }
    let kinds: Vec<_> = receiver
        .wait_for(2)
        .await
        .iter()
        .map(|got| got.json()["type"].clone())
        .collect();
    assert!(
        kinds.contains(&json!("hookgate.test")) && kinds.contains(&json!("hookgates.test")),
        "{kinds:?}"
    );
    assert_eq!(receiver.count(), 2);
}

async fn full_and_thin_payloads(on: On) {
    let site = Site::start(on).await;
    let (full, thin) = (Receiver::start(vec![]).await, Receiver::start(vec![]).await);
    let data = json!({
        "id": "inv_1", "status": "paid", "paid_at": "2024-01-15T10:30:00Z", "customer": { "id": "cus_1", "name": "Ada" },
        "order_ids": [1, 2], "amount": 8500, "note": "call back", "user_id": "ada@example.com", "birth_date": "1970-01-01",
    });
    let kept = json!({
        "id": "inv_1", "status": "paid", "paid_at": "2024-01-15T10:30:00Z", "customer": { "id": "cus_1" },
        "order_ids": [1, 2],
    });
    for (receiver, mode) in [(&full, "full"), (&thin, "thin")] {
        let wanted = json!({ "url": receiver.url(), "events": ["*"], "payload": mode });
        site.acme.post("/v1/subscriptions", &wanted).await.expect(201);
    }
    let event = site.acme.publish("invoice.paid", data.clone()).await;
    for (receiver, expected) in [(&full, &data), (&thin, &kept)] {
        let received = receiver.wait_for(1).await;
        assert_eq!(received[0].id(), event);
        assert_eq!(&received[0].json()["data"], expected);
        assert_eq!(received[0].json()["type"], "invoice.paid");
    }
}
