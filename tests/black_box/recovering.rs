//! Recovery: missed deliveries are made again, in parts, once, and no further back than the
//! retention.

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    what_died_or_was_missed_is_made_again,
    two_recoveries_at_once_make_one_delivery,
    a_part_says_where_to_go_on
);

async fn recover(client: &Client, subscription: &str, input: Value) -> Value {
    let path = format!("/v1/subscriptions/{subscription}/recover");
    client.post(&path, &input).await.expect(202)
}

async fn switch(client: &Client, subscription: &str, to: &str) {
    let path = format!("/v1/subscriptions/{subscription}/{to}");
    client.post(&path, &json!({})).await.expect(200);
}

/// A time at or just before an event's acceptance.
async fn created(client: &Client, event: &str) -> String {
    let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
    event["created"].as_str().unwrap().to_owned()
}

/// Waits until all deliveries of an event have ended; returns their states.
async fn ended(client: &Client, event: &str) -> Vec<String> {
    eventually("all deliveries have ended", async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array().unwrap().clone();
        let states: Vec<String> = deliveries
            .iter()
            .map(|delivery| delivery["status"].as_str().unwrap().to_owned())
            .collect();
        (!states.iter().any(|state| state == "pending")).then_some(states)
    })
    .await
}

async fn what_died_or_was_missed_is_made_again(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let receiver = Receiver::start(vec![Reply::Status(500)]).await;
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    let before = site.acme.publish("order.created", json!({})).await;
    assert_eq!(ended(&site.acme, &before).await, ["dead"]);
    let since = created(&site.acme, &before).await;
    let fine = site.acme.publish("order.created", json!({})).await;
    assert_eq!(ended(&site.acme, &fine).await, ["delivered"]);

    switch(&site.acme, &id, "disable").await;
    let refused = site
        .acme
        .post(
            &format!("/v1/subscriptions/{id}/recover"),
            &json!({ "since": since }),
        )
        .await;
    assert_eq!((refused.status, refused.code()), (409, "wrong_state"));
    let missed = site.acme.publish("order.created", json!({})).await;
    let other = site.acme.publish("invoice.paid", json!({})).await;
    switch(&site.acme, &id, "activate").await;

    // Dead letters only, from the earliest on.
    let dead = recover(&site.acme, &id, json!({ "only": "dead" })).await;
    assert_eq!(
        (&dead["deliveries"], &dead["next_cursor"]),
        (&json!(1), &Value::Null),
        "{dead:#}"
    );
    assert_eq!(ended(&site.acme, &before).await, ["dead", "delivered"]);

    let orders = json!({ "since": since, "types": ["order.*"] });
    assert_eq!(recover(&site.acme, &id, orders.clone()).await["deliveries"], 1);
    assert_eq!(ended(&site.acme, &missed).await, ["delivered"]);
    assert_eq!(
        recover(&site.acme, &id, orders).await["deliveries"],
        0,
        "nothing is left"
    );
    assert_eq!(ended(&site.acme, &other).await, [] as [&str; 0]);

    // All deliveries, of events before the last one.
    let until = created(&site.acme, &missed).await;
    let all = recover(
        &site.acme,
        &id,
        json!({ "since": since, "until": until, "only": "all" }),
    )
    .await;
    assert!((1..=2).contains(&all["deliveries"].as_u64().unwrap()), "{all:#}");
    assert_eq!(ended(&site.acme, &other).await, [] as [&str; 0]);
    let same = receiver.wait_for(3).await;
    assert!(
        same.iter().filter(|r| r.id() == before).count() >= 2,
        "with the same id"
    );
}

async fn two_recoveries_at_once_make_one_delivery(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    switch(&site.acme, &id, "disable").await;
    let mut missed = Vec::new();
    for n in 0..20 {
        missed.push(site.acme.publish("order.created", json!({ "n": n })).await);
    }
    let since = created(&site.acme, &missed[0]).await;
    switch(&site.acme, &id, "activate").await;
    let input = json!({ "since": since });
    let (one, two) = tokio::join!(
        recover(&site.acme, &id, input.clone()),
        recover(&site.acme, &id, input)
    );
    let made = one["deliveries"].as_u64().unwrap() + two["deliveries"].as_u64().unwrap();
    assert_eq!(made, 20, "{one:#} {two:#}");
    for event in &missed {
        assert_eq!(ended(&site.acme, event).await, ["delivered"]);
    }
    assert_eq!(receiver.received().len(), 20);
}

async fn a_part_says_where_to_go_on(on: On) {
    let site = Site::with(on, "api.recover_deliveries = 2\napi.recover_events = 3").await;
    let receiver = Receiver::start(vec![]).await;
    let wanted = json!({ "url": receiver.url(), "events": ["*"], "filter": { "/wanted": true } });
    let made = site.acme.post("/v1/subscriptions", &wanted).await.expect(201);
    let id = made["id"].as_str().unwrap();
    switch(&site.acme, id, "disable").await;
    let mut missed = Vec::new();
    for n in 0..9 {
        let event = site
            .acme
            .publish("order.created", json!({ "wanted": n % 3 != 1 }))
            .await;
        if n % 3 != 1 {
            missed.push(event);
        }
    }
    switch(&site.acme, id, "activate").await;
    let mut input = json!({ "since": "2020-01-01T00:00:00Z" });
    let (mut made, mut calls) = (0, 0);
    loop {
        let part = recover(&site.acme, id, input.clone()).await;
        let count = part["deliveries"].as_u64().unwrap();
        assert!(count <= 2 && part["events"].as_u64().unwrap() <= 3, "{part:#}");
        (made, calls) = (made + count, calls + 1);
        if part["next_cursor"].is_null() {
            break;
        }
        input["cursor"] = part["next_cursor"].clone();
    }
    assert!(made == 6 && calls >= 3, "{made} in {calls}");
    for event in &missed {
        assert_eq!(ended(&site.acme, event).await, ["delivered"]);
    }
    let path = format!("/v1/subscriptions/{id}/deliveries?status=delivered");
    let listed = site.acme.get(&path).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_recovery_is_refused() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![]).await;
    let (id, _) = site.acme.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{id}/recover");
    for (input, status, code) in [
        (json!({}), 422, "invalid_field"),
        (json!({ "only": "all" }), 422, "invalid_field"),
        (json!({ "since": "yesterday" }), 422, "invalid_field"),
        (
            json!({ "since": "2024-01-01T00:00:00Z", "only": "some" }),
            422,
            "invalid_field",
        ),
        (
            json!({ "since": "2024-01-01T00:00:00Z", "types": ["a..b"] }),
            422,
            "invalid_field",
        ),
        (
            json!({ "since": "2024-01-01T00:00:00Z", "cursor": "x" }),
            400,
            "invalid_cursor",
        ),
    ] {
        let refused = site.acme.post(&path, &input).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{input}: {:#}",
            refused.body
        );
    }
    let other = site.gateway.tenant("other").await;
    let foreign = other.post(&path, &json!({ "only": "dead" })).await;
    assert_eq!((foreign.status, foreign.code()), (404, "not_found"));
    assert_eq!(
        other
            .get(&format!("/v1/subscriptions/{id}/deliveries"))
            .await
            .status,
        404
    );
}
