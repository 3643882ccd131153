//! Deletion of data: events older than the retention, and everything of a deleted tenant.

use hookgate_tests::client::Answer;
use hookgate_tests::{Client, eventually};
use serde_json::{Value, json};

use crate::privacy::{contains, stored};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    what_is_older_than_the_retention_is_gone,
    nothing_is_left_for_a_tenant_of_the_same_name,
);

/// An address without a listener: after one attempt the delivery is a dead letter.
const NOWHERE: &str = "http://127.0.0.1:9/hook";

async fn what_is_older_than_the_retention_is_gone(on: On) {
    // Long enough to see the dead letter before its removal.
    let short = "retention.events = \"5s\"\nretention.sweep_every = \"100ms\"\nretry.attempts = 1";
    let site = Site::with(on, short).await;
    let letter = with_a_dead_letter(&site.acme, "old", "an-event-that-is-old").await;
    let page = site.acme.get("/v1/events?limit=1").await.expect(200);
    let cursor = format!("/v1/events?cursor={}", page["next_cursor"].as_str().unwrap());
    site.acme.publish("order.created", json!({})).await;
    eventually("the event is gone", async || {
        let event = site.acme.get("/v1/events/old").await;
        (event.status == 404).then_some(())
    })
    .await;
    eventually("its feed is empty", async || {
        let feed = site.acme.get("/v1/events").await.expect(200);
        (feed["data"] == json!([])).then_some(())
    })
    .await;
    let gone = site.acme.get(&format!("/v1/deliveries/{letter}")).await;
    assert_eq!((gone.status, gone.code()), (404, "not_found"));
    eventually("no dead letter is listed", async || {
        (dead_letters(&site.acme).await == json!([])).then_some(())
    })
    .await;
    let expired = site.acme.get(&cursor).await;
    assert_eq!((expired.status, expired.code()), (410, "cursor_expired"));
    let replayed = site.acme.post("/v1/events/old/replay", &json!({})).await;
    assert_eq!(replayed.status, 404, "{:#}", replayed.body);
    // The database file is not overwritten where a row was; Redis has no pages.
    if matches!(on, On::Redis) {
        eventually("its bytes are gone", async || {
            let kept = stored(&site);
            (!kept.iter().any(|bytes| contains(bytes, "an-event-that-is-old"))).then_some(())
        })
        .await;
    }
}

async fn nothing_is_left_for_a_tenant_of_the_same_name(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let operator = site.gateway.operator();
    let neighbour = site.gateway.tenant("globex-2").await;
    with_a_dead_letter(&neighbour, "order-1", "theirs").await;
    let mut letters = Vec::new();
    for round in 0..3 {
        let globex = site.gateway.tenant("globex").await;
        for path in ["/v1/events/order-1", "/v1/events/order-2", "/v1/events/unheard"] {
            let former = globex.get(path).await;
            assert_eq!((former.status, former.code()), (404, "not_found"), "{path}");
        }
        for letter in &letters {
            assert_eq!(globex.get(&format!("/v1/deliveries/{letter}")).await.status, 404);
        }
        assert_eq!(dead_letters(&globex).await, json!([]));
        assert_eq!(
            globex.get("/v1/events").await.expect(200)["data"],
            json!([]),
            "its feed"
        );
        // A repetition of the former tenant's ids and key is new for this tenant.
        letters.push(with_a_dead_letter(&globex, "order-1", "mine").await);
        for (n, status) in [(round, "accepted"), (round, "accepted"), (99, "")] {
            let event = json!({ "type": "order.created", "id": "order-2", "data": { "round": n } });
            let answer = keyed(&globex, "key", &event).await;
            match status {
                "" => assert_eq!(answer.code(), "idempotency_key_reused"),
                _ => assert_eq!(answer.expect(202)["id"], "order-2"),
            }
        }
        let event = globex.get("/v1/events/order-2").await.expect(200);
        assert_eq!(event["data"], json!({ "round": round }));
        drop_every_event(&globex).await;
        operator.delete("/v1/tenants/globex").await.expect(204);
    }
    assert_eq!(
        neighbour.get("/v1/events/order-1").await.expect(200)["data"],
        json!({ "of": "theirs" })
    );
    assert_eq!(dead_letters(&neighbour).await.as_array().unwrap().len(), 1);
    // It is removed soon, with or without later events.
    if matches!(on, On::Redis) {
        eventually("its bytes are gone", async || {
            let kept = stored(&site);
            (!kept.iter().any(|bytes| contains(bytes, "globex:order"))).then_some(())
        })
        .await;
    }
}

/// An event that is in no feed and has no delivery.
async fn drop_every_event(client: &Client) {
    let filter = json!({ "plugin": "filter", "settings": { "drop": { "/unheard": true } } });
    let set = client.put("/v1/chain", &json!({ "steps": [filter] })).await;
    assert_eq!(set.status, 200, "{:#}", set.body);
    let event = json!({ "type": "order.created", "id": "unheard", "data": { "unheard": true } });
    let answer = client.post("/v1/events", &event).await.expect(202);
    assert_eq!(answer["status"], "filtered", "{answer:#}");
}

/// Publishes an event to a subscription without a listener; returns its dead letter's id.
async fn with_a_dead_letter(client: &Client, id: &str, of: &str) -> String {
    let subscription = json!({ "url": NOWHERE, "events": ["*"] });
    client.post("/v1/subscriptions", &subscription).await.expect(201);
    let event = json!({ "type": "order.created", "id": id, "data": { "of": of } });
    client.post("/v1/events", &event).await.expect(202);
    eventually("a dead letter", async || {
        let dead = dead_letters(client).await;
        dead[0]["id"].as_str().map(str::to_owned)
    })
    .await
}

async fn dead_letters(client: &Client) -> Value {
    client.get("/v1/deliveries?status=dead").await.expect(200)["data"].clone()
}

async fn keyed(client: &Client, key: &str, event: &Value) -> Answer {
    let request = client.request(reqwest::Method::POST, "/v1/events");
    client
        .send(request.header("idempotency-key", key).json(event))
        .await
}
