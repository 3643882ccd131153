//! Answers of endpoints: the part of an answer that decides the outcome of an attempt, however it
//! is sent.

use std::net::SocketAddr;

use hookgate_tests::{Client, Receiver, Reply, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    answer_counts_whatever_becomes_of_its_body,
    kept_answers_are_not_shown_once_a_class_changed,
);

async fn answer_counts_whatever_becomes_of_its_body(on: On) {
    let site = Site::with(on, "retry.attempts = 3").await;
    let open = endpoint(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        true,
    )
    .await;
    let short = endpoint("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nok", false).await;
    let gone = endpoint("HTTP/1.1 410 Gone\r\ncontent-length: 500\r\n\r\nno", false).await;
    let busy = "HTTP/1.1 429 Slow\r\nretry-after: 3600\r\ncontent-length: 500\r\n\r\nno";
    let busy = endpoint(busy, false).await;
    let mut subscriptions = Vec::new();
    for address in [open, short, gone, busy] {
        subscriptions.push(site.acme.subscribe(&format!("http://{address}/")).await.0);
    }
    let event = site.acme.publish("a.b", json!({})).await;
    for (subscription, status, attempted) in [
        (&subscriptions[0], "delivered", "delivered"),
        (&subscriptions[1], "delivered", "delivered"),
        (&subscriptions[2], "dead", "http_error"),
        (&subscriptions[3], "pending", "http_error"),
    ] {
        let delivery = attempted_once(&site.acme, &event, subscription).await;
        assert_eq!(
            (
                &delivery["status"],
                &delivery["last_outcome"],
                &delivery["attempts"]
            ),
            (&json!(status), &json!(attempted), &json!(1)),
            "{delivery:#}"
        );
    }
    eventually("the subscription is disabled", async || {
        let path = format!("/v1/subscriptions/{}", subscriptions[2]);
        let subscription = site.acme.get(&path).await.expect(200);
        (subscription["status"] == "disabled").then_some(())
    })
    .await;
}

async fn kept_answers_are_not_shown_once_a_class_changed(on: On) {
    let site = Site::start(on).await;
    let echo = endpoint(
        "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\nhello planted-nick",
        false,
    )
    .await;
    let (subscription, _) = site.acme.subscribe(&format!("http://{echo}/")).await;
    let event = site
        .acme
        .publish("a.b", json!({ "id": 1, "nick": "planted-nick" }))
        .await;
    let delivery = attempted_once(&site.acme, &event, &subscription).await;
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let before = site.acme.get(&path).await.expect(200);
    assert_eq!(
        before["attempts"][0]["response_body"], "hello planted-nick",
        "{before:#}"
    );
    let class = json!({ "schema": { "properties": { "nick": { "x-classification": "confidential" } } } });
    site.acme.put("/v1/event-types/a.b", &class).await.expect(200);
    eventually("the answer is shown no more", async || {
        let after = site.acme.get(&path).await.expect(200);
        (!after.to_string().contains("planted")).then_some(())
    })
    .await;
    let after = site.acme.get(&path).await.expect(200);
    assert_eq!(
        after["attempts"][0]["response_status"], 200,
        "the rest is: {after:#}"
    );
}

/// A profile that removes personal data stores no answers unless the operator enables it.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_kept_by_profile_and_configuration() {
    for (toml, profile, kept) in [
        ("", "standard", true),
        ("", "synthesq", false),
        ("delivery.keep_response = true", "synthesq", true),
        ("delivery.keep_response = false", "standard", false),
    ] {
        let site = Site::with(On::Embedded, toml).await;
        let tenant = json!({ "id": "other", "profile": profile });
        let made = site
            .gateway
            .operator()
            .post("/v1/tenants", &tenant)
            .await
            .expect(201);
        let other = site.acme.with_key(made["key"].as_str().unwrap());
        let address = endpoint("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false).await;
        let new = json!({ "url": format!("http://{address}/"), "events": ["*"] });
        let made = other.post("/v1/subscriptions", &new).await.expect(201);
        let event = other.publish("customer.created", json!({ "id": 1 })).await;
        let delivery = attempted_once(&other, &event, made["id"].as_str().unwrap()).await;
        let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
        let detail = other.get(&path).await.expect(200);
        let expected = if kept { json!("hello") } else { Value::Null };
        assert_eq!(
            detail["attempts"][0]["response_body"], expected,
            "{toml} {profile}"
        );
    }
}

/// Unreachable URLs are refused at registration, with a hint at a valid one.
#[tokio::test(flavor = "multi_thread")]
async fn urls_that_lead_nowhere_are_refused() {
    let site = Site::start(On::Embedded).await;
    for (url, word) in [
        ("example.com/hook", "begins with https:// or http://"),
        ("localhost:8080/hook", "begins with https:// or http://"),
        ("/hook", "begins with https:// or http://"),
        ("ftp://example.com/", "begins with https:// or http://"),
        ("http://localhost:0/", "port 0"),
        ("https://example..com/", "empty part"),
        ("https://user:password@example.com/", "user name"),
        ("https://example.com/#part", "fragment"),
        ("https://", "host"),
        ("http://[::g]/", "not a URL"),
    ] {
        let new = json!({ "url": url, "events": ["*"] });
        let refused = site.acme.post("/v1/subscriptions", &new).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{url}");
        let error = &refused.body["errors"][0];
        assert_eq!(error["pointer"], "/url", "{url}");
        assert!(error["detail"].as_str().unwrap().contains(word), "{url}: {error}");
    }
    let event = json!({ "type": "a.b", "data": {}, "deliver_to": "example.com/hook" });
    let refused = site.acme.post("/v1/events", &event).await;
    assert!(
        refused.body["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("https://"),
        "{:#}",
        refused.body
    );
}

/// An endpoint that announces keep-alive and closes the connection costs no attempt.
#[tokio::test(flavor = "multi_thread")]
async fn closed_kept_connections_cost_no_attempt() {
    let site = Site::start(On::Embedded).await;
    let address = endpoint("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false).await;
    let (subscription, _) = site.acme.subscribe(&format!("http://{address}/")).await;
    for n in 0..100 {
        site.acme.publish("a.b", json!({ "n": n })).await;
    }
    let path = format!("/v1/subscriptions/{subscription}/deliveries?limit=500");
    let deliveries = eventually("all have ended", async || {
        let deliveries = site.acme.get(&path).await.expect(200)["data"].as_array()?.clone();
        deliveries
            .iter()
            .all(|one| one["status"] == "delivered")
            .then_some(deliveries)
    })
    .await;
    assert_eq!(deliveries.len(), 100);
    assert!(
        deliveries.iter().all(|one| one["attempts"] == 1),
        "{deliveries:#?}"
    );
}

/// Tenants cannot set headers that proxies or signatures use; the gateway's own are on the wire.
#[tokio::test(flavor = "multi_thread")]
async fn headers_of_proxies_and_signatures_are_refused() {
    let site = Site::start(On::Embedded).await;
    let receiver = Receiver::start(vec![Reply::Status(200)]).await;
    for name in [
        "X-Forwarded",
        "hookgate-test",
        "webhook-test",
        "Hookgate-Hops",
        "Stripe-Signature",
        "X-Hub-Signature-256",
    ] {
        let new = json!({ "url": receiver.url(), "events": ["*"], "headers": { name: "x" } });
        let refused = site.acme.post("/v1/subscriptions", &new).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{name}");
        assert_eq!(refused.body["errors"][0]["pointer"], format!("/headers/{name}"));
    }
    site.acme.subscribe(&receiver.url()).await;
    site.acme.publish("a.b", json!({})).await;
    let received = &receiver.wait_for(1).await[0];
    let carried = (received.header("webhook-hops"), received.header("cdn-loop"));
    assert_eq!(carried, ("1", "webhook-hops; hops=1"));
}

/// Starts an endpoint that answers the first request of each connection with these bytes.
///
/// It then closes the connection, or leaves it open.
async fn endpoint(answer: &'static str, open: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !is_whole(&request) {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let _ = stream.write_all(answer.as_bytes()).await;
                if open {
                    let _ = stream.read(&mut [0]).await;
                }
            });
        }
    });
    address
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The event's delivery to a subscription, once it was attempted.
async fn attempted_once(client: &Client, event: &str, subscription: &str) -> Value {
    eventually("the delivery was attempted", async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array()?.clone();
        let own = deliveries
            .into_iter()
            .find(|one| one["subscription"] == *subscription)?;
        own["last_outcome"].is_string().then_some(own)
    })
    .await
}
