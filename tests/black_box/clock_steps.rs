//! Steps of the machine's clock while the gateway runs: waiting depends on a steady clock.

use std::time::Duration;

use hookgate_tests::faults::StepClock;
use hookgate_tests::{Receiver, Reply, eventually};
use serde_json::json;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    retry_is_made_when_the_clock_steps_back,
    leased_delivery_stays_leased_when_the_clock_steps_on,
);

async fn retry_is_made_when_the_clock_steps_back(on: On) {
    let (clock, site) = stepped(on).await;
    let receiver = Receiver::start(vec![Reply::Status(500); 6]).await;
    site.acme.subscribe(&receiver.url()).await;
    site.acme.publish("invoice.paid", json!({ "n": 1 })).await;
    receiver.wait_for(1).await;
    clock.step(-3_600).unwrap();
    receiver.wait_for(7).await;
    site.acme.publish("invoice.paid", json!({ "n": 2 })).await;
    receiver.wait_for(8).await;
}

async fn leased_delivery_stays_leased_when_the_clock_steps_on(on: On) {
    let (clock, site) = stepped(on).await;
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(3))]).await;
    let prompt = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let id = site.acme.publish("invoice.paid", json!({})).await;
    receiver.wait_for(1).await;
    clock.step(3_600).unwrap();
    // Other deliveries continue, and claims with them.
    let other = site.gateway.tenant("globex").await;
    other.subscribe(&prompt.url()).await;
    for n in 1..=20 {
        other.publish("invoice.paid", json!({ "n": n })).await;
        prompt.wait_for(n).await;
    }
    eventually("it is delivered", async || {
        let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
        (event["deliveries"][0]["status"] == "delivered").then_some(())
    })
    .await;
    assert_eq!(receiver.count(), 1, "its lease has not ended");
}

/// Starts a gateway whose wall clock can be set.
async fn stepped(on: On) -> (StepClock, Site) {
    let clock = StepClock::new().unwrap();
    let site = Site::under(on, &clock.exports(), "").await;
    (clock, site)
}
