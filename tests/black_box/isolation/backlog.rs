//! Backlogs: many deliveries to an endpoint that hangs, fails or asks for time delay no other
//! endpoint, and do not change their own schedule.

use std::time::Duration;

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_neighbours_backlog_delays_no_first_attempt_and_no_retry,
    retry_after_holds_all_deliveries_until_the_url_is_another,
    a_successful_test_ends_the_wait,
    each_delivery_to_a_dead_endpoint_has_its_attempts,
);

/// A small inbox, so that a backlog fills it; no endpoint is paused for failures.
const LITTLE_ROOM: &str =
    "scheduler.max_in_memory = 64\nscheduler.pause_after = 1000000\nscheduler.claim_batch = 32";

/// Publishes this many events, a hundred per request.
async fn publish_many(client: &Client, count: usize) {
    for first in (0..count).step_by(100) {
        let event = |n: usize| json!({ "type": "a.b", "data": { "n": n } });
        let events: Vec<Value> = (first..count.min(first + 100)).map(event).collect();
        client.post("/v1/events", &json!(events)).await.expect(202);
    }
}

/// An endpoint that accepts requests and does not answer during a test.
async fn hanging() -> Receiver {
    Receiver::start(vec![Reply::After(Duration::from_secs(3600)); 5_000]).await
}

async fn a_neighbours_backlog_delays_no_first_attempt_and_no_retry(on: On) {
    let site = Site::with(on, LITTLE_ROOM).await;
    // On Redis it is in the same shard as `acme`.
    let loud = site.gateway.tenant("initech").await;
    let hangs = hanging().await;
    loud.subscribe(&hangs.url()).await;
    publish_many(&loud, 3_000).await;
    hangs.wait_for(1).await;

    let receiver = Receiver::start(vec![Reply::Status(500); 50]).await;
    site.acme.subscribe(&receiver.url()).await;
    for n in 0..50 {
        site.acme.publish("a.b", json!({ "n": n })).await;
    }
    let received = receiver.wait_for(100).await;
    for first in &received[..50] {
        let attempts = received.iter().filter(|again| again.id() == first.id());
        assert!(attempts.count() >= 2, "each was tried again");
    }
    let reached = hangs.received().len();
    assert!(reached < 500, "{reached} of 3000 are not waiting any more");
}

/// Creates an endpoint that asked for an hour, and another one that accepts everything.
///
/// Both belong to `acme`, whose next events wait for the first.
async fn throttled(site: &Site, then: Vec<Reply>) -> (Receiver, String) {
    let asks = ("retry-after", "3600".to_owned());
    let mut script = vec![Reply::With(429, vec![asks])];
    script.extend(then);
    let throttled = Receiver::start(script).await;
    let other = Receiver::start(vec![]).await;
    let (id, _) = site.acme.subscribe(&throttled.url()).await;
    site.acme.subscribe(&other.url()).await;
    site.acme.publish("a.b", json!({ "n": 0 })).await;
    let path = format!("/v1/subscriptions/{id}");
    eventually("the refusal is counted", async || {
        let stats = site.acme.get(&format!("{path}/stats")).await.expect(200);
        (stats["totals"]["failed"] == 1).then_some(())
    })
    .await;
    for n in 1..6 {
        site.acme.publish("a.b", json!({ "n": n })).await;
    }
    other.wait_for(6).await;
    assert_eq!(throttled.received().len(), 1, "nothing is sent before its time");
    (throttled, path)
}

async fn retry_after_holds_all_deliveries_until_the_url_is_another(on: On) {
    let site = Site::start(on).await;
    let (throttled, path) = throttled(&site, vec![]).await;
    let moved = Receiver::start(vec![]).await;
    let patch = json!({ "url": moved.url() });
    site.acme.patch(&path, &patch).await.expect(200);
    moved.wait_for(5).await;
    assert_eq!(throttled.received().len(), 1);
}

async fn a_successful_test_ends_the_wait(on: On) {
    let site = Site::start(on).await;
    let (throttled, path) = throttled(&site, vec![]).await;
    site.acme
        .post(&format!("{path}/test"), &json!({}))
        .await
        .expect(202);
    let received = throttled.wait_for(1 + 1 + 5).await;
    assert_eq!(received[1].header("webhook-test"), "true", "the test came first");
}

async fn each_delivery_to_a_dead_endpoint_has_its_attempts(on: On) {
    let config = r#"
scheduler.pause_after = 3
scheduler.pause_first = "10ms"
scheduler.pause_longest = "50ms"
scheduler.attempts_between_pauses = 20
[profiles.standard.retry]
schedule = ["0s", "20ms"]
"#;
    let site = Site::with(on, config).await;
    let dead = Receiver::start(vec![Reply::Status(500); 5_000]).await;
    let (id, _) = site.acme.subscribe(&dead.url()).await;
    publish_many(&site.acme, 300).await;
    eventually("all are given up", async || {
        let path = format!("/v1/subscriptions/{id}/stats");
        let stats = site.acme.get(&path).await.expect(200);
        (stats["totals"]["dead"] == 300).then_some(())
    })
    .await;
    assert_eq!(
        dead.received().len(),
        3 * 300,
        "three attempts each, none of them burnt"
    );
}
