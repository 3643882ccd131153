//! Two gateways on one Redis share the work.

use std::collections::HashMap;

use hookgate_tests::{Fsync, Gateway, Receiver, RedisServer, Setup, eventually};
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
    let short = "delivery.timeout = \"1s\"\ndelivery.max_timeout = \"1s\"\nscheduler.lease = \"3s\"\nretry.base = \"20ms\"";
    let setup = Setup::redis(&redis.url()).with(short);
    let mut one = setup.start();
    let two = beside(&one, &setup);
    let receiver = Receiver::start(vec![hookgate_tests::Reply::Status(500)]).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_with_other_sealing_keys_is_refused() {
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url());
    let _first = setup.start();
    let refused = setup.try_start().unwrap_err().to_string();
    assert!(refused.contains("auth.sealing_keys"), "{refused}");
}

/// Another gateway on the same Redis, with the same sealing keys.
pub(crate) fn beside(first: &Gateway, setup: &Setup) -> Gateway {
    let keys = std::fs::read_to_string(first.dir().join("data/secrets.key")).unwrap();
    setup
        .clone()
        .with(&format!("auth.sealing_keys = {:?}", keys.trim()))
        .start()
}
