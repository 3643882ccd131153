//! Bulk jobs whose gateway dies: what was done is not done again, and another gateway goes on.

use hookgate_tests::{Fsync, Receiver, RedisServer, Reply, Setup, eventually};
use serde_json::{Value, json};

use crate::jobs::{counts, dead, job_is, per_event, start};
use crate::site::{On, Site};
use crate::two_gateways::beside;

/// A gateway that dies after a page was done and before it was recorded: the record is put back.
#[tokio::test(flavor = "multi_thread")]
async fn bulk_retry_repeats_a_page_without_new_deliveries() {
    const LETTERS: usize = 40;
    let mut site = Site::with(On::Redis, "retry.attempts = 1\nbulk.rate = 4").await;
    let receiver = Receiver::start(vec![Reply::Status(500); LETTERS]).await;
    site.acme.subscribe(&receiver.url()).await;
    dead(&site.acme, "invoice.paid", LETTERS).await;
    let id = start(
        &site.acme,
        "retry",
        json!({ "status": "dead", "replayed": false }),
    )
    .await;
    site.acme
        .post(&format!("/v1/jobs/{id}/pause"), &json!({}))
        .await
        .expect(200);
    // A page that is under way when it is paused is recorded within its lease.
    let redis = site.redis.take().unwrap();
    let keys: Vec<String> = {
        let found = redis.command(&["KEYS", &format!("*{id}")]).unwrap();
        redis::from_redis_value(found).unwrap()
    };
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let before = redis.text(&["GET", key]).unwrap();
    site.acme
        .post(&format!("/v1/jobs/{id}/resume"), &json!({}))
        .await
        .expect(200);
    let at: Value = serde_json::from_str(&before).unwrap();
    let at = at["counts"]["changed"].as_u64().unwrap();
    eventually("pages are recorded", async || {
        let job = site.acme.get(&format!("/v1/jobs/{id}")).await.expect(200);
        (job["changed"].as_u64().unwrap() > at).then_some(())
    })
    .await;
    site.gateway.kill();
    let made: Value = serde_json::from_str(&redis.text(&["GET", key]).unwrap()).unwrap();
    assert_eq!(made["state"], "running", "{made:#}");
    redis.command(&["SET", key, &before, "KEEPTTL"]).unwrap();
    let site = site.restart();
    site.acme
        .post(&format!("/v1/jobs/{id}/resume"), &json!({}))
        .await
        .expect(200);
    let job = job_is(&site.acme, &id, "done").await;
    assert_eq!(counts(&job), [LETTERS as u64, LETTERS as u64, 0], "{job:#}");
    let times = per_event(&site.acme, "types=*").await;
    assert!(
        times.len() == LETTERS && times.values().all(|times| *times == 2),
        "{times:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_job_goes_on_at_another_gateway() {
    const LETTERS: usize = 12;
    let redis = RedisServer::start(Fsync::EverySec).unwrap();
    let setup = Setup::redis(&redis.url()).with("retry.attempts = 1\nbulk.rate = 3");
    let mut one = setup.start();
    let two = beside(&one, &setup);
    let client = one.tenant("acme").await;
    let other = client.towards(two.base());
    let receiver = Receiver::start(vec![Reply::Status(500); LETTERS]).await;
    client.subscribe(&receiver.url()).await;
    dead(&client, "invoice.paid", LETTERS).await;
    let id = start(&client, "retry", json!({ "status": "dead" })).await;
    receiver.wait_for(LETTERS + 2).await;
    one.kill();
    let job = job_is(&other, &id, "done").await;
    assert_eq!(counts(&job), [LETTERS as u64, LETTERS as u64, 0], "{job:#}");
    let times = per_event(&other, "types=*").await;
    assert!(times.values().all(|times| *times == 2), "{times:?}");
}
