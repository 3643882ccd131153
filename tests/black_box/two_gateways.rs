//! Two gateways on one Redis share the work.

use std::collections::HashMap;
use std::time::Duration;

use hookgate_tests::{Client, Fsync, Gateway, Receiver, RedisServer, Reply, Setup, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn share_the_work_and_deliver_each_event_once() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url()).with("retry.base = \"20ms\"\nretry.max = \"100ms\"");
    let one = setup.start();
    let two = beside(&one, &setup);
    let receiver = Receiver::start(vec![]).await;
    let first = one.tenant("acme").await;
    let second = first.towards(two.base());
    let (_, secret) = first.subscribe(&receiver.url()).await;
    // A change at one gateway is known to the other within a second.
    eventually("the second gateway knows the subscription", async || {
        let list = second.get("/v1/subscriptions").await;
        (list.status == 200 && list.body["data"].as_array()?.len() == 1).then_some(())
    })
    .await;

    let mut published = Vec::new();
    for n in 0..300 {
        let client = if n % 2 == 0 { &first } else { &second };
        published.push(client.publish("order.created", json!({ "n": n })).await);
    }
    let received = receiver.wait_for(published.len()).await;
    assert!(received.iter().all(|r| r.verifies(&secret)));
    let mut times: HashMap<&str, usize> = HashMap::new();
    received
        .iter()
        .for_each(|r| *times.entry(r.id()).or_default() += 1);
    assert_eq!(times.len(), published.len());
    let twice: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_takes_over_what_the_other_held_when_it_died() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url()).with("scheduler.lease = \"3s\"\nretry.base = \"20ms\"");
    let mut one = setup.start();
    let two = beside(&one, &setup);
    let receiver = Receiver::start(vec![Reply::Status(500)]).await;
    let client = one.tenant("acme").await;
    client.subscribe(&receiver.url()).await;
    let mut published = Vec::new();
    for n in 0..50 {
        published.push(client.publish("order.created", json!({ "n": n })).await);
    }
    one.kill();
    eventually("every event has come", async || {
        let received = receiver.received();
        published
            .iter()
            .all(|id| received.iter().any(|r| r.id() == id))
            .then_some(())
    })
    .await;
    drop(two);
}

/// With the lease as it is shipped, what a killed gateway held comes before a retry that was due
/// most of a minute later.
#[tokio::test(flavor = "multi_thread")]
async fn one_soon_takes_over_what_the_other_held_at_a_hanging_endpoint() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url());
    let mut one = setup.start();
    let two = beside(&one, &setup);
    let client = one.tenant("acme").await;
    let took_over = client.towards(two.base());
    eventually("the other one knows the key", async || {
        (took_over.get("/v1/subscriptions").await.status == 200).then_some(())
    })
    .await;
    let failing = Receiver::start(vec![Reply::With(503, vec![("retry-after", "55".to_owned())])]).await;
    subscribe(&client, &failing.url(), "invoice.*").await;
    client.publish("invoice.paid", json!({})).await;
    failing.wait_for(1).await;

    let hanging = Receiver::start(vec![Reply::Hang(FOREVER); IN_FLIGHT]).await;
    subscribe(&client, &hanging.url(), "order.*").await;
    let mut held = Vec::new();
    for n in 0..IN_FLIGHT + WAITING {
        held.push(client.publish("order.created", json!({ "n": n })).await);
    }
    hanging.wait_for(IN_FLIGHT).await;
    one.kill();

    for id in &held {
        eventually("it is delivered", async || {
            let event = took_over.get(&format!("/v1/events/{id}")).await.expect(200);
            (event["deliveries"][0]["status"] == "delivered").then_some(())
        })
        .await;
    }
    assert_eq!(failing.count(), 1, "its retry comes later");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_longer_than_its_lease_is_made_once() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url()).with("scheduler.lease = \"5s\"\nscheduler.in_flight = 1");
    let one = setup.start();
    let two = beside(&one, &setup);
    let client = one.tenant("acme").await;
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(11))]).await;
    subscribe(&client, &receiver.url(), "order.*").await;
    // The second one waits for its turn longer than a lease.
    for n in 0..2 {
        client.publish("order.created", json!({ "n": n })).await;
    }
    eventually("both are delivered", async || {
        let page = client.get("/v1/deliveries?status=delivered").await.expect(200);
        (page["data"].as_array()?.len() == 2).then_some(())
    })
    .await;
    assert_eq!(receiver.count(), 2);
    drop(two);
}

/// An outcome that could not be stored while the store was away is stored when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_outlasts_an_outage_longer_than_its_lease() {
    let mut redis = RedisServer::start(Fsync::Always).unwrap();
    let setup = Setup::redis(&redis.url()).with("scheduler.lease = \"2s\"");
    let one = setup.start();
    let two = beside(&one, &setup);
    let client = one.tenant("acme").await;
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(1)); IN_FLIGHT]).await;
    subscribe(&client, &receiver.url(), "order.*").await;
    let mut published = Vec::new();
    for n in 0..IN_FLIGHT {
        published.push(client.publish("order.created", json!({ "n": n })).await);
    }
    receiver.wait_for(IN_FLIGHT).await;
    redis.kill().unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    redis.restart().unwrap();
    for id in &published {
        eventually("it is delivered", async || {
            let event = client.get(&format!("/v1/events/{id}")).await;
            (event.status == 200 && event.body["deliveries"][0]["status"] == "delivered").then_some(())
        })
        .await;
    }
    assert_eq!(receiver.count(), IN_FLIGHT);
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_with_other_sealing_keys_is_refused() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url());
    let _first = setup.start();
    let refused = setup.try_start().unwrap_err().to_string();
    assert!(refused.contains("auth.sealing_keys"), "{refused}");
}

async fn subscribe(client: &Client, url: &str, events: &str) {
    let wanted = json!({ "url": url, "events": [events] });
    client.post("/v1/subscriptions", &wanted).await.expect(201);
}

/// Attempts in flight at an endpoint from the beginning.
const IN_FLIGHT: usize = 8;
/// Deliveries in memory that wait for their turn.
const WAITING: usize = 4;
/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3_600);

/// Another gateway on the same Redis, with the same sealing keys.
pub(crate) fn beside(first: &Gateway, setup: &Setup) -> Gateway {
    let keys = std::fs::read_to_string(first.dir().join("data/secrets.key")).unwrap();
    setup
        .clone()
        .with(&format!("auth.sealing_keys = {:?}", keys.trim()))
        .start()
}
