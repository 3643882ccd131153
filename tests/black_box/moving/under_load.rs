//! Migration of many subscriptions from one gateway to another while a producer publishes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hookgate_tests::{Client, Receiver, eventually};
use serde_json::{Value, json};

use super::by_command::{run, succeeded};
use super::{another, document, id, import, key_row, secret, subscription_row, tenant_row};
use crate::site::On;

const TENANTS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_move_under_load_on_the_embedded_store() {
    move_under_load(On::Embedded, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_move_under_load_on_redis() {
    move_under_load(On::Redis, 1_000).await;
}

/// Publishes to the current gateway until it is stopped.
struct Producer {
    gateways: Vec<String>,
    current: AtomicUsize,
    stopped: AtomicBool,
    client: Client,
    subscriptions: usize,
}

/// An accepted event: its id, and the number of its only subscription.
type Accepted = (String, usize);

impl Producer {
    async fn run(self: Arc<Self>, worker: usize) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        while !self.stopped.load(Ordering::Relaxed) {
            // A stride that reaches every tenant and, in the end, many subscriptions.
            let number = (worker + accepted.len() * 37) % self.subscriptions;
            let gateway = &self.gateways[self.current.load(Ordering::Relaxed)];
            let client = self
                .client
                .with_key(&producer_key(number % TENANTS))
                .towards(gateway);
            let sent = client
                .publish(&format!("moved.n{number}"), json!({ "number": number }))
                .await;
            accepted.push((sent, number));
        }
        accepted
    }
}

fn producer_key(tenant: usize) -> String {
    format!("producer-key-of-{tenant}-0123456789")
}

fn tenant(number: usize) -> String {
    format!("tenant-{}", number % TENANTS)
}

fn rows(subscriptions: usize, url: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    for of in 0..TENANTS {
        rows.push(tenant_row(&tenant(of)));
        let own = (of..subscriptions).step_by(TENANTS);
        rows.extend(own.map(|n| subscription_row(&tenant(n), n, &format!("{url}/{n}"))));
        rows.push(key_row(&tenant(of), &producer_key(of), &["publish", "read"]));
    }
    rows
}

async fn move_under_load(on: On, subscriptions: usize) {
    let receiver = Receiver::start(vec![]).await;
    let (old, _old_redis) = another(on);
    let (new, _new_redis) = another(on);
    let operator = old.operator();
    let seed = document(&rows(subscriptions, &receiver.url()));
    let seeded = import(&operator, "/v1/import/all", seed).await.expect(200);
    assert_eq!(
        seeded["created"],
        json!(subscriptions + 2 * TENANTS),
        "{seeded:#}"
    );

    let producer = Arc::new(Producer {
        gateways: vec![old.base().to_owned(), new.base().to_owned()],
        current: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        client: operator.clone(),
        subscriptions,
    });
    let workers: Vec<_> = (0..4).map(|n| tokio::spawn(producer.clone().run(n))).collect();
    receiver.wait_for(50).await;

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("moving.ndjson");
    let file = file.to_str().unwrap();
    succeeded(&run(&old, &["export", "--output", file]).await);
    let said = succeeded(&run(&new, &["import", file, "--json"]).await);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["created"], json!(subscriptions + 2 * TENANTS));
    // A second pass transfers the changes made meanwhile.
    let acting = operator.acting_for(&tenant(7));
    let described = json!({ "description": "changed meanwhile" });
    acting
        .patch(&format!("/v1/subscriptions/{}", id(7)), &described)
        .await
        .expect(200);
    succeeded(&run(&old, &["export", "--output", file]).await);
    let said = succeeded(&run(&new, &["import", file, "--json"]).await);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json!([said["created"], said["changed"]]), json!([0, 1]));

    let before = receiver.count();
    producer.current.store(1, Ordering::Relaxed);
    receiver.wait_for(before + 50).await;
    producer.stopped.store(true, Ordering::Relaxed);
    let mut accepted = Vec::new();
    for worker in workers {
        accepted.extend(worker.await.unwrap());
    }
    assert!(accepted.len() > 100, "{}", accepted.len());

    // Every accepted event arrives at its endpoint, with its subscription's own secret and its own
    // body.
    let received = eventually("every accepted event", async || {
        let received = receiver.received();
        let seen: HashMap<_, _> = received.iter().map(|r| (r.id().to_owned(), r.clone())).collect();
        accepted
            .iter()
            .all(|(id, _)| seen.contains_key(id))
            .then_some(seen)
    })
    .await;
    for (sent, number) in &accepted {
        let delivery = &received[sent];
        assert_eq!(delivery.path, format!("/hook/{number}"));
        assert!(delivery.verifies(&secret(*number)), "{sent}");
        assert_eq!(delivery.json()["data"], json!({ "number": number }));
    }
    same_from_both(&producer, &receiver).await;
}

/// Both gateways deliver the same event with the same bytes and signatures of the same secret.
async fn same_from_both(producer: &Producer, receiver: &Receiver) {
    for number in [0, 7] {
        let event = json!({ "id": format!("twice-{number}"), "type": format!("moved.n{number}"),
            "created": "2025-06-01T10:00:00Z", "data": { "n": number, "price": 10.50 } });
        for gateway in &producer.gateways {
            let client = producer
                .client
                .with_key(&producer_key(number % TENANTS))
                .towards(gateway);
            client.post("/v1/events", &event).await.expect(202);
            let listed = client.get("/v1/subscriptions?limit=1").await.expect(200);
            assert_eq!(listed["data"][0]["created"], json!("2025-03-01T10:00:00Z"));
        }
        let both = eventually("the event from both gateways", async || {
            let all = receiver.received().into_iter();
            let both: Vec<_> = all.filter(|r| r.id() == event["id"].as_str().unwrap()).collect();
            (both.len() == 2).then_some(both)
        })
        .await;
        assert_eq!(both[0].body, both[1].body);
        assert!(both.iter().all(|delivery| delivery.verifies(&secret(number))));
        assert_eq!(both[0].path, format!("/hook/{number}"));
    }
}
