//! Endpoint outages: the retry schedule in a product's document applies to every event, whatever
//! the endpoint answers.

use std::collections::HashMap;
use std::time::Duration;

use hookgate_tests::{Client, Received, Receiver, Reply, eventually};
use serde_json::{Value, json};

use super::{Product, text};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    printed_schedule_holds_for_each_of_1000_events,
    printed_schedule_holds_for_1000_events_to_an_endpoint_that_hangs,
    answer_changes_nothing_of_a_printed_schedule,
    gateways_own_profile_disables_at_410_and_honours_retry_after,
);

/// A schedule of seconds in place of the printed minutes.
const IN_SECONDS: &str = r#"
[profiles.synaptis.retry]
schedule = ["2s", "6s"]
"#;

async fn register(product: &Product, receiver: &Receiver) -> String {
    let registration = json!({ "url": receiver.url(), "events": ["delivery.failed"] });
    let made = product
        .client
        .post("/v1/webhooks", &registration)
        .await
        .expect(201);
    text(&made, "id")
}

/// Publishes this many events, a hundred per request.
async fn publish_many(client: &Client, count: usize) {
    for first in (0..count).step_by(100) {
        let event = |n: usize| json!({ "type": "delivery.failed", "data": { "n": n } });
        let events: Vec<Value> = (first..count.min(first + 100)).map(event).collect();
        client.post("/v1/events", &json!(events)).await.expect(202);
    }
}

/// An overloaded endpoint answers 503 at once: a circuit breaker that lets one attempt through per
/// pause would need hours.
async fn printed_schedule_holds_for_each_of_1000_events(on: On) {
    let product = Product::with(on, "synaptis", IN_SECONDS).await;
    let dead = Receiver::start(vec![Reply::Status(503); 10_000]).await;
    let id = register(&product, &dead).await;
    publish_many(&product.client, EVENTS).await;
    eventually("all are given up", async || {
        let path = format!("/v1/subscriptions/{id}/stats");
        let stats = product.client.get(&path).await.expect(200);
        (stats["totals"]["dead"] == EVENTS).then_some(())
    })
    .await;
    let mut attempts: HashMap<String, Vec<u64>> = HashMap::new();
    for got in dead.received() {
        attempts
            .entry(text(&got.json(), "id"))
            .or_default()
            .push(signed(&got));
    }
    assert_eq!(attempts.len(), EVENTS);
    for (id, times) in attempts {
        assert_eq!(times.len(), 3, "{id}: three attempts, and none of them was burnt");
        let waits: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
        // In whole seconds, by a clock that the store's clock corrects meanwhile.
        assert!(waits[0] >= 1 && waits[1] >= 4, "{id} waited {waits:?}");
    }
    // A new event does not wait.
    dead.answer(vec![]);
    product.publish(r#"{"type":"delivery.failed","data":{}}"#).await;
    dead.wait_for(3 * EVENTS + 1).await;
}

/// An endpoint that never answers holds each attempt for its timeout: attempts are late, and all
/// are made.
async fn printed_schedule_holds_for_1000_events_to_an_endpoint_that_hangs(on: On) {
    let toml = format!("{IN_SECONDS}\n[profiles.synaptis.endpoint]\ntimeout = \"50ms\"\n");
    let product = Product::with(on, "synaptis", &toml).await;
    let (client, hangs) = (&product.client, vec![Reply::After(HOUR); 10_000]);
    let hanging = Receiver::start(hangs).await;
    let id = register(&product, &hanging).await;
    publish_many(client, EVENTS).await;
    let path = format!("/v1/subscriptions/{id}");
    eventually("all are given up", async || {
        let stats = client.get(&format!("{path}/stats")).await.expect(200);
        (stats["totals"]["dead"] == EVENTS).then_some(())
    })
    .await;
    let (mut dead, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("{path}/deliveries?status=dead&limit=500{cursor}");
        let page = client.get(&page).await.expect(200);
        dead.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(dead.len(), EVENTS);
    for delivery in &dead {
        assert_eq!(delivery["attempts"], 3, "{delivery:#}");
    }
    // The first, the last and some in between: never earlier than printed.
    for delivery in dead.iter().step_by(EVENTS / 20) {
        let shown = format!("/v1/deliveries/{}", text(delivery, "id"));
        let shown = client.get(&shown).await.expect(200);
        let started = |n: usize| of_day(&shown["attempts"][n]["started"]);
        let wait = |n: usize| (started(n) + DAY - started(n - 1)) % DAY;
        assert!(wait(1) >= 1 && wait(2) >= 5, "{shown:#}");
    }
}

/// Time of an attempt, in seconds.
fn signed(got: &Received) -> u64 {
    let header = got.header("x-synaptis-signature");
    let (time, _) = header.split_once(',').unwrap();
    time.strip_prefix("t=").unwrap().parse().unwrap()
}

/// Neither 410 nor Retry-After is in the printed table: attempts follow the schedule, and no
/// subscription is disabled.
async fn answer_changes_nothing_of_a_printed_schedule(on: On) {
    let product = Product::with(on, "synaptis", IN_SECONDS).await;
    let hour = || vec![("retry-after", "3600".to_owned())];
    let answers = vec![Reply::With(429, hour()), Reply::Status(410)];
    let receiver = Receiver::start(answers).await;
    let id = register(&product, &receiver).await;
    let event = product.publish(r#"{"type":"delivery.failed","data":{}}"#).await;
    let received = receiver.wait_for(3).await;
    assert!(received.iter().all(|got| got.json()["id"] == *event));
    eventually("it is delivered", async || {
        let event = product
            .client
            .get(&format!("/v1/events/{event}"))
            .await
            .expect(200);
        (event["deliveries"][0]["status"] == "delivered").then_some(())
    })
    .await;
    let shown = product
        .client
        .get(&format!("/v1/webhooks/{id}"))
        .await
        .expect(200);
    assert_eq!(shown["status"], "active");
    // A 503 with a Retry-After delays no other event either.
    receiver.answer(vec![Reply::With(503, hour())]);
    for _ in 0..2 {
        product.publish(r#"{"type":"delivery.failed","data":{}}"#).await;
    }
    receiver.wait_for(3 + 3).await;
}

/// Without a rule in the profile, RFC 9110 applies.
async fn gateways_own_profile_disables_at_410_and_honours_retry_after(on: On) {
    let site = Site::with(on, "retry.attempts = 5").await;
    let asks = vec![("retry-after", "3600".to_owned())];
    let busy = Receiver::start(vec![Reply::With(503, asks)]).await;
    site.acme.subscribe(&busy.url()).await;
    let gone = Receiver::start(vec![Reply::Status(410)]).await;
    let (id, _) = site.acme.subscribe(&gone.url()).await;
    let event = site.acme.publish("a.b", json!({})).await;
    eventually("it is disabled", async || {
        let shown = site
            .acme
            .get(&format!("/v1/subscriptions/{id}"))
            .await
            .expect(200);
        (shown["disabled"]["reason"] == "gone").then_some(())
    })
    .await;
    let waits = eventually("the other is asked again later", async || {
        let event = site.acme.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array()?.clone();
        let tried = |one: &&Value| one["status"] == "pending" && one["attempts"] == 1;
        let one = deliveries.iter().find(tried)?.clone();
        Some(of_day(&one["next_attempt"]) + DAY - of_day(&one["first_attempt"]))
    })
    .await;
    assert!(waits % DAY >= 3600, "{waits}");
    assert_eq!(busy.count(), 1);
}

/// Seconds since midnight of a time: `2024-01-15T10:30:00Z`.
fn of_day(time: &Value) -> u64 {
    let time = time.as_str().unwrap();
    let part = |at: usize| time[at..at + 2].parse::<u64>().unwrap();
    part(11) * 3600 + part(14) * 60 + part(17)
}

const DAY: u64 = 24 * 3600;

const EVENTS: usize = 1_000;

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3600);
