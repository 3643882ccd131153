//! Limits, and the answer at each limit.

use hookgate_tests::{BOUND, Gateway, Receiver, Setup};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{On, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let site = Site::with(On::Embedded, "ingest.max_body = \"16KiB\"").await;
    let mut stream = TcpStream::connect(site.gateway.base().trim_start_matches("http://"))
        .await
        .unwrap();
    // Announces ten gigabytes and sends none.
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nhookgate-tenant: acme\r\n\
         content-type: application/json\r\ncontent-length: 10000000000\r\n\r\n",
        hookgate_tests::gateway::OPERATOR_KEY
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = tokio::time::timeout(BOUND, stream.read(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let big = json!({ "type": "a.b", "data": { "text": "x".repeat(20_000) } });
    let refused = site.acme.post("/v1/events", &big).await;
    assert_eq!(
        (refused.status, refused.code()),
        (413, "body_too_large"),
        "{:#}",
        refused.body
    );
    // A client that is still sending receives the reply too.
    let bytes = vec![0; 6 << 20];
    let refused = site.acme.post_raw("/v1/plugins", "application/wasm", bytes).await;
    assert_eq!((refused.status, refused.code()), (413, "body_too_large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_cut_off() {
    let address = |gateway: &Gateway| gateway.base().trim_start_matches("http://").to_owned();
    // A head without an end.
    let gateway = Setup::embedded()
        .with("server.header_timeout = \"300ms\"")
        .start();
    let mut stream = TcpStream::connect(address(&gateway)).await.unwrap();
    stream
        .write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(BOUND, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .ok();
    // A body that never arrives.
    let site = Site::with(On::Embedded, "server.body_timeout = \"2s\"").await;
    let mut stream = TcpStream::connect(address(&site.gateway)).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nhookgate-tenant: acme\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        hookgate_tests::gateway::OPERATOR_KEY
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(BOUND, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .ok();
    assert!(
        String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_refused_when_the_subscription_is_made() {
    let site = Site::with(On::Embedded, "").await;
    let metadata = json!({ "url": "http://169.254.169.254/latest", "events": ["*"] });
    let refused = site.acme.post("/v1/subscriptions", &metadata).await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "address_refused"),
        "{:#}",
        refused.body
    );
    assert!(
        refused.body.to_string().contains("egress.allow"),
        "it says how to allow it: {:#}",
        refused.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_longer_allowed_is_refused_at_the_attempt() {
    let site = Site::with(On::Embedded, "retry.attempts = 1").await;
    let receiver = Receiver::start(vec![]).await;
    site.acme.subscribe(&receiver.url()).await;
    let file = site.gateway.dir().join("hookgate.toml");
    let config = std::fs::read_to_string(&file)
        .unwrap()
        .replace("127.0.0.0/8", "127.0.0.2/32");
    std::fs::write(&file, config).unwrap();
    let site = site.restart();
    let id = site.acme.publish("a.b", json!({})).await;
    let outcome = hookgate_tests::eventually("the delivery is dead", async || {
        let event = site.acme.get(&format!("/v1/events/{id}")).await.expect(200);
        let delivery = &event["deliveries"][0];
        (delivery["status"] == "dead").then(|| delivery["last_outcome"].clone())
    })
    .await;
    assert_eq!(outcome, "blocked");
    assert!(receiver.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_events_is_refused() {
    let short = "retention.events = \"1h\"\nretry.attempts = 2";
    let site = Site::with(On::Embedded, short).await;
    let daily = json!({ "id": "daily", "profile": "synaptis" });
    let refused = site.gateway.operator().post("/v1/tenants", &daily).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_field"));
    assert_eq!(
        refused.body["errors"][0]["pointer"], "/profile",
        "{:#}",
        refused.body
    );
    let slow = json!({ "url": "http://127.0.0.1:9/", "events": ["*"], "retry": { "schedule": ["2h"] } });
    let refused = site.acme.post("/v1/subscriptions", &slow).await;
    assert_eq!(
        refused.body["errors"][0]["pointer"], "/retry",
        "{:#}",
        refused.body
    );
}
