//! No event that was answered 202 is lost when any process is killed.
//!
//! The oracle: the producer records each id that was answered 202; the receiver records each
//! request. At the end, every accepted event has arrived, and no other event has arrived.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hookgate_tests::{Client, Receiver, eventually};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    a_killed_gateway_loses_nothing,
    a_stopped_gateway_finishes_what_it_has
);

const POSTS: usize = 10_000;

async fn a_killed_gateway_loses_nothing(on: On) {
    // On Redis, the deliveries of the dead gateway are claimed by another when their leases end.
    let lease = "delivery.timeout = \"10s\"\ndelivery.max_timeout = \"10s\"\nscheduler.lease = \"13s\"";
    let mut site = Site::with(on, lease).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let producer = Producer::start(&site.acme, POSTS);
    eventually("half of the posts are answered", async || {
        (producer.count().await > POSTS / 2).then_some(())
    })
    .await;
    site.gateway.kill();
    let accepted = producer.finish().await;
    assert!(
        accepted.len() < POSTS,
        "the gateway was killed in the middle of the posts"
    );

    let site = site.restart();
    let came = all_came(&accepted, &receiver).await;
    let feed = feed_ids(&site.acme).await;
    assert!(
        accepted.is_subset(&feed),
        "the feed misses {:?}",
        accepted.difference(&feed).take(3).collect::<Vec<_>>()
    );
    assert!(came.is_subset(&feed), "something came that is not in the feed");
}

async fn a_stopped_gateway_finishes_what_it_has(on: On) {
    let mut site = Site::start(on).await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let producer = Producer::start(&site.acme, 2_000);
    eventually("some posts are answered", async || {
        (producer.count().await > 500).then_some(())
    })
    .await;
    let status = site.gateway.stop();
    assert!(status.success(), "{status}: {}", site.gateway.log().join("\n"));
    let accepted = producer.finish().await;
    let site = site.restart();
    let came = all_came(&accepted, &receiver).await;
    assert_eq!(
        receiver.received().len(),
        came.len(),
        "an orderly end sends nothing twice"
    );
    drop(site);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_loses_nothing_and_is_found_again() {
    // The time until a producer is answered is part of the test; a slow Redis is retried.
    let mut site = Site::with(On::Redis, "store.redis.accept_timeout = \"250ms\"").await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let producer = Producer::start(&site.acme, 3_000);
    eventually("some posts are answered", async || {
        (producer.count().await > 500).then_some(())
    })
    .await;
    let redis = site.redis.as_mut().unwrap();
    redis.kill().unwrap();
    let away = site
        .acme
        .post("/v1/events", &json!({ "type": "a.b", "data": {} }))
        .await;
    assert_eq!(
        (away.status, away.code()),
        (503, "store_unavailable"),
        "{:#}",
        away.body
    );
    assert!(!away.header("retry-after").is_empty());
    let mut accepted = producer.finish().await;

    redis.restart().unwrap();
    let id = eventually("the gateway takes events again, by itself", async || {
        let answer = site
            .acme
            .post("/v1/events", &json!({ "type": "a.b", "data": {} }))
            .await;
        (answer.status == 202).then(|| answer.body["id"].as_str().unwrap().to_owned())
    })
    .await;
    accepted.insert(id);
    all_came(&accepted, &receiver).await;
}

/// Posts events over several connections and records the ids answered 202. A connection retries
/// where the answer asks for it, until it is told to finish; it ends at the first other error.
struct Producer {
    accepted: Arc<Mutex<HashSet<String>>>,
    finishing: Arc<AtomicBool>,
    connections: JoinSet<()>,
}

impl Producer {
    fn start(client: &Client, posts: usize) -> Self {
        let (accepted, next) = (
            Arc::new(Mutex::new(HashSet::new())),
            Arc::new(AtomicUsize::new(0)),
        );
        let finishing = Arc::new(AtomicBool::new(false));
        let mut connections = JoinSet::new();
        for _ in 0..16 {
            let (client, accepted, next) = (client.clone(), accepted.clone(), next.clone());
            let finishing = finishing.clone();
            connections.spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < posts {
                    let event = json!({ "type": "order.created", "data": { "note": "n" } });
                    let request = client.request(reqwest::Method::POST, "/v1/events").json(&event);
                    let Ok(answer) = client.try_send(request).await else {
                        return;
                    };
                    if let (Some(wait), false) = (answer.come_again(), finishing.load(Ordering::Relaxed)) {
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                    if answer.status != 202 {
                        return;
                    }
                    accepted
                        .lock()
                        .await
                        .insert(answer.body["id"].as_str().unwrap().to_owned());
                }
            });
        }
        Self {
            accepted,
            finishing,
            connections,
        }
    }

    async fn count(&self) -> usize {
        self.accepted.lock().await.len()
    }

    async fn accepted(&self) -> HashSet<String> {
        self.accepted.lock().await.clone()
    }

    async fn finish(mut self) -> HashSet<String> {
        self.finishing.store(true, Ordering::Relaxed);
        while self.connections.join_next().await.is_some() {}
        self.accepted().await
    }
}

/// Waits until each accepted event has arrived and returns the ids that arrived.
async fn all_came(accepted: &HashSet<String>, receiver: &Receiver) -> HashSet<String> {
    eventually("every accepted event has come", async || {
        if receiver.count() < accepted.len() {
            return None;
        }
        let came: HashSet<String> = receiver.received().iter().map(|r| r.id().to_owned()).collect();
        accepted.is_subset(&came).then_some(came)
    })
    .await
}

/// All ids in the feed.
async fn feed_ids(client: &Client) -> HashSet<String> {
    let mut ids = HashSet::new();
    let mut path = "/v1/events?limit=100".to_owned();
    loop {
        let page = client.get(&path).await.expect(200);
        let events = page["data"].as_array().unwrap();
        ids.extend(
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) if !events.is_empty() => path = format!("/v1/events?limit=100&cursor={cursor}"),
            _ => return ids,
        }
    }
}
