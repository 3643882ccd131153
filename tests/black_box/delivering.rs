//! Deliveries: retries, dead letters, replay, a deleted endpoint, disabled subscriptions.

use std::time::Duration;

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_failing_endpoint_gets_it_later,
    used_up_attempts_make_a_dead_letter_that_can_be_retried,
    a_replay_sends_it_again,
    what_comes_while_disabled_is_not_sent,
);

async fn a_failing_endpoint_gets_it_later(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(503)]).await;
    let (_, secret) = site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({ "n": 1 })).await;
    let received = receiver.wait_for(3).await;
    assert!(
        received
            .iter()
            .all(|r| r.id() == id && r.body == received[0].body && r.verifies(&secret))
    );

    let delivery = settled(&site.acme, &id).await;
    assert_eq!(delivery["status"], "delivered");
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let attempts = site.acme.get(&path).await.expect(200)["attempts"].clone();
    let statuses: Vec<_> = attempts
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["response_status"].as_u64())
        .collect();
    assert_eq!(statuses, [Some(500), Some(503), Some(200)], "{attempts:#}");
}

async fn used_up_attempts_make_a_dead_letter_that_can_be_retried(on: On) {
    let site = Site::with(on, "retry.attempts = 2").await;
    let receiver = Receiver::start(vec![Reply::Status(500), Reply::Status(500)]).await;
    site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({})).await;
    let delivery = settled(&site.acme, &id).await;
    assert_eq!(delivery["status"], "dead", "{delivery:#}");

    let dead = site.acme.get("/v1/deliveries?status=dead").await.expect(200);
    assert_eq!(dead["data"][0]["id"], delivery["id"], "{dead:#}");
    let path = format!("/v1/deliveries/{}/retry", delivery["id"].as_str().unwrap());
    site.acme.post(&path, &json!({})).await.expect(202);
    let received = receiver.wait_for(3).await;
    assert!(received.iter().all(|r| r.id() == id));
}

async fn a_replay_sends_it_again(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({})).await;
    receiver.wait_for(1).await;
    let path = format!("/v1/events/{id}/replay");
    site.acme
        .post(&path, &json!({ "subscription": subscription }))
        .await
        .expect(202);
    let received = receiver.wait_for(2).await;
    assert_eq!(received[0].id(), received[1].id());
    assert_eq!(received[0].body, received[1].body);
}

async fn what_comes_while_disabled_is_not_sent(on: On) {
    let site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let path = format!("/v1/subscriptions/{subscription}");
    assert_eq!(
        site.acme
            .post(&format!("{path}/disable"), &json!({}))
            .await
            .expect(200)["status"],
        "disabled"
    );
    let unsent = site.acme.publish("invoice.paid", json!({ "n": 1 })).await;
    assert_eq!(
        site.acme
            .post(&format!("{path}/activate"), &json!({}))
            .await
            .expect(200)["status"],
        "active"
    );
    let sent = site.acme.publish("invoice.paid", json!({ "n": 2 })).await;
    assert_eq!(receiver.wait_for(1).await[0].id(), sent);
    let event = site.acme.get(&format!("/v1/events/{unsent}")).await.expect(200);
    assert_eq!(event["deliveries"], json!([]), "it is kept and has no delivery");
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_the_subscription() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![Reply::Status(410)]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({})).await;
    assert_eq!(settled(&site.acme, &id).await["status"], "dead");
    let path = format!("/v1/subscriptions/{subscription}");
    let disabled = eventually("the subscription is disabled", async || {
        let subscription = site.acme.get(&path).await.expect(200);
        (subscription["status"] == "disabled").then_some(subscription)
    })
    .await;
    assert!(
        disabled.to_string().contains("gone"),
        "and says why: {disabled:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let site = Site::start(On::Embedded).await;
    let later = Reply::With(429, vec![("retry-after", "3600".to_owned())]);
    let receiver = Receiver::start(vec![later]).await;
    site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({})).await;
    receiver.wait_for(1).await;
    let next = eventually("the next attempt has a time", async || {
        let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
        let delivery = &event["deliveries"][0];
        (delivery["attempts"] == 1).then(|| delivery["next_attempt"].as_str().unwrap_or_default().to_owned())
    })
    .await;
    let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
    assert!(
        next.as_str() > event["created"].as_str().unwrap(),
        "an hour later: {next}"
    );
    assert_eq!(
        receiver.received().len(),
        1,
        "no retry of the usual backoff (at most 200 ms) came before"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed_and_a_hanging_endpoint_times_out() {
    let site = Site::with(On::Embedded, "retry.attempts = 1").await;
    let elsewhere = Receiver::start(vec![]).await;
    let redirect = Reply::With(302, vec![("location", elsewhere.url())]);
    let redirecting = Receiver::start(vec![redirect]).await;
    let hanging = Receiver::start(vec![Reply::After(Duration::from_secs(60))]).await;
    site.acme.subscribe(&redirecting.url()).await;
    let quick = json!({ "url": hanging.url(), "events": ["*"], "timeout": "200ms" });
    site.acme.post("/v1/subscriptions", &quick).await.expect(201);
    let id = site.acme.publish("invoice.paid", json!({})).await;
    let deliveries = eventually("both are dead", async || {
        let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
        let deliveries = event["deliveries"].as_array()?.clone();
        deliveries
            .iter()
            .all(|d| d["status"] == "dead")
            .then_some(deliveries)
    })
    .await;
    let outcomes: Vec<_> = deliveries
        .iter()
        .map(|d| d["last_outcome"].as_str().unwrap_or_default())
        .collect();
    assert!(
        outcomes.contains(&"http_error") && outcomes.contains(&"timed_out"),
        "{deliveries:#?}"
    );
    assert!(elsewhere.received().is_empty());
}

/// The event's only delivery, once it is no longer pending.
pub(crate) async fn settled(client: &Client, event: &str) -> Value {
    eventually("the delivery is settled", async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let delivery = event["deliveries"].get(0)?.clone();
        (delivery["status"] != "pending").then_some(delivery)
    })
    .await
}
