//! A delivery that crashes the gateway's process is given up, and no other delivery is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use hookgate_tests::{Client, Received, Receiver, Reply, eventually};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    delivery_that_crashes_the_gateway_is_dead_and_no_other,
    delivery_in_flight_at_a_kill_survives_more_kills,
);

/// No test here waits for leases: the next process knows which attempts the dead one made.
const SETUP: &str = "scheduler.lease = \"10s\"\ndelivery.max_timeout = \"5s\"\ndelivery.timeout = \"5s\"";

async fn delivery_that_crashes_the_gateway_is_dead_and_no_other(on: On) {
    let mut site = Site::with(on, SETUP).await;
    let globex = site.gateway.tenant("globex").await;
    let killer = Killer::start().await;
    let (quick, slow) = (Receiver::start(vec![]).await, Receiver::start(vec![]).await);
    slow.answer(vec![Reply::After(Duration::from_secs(2)); 3]);
    subscribe(&site.acme, &killer.url(), "poison.*").await;
    subscribe(&globex, &quick.url(), "order.*").await;
    subscribe(&globex, &slow.url(), "slow.*").await;

    // Under way when the process ends for the first time.
    for n in 0..3 {
        post(&globex, &format!("slow-{n}"), "slow.order").await;
    }
    slow.wait_for(3).await;
    killer.aim_at(site.gateway.pid());
    for crash in 1..=CRASHES {
        if crash == 1 {
            // The answer may never arrive.
            let event = json!({ "id": "poison", "type": "poison.sent", "data": {} });
            let request = site.acme.request(Method::POST, "/v1/events").json(&event);
            let _ = site.acme.try_send(request).await;
        }
        eventually("the gateway is killed", async || {
            (killer.kills() == crash).then_some(())
        })
        .await;
        site.gateway.kill();
        site = site.restart();
        // Before any interrupted delivery is attempted again.
        killer.aim_at(site.gateway.pid());
        let globex = globex.towards(site.gateway.base());
        for n in 0..5 {
            post(&globex, &format!("order-{crash}-{n}"), "order.created").await;
        }
    }

    let dead = eventually("the delivery is dead", async || {
        let page = site.acme.get("/v1/deliveries?status=dead").await.expect(200);
        page["data"].get(0).cloned()
    })
    .await;
    assert_eq!(dead["event"], "poison");
    assert_eq!(dead["last_outcome"], "crashed");
    assert_eq!(killer.kills(), CRASHES, "it is attempted no more");
    let path = format!("/v1/deliveries/{}", dead["id"].as_str().unwrap());
    let shown = site.acme.get(&path).await.expect(200);
    let reason = shown["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("3 times"), "{reason}");

    let came = quick.wait_for(5 * CRASHES).await;
    let mut ids: Vec<&str> = came.iter().map(Received::id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5 * CRASHES, "each of the others came");
    let globex = globex.towards(site.gateway.base());
    for n in 0..3 {
        delivered(&globex, &format!("slow-{n}")).await;
    }

    let operator = site.gateway.operator().acting_for("operator");
    eventually("it is told as a system event", async || {
        let page = operator.get("/v1/events?limit=100").await.expect(200);
        let told = |event: &Value| {
            event["type"] == "hookgate.delivery.dead" && event["data"]["last"]["outcome"] == "crashed"
        };
        page["data"].as_array().unwrap().iter().any(told).then_some(())
    })
    .await;

    killer.aim_at(0);
    let again = site
        .acme
        .post(&format!("{path}/retry"), &json!({}))
        .await
        .expect(202);
    let path = format!("/v1/deliveries/{}", again["id"].as_str().unwrap());
    eventually("it can be delivered again", async || {
        let shown = site.acme.get(&path).await.expect(200);
        (shown["status"] == "delivered").then_some(())
    })
    .await;
}

/// Kills without relation to the delivery: it is not attempted right after a start, so they do not
/// count against it.
async fn delivery_in_flight_at_a_kill_survives_more_kills(on: On) {
    let mut site = Site::with(on, SETUP).await;
    let receiver = Receiver::start(vec![Reply::After(Duration::from_secs(4))]).await;
    subscribe(&site.acme, &receiver.url(), "order.*").await;
    post(&site.acme, "order-1", "order.created").await;
    receiver.wait_for(1).await;
    for _ in 0..5 {
        site.gateway.kill();
        site = site.restart();
    }
    delivered(&site.acme, "order-1").await;
    assert!(receiver.received().len() >= 2, "it was attempted again");
}

const CRASHES: usize = 3;

async fn subscribe(client: &Client, url: &str, events: &str) {
    let wanted = json!({ "url": url, "events": [events] });
    client.post("/v1/subscriptions", &wanted).await.expect(201);
}

/// Posts until the event is accepted: the process may end at any moment.
async fn post(client: &Client, id: &str, kind: &str) {
    let event = json!({ "id": id, "type": kind, "data": {} });
    eventually("the event is taken", async || {
        let request = client.request(Method::POST, "/v1/events").json(&event);
        let answer = client.try_send(request).await.ok()?;
        (answer.status == 202 || answer.status == 200).then_some(())
    })
    .await;
}

async fn delivered(client: &Client, event: &str) {
    eventually(&format!("{event} is delivered"), async || {
        let shown = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let status = &shown["deliveries"][0]["status"];
        assert_ne!(status, "dead", "{shown:#}");
        (status == "delivered").then_some(())
    })
    .await;
}

/// An endpoint that kills a process at each request, before it answers; without a target it answers
/// 200.
struct Killer {
    address: SocketAddr,
    aim: Arc<AtomicU32>,
    kills: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Killer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (aim, kills) = (Arc::<AtomicU32>::default(), Arc::<AtomicUsize>::default());
        let (at, counted) = (aim.clone(), kills.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(strike(stream, at.clone(), counted.clone()));
            }
        });
        Self {
            address,
            aim,
            kills,
            server,
        }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn aim_at(&self, pid: u32) {
        self.aim.store(pid, Ordering::SeqCst);
    }

    fn kills(&self) -> usize {
        self.kills.load(Ordering::SeqCst)
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn strike(mut stream: TcpStream, aim: Arc<AtomicU32>, kills: Arc<AtomicUsize>) {
    let mut head = [0; 4096];
    if !stream.read(&mut head).await.is_ok_and(|read| read > 0) {
        return;
    }
    // One kill per process.
    let pid = i32::try_from(aim.swap(0, Ordering::SeqCst))
        .ok()
        .and_then(Pid::from_raw);
    match pid {
        Some(pid) => {
            kill_process(pid, Signal::KILL).unwrap();
            kills.fetch_add(1, Ordering::SeqCst);
        }
        None => {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    }
}
