//! Endpoints that could harm the gateway or other tenants: loops back to the gateway, and floods.

use std::net::SocketAddr;

use hookgate_tests::{Client, Receiver, Relay, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    events_that_come_back_end,
    a_delivery_makes_no_deliveries,
    deliveries_of_one_event_are_bounded,
);

/// Each delivery causes the next event: without a bound, the loop would never end.
async fn events_that_come_back_end(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let tenant = json!({ "id": "looping", "profile": "github" });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    let looping = site.acme.with_key(made["key"].as_str().unwrap());
    let relay = relay_to(&site).await;
    for _ in 0..2 {
        back_to(&looping, &relay, "/v1/events").await;
    }
    let mut event = json!({ "type": "a.b", "data": {} });
    for _ in 0..8 {
        event = json!({ "type": "a.b", "data": event });
    }
    looping.post("/v1/events", &event).await.expect(202);
    // One delivery, two of it, and four of those; further events are refused.
    let deliveries = eventually("everything has ended", async || {
        let deliveries = looping.get("/v1/deliveries?limit=500").await.expect(200)["data"].clone();
        let deliveries = deliveries.as_array()?.clone();
        let ended = deliveries.iter().all(|one| one["status"] != "pending");
        (ended && deliveries.len() >= 14).then_some(deliveries)
    })
    .await;
    assert_eq!(deliveries.len(), 14, "{deliveries:#?}");
    let events = looping.get("/v1/events?limit=500").await.expect(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 7);
    let dead: Vec<_> = deliveries.iter().filter(|one| one["status"] == "dead").collect();
    assert_eq!(dead.len(), 8);
    let path = format!("/v1/deliveries/{}", dead[0]["id"].as_str().unwrap());
    let refused = &looping.get(&path).await.expect(200)["attempts"][0];
    assert_eq!(refused["response_status"], 508, "{refused:#}");
    let carried: Vec<_> = relay
        .messages()
        .iter()
        .map(|m| m.header("webhook-hops").to_owned())
        .collect();
    for hops in ["1", "2", "3"] {
        assert!(carried.iter().any(|own| own == hops), "{carried:?}");
    }
    assert!(
        relay
            .messages()
            .iter()
            .all(|m| m.header("cdn-loop").starts_with("webhook-hops; hops="))
    );
}

/// A subscription whose endpoint is the retry route of its own delivery.
async fn a_delivery_makes_no_deliveries(on: On) {
    let site = Site::with(on, "retry.attempts = 1").await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let event = site.acme.publish("a.b", json!({})).await;
    let first = ended(&site.acme, &event, 1).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let relay = relay_to(&site).await;
    for (number, path) in [
        format!("/v1/deliveries/{first}/retry"),
        format!("/v1/events/{event}/replay"),
        format!("/v1/subscriptions/{subscription}/test"),
        format!("/v1/subscriptions/{subscription}/recover"),
    ]
    .iter()
    .enumerate()
    {
        let change = json!({ "url": relay.url(path), "headers": authorization(&site.acme) });
        let own = format!("/v1/subscriptions/{subscription}");
        site.acme.patch(&own, &change).await.expect(200);
        let retry = format!("/v1/deliveries/{first}/retry");
        site.acme.post(&retry, &json!({})).await.expect(202);
        let deliveries = ended(&site.acme, &event, number + 2).await;
        assert_eq!(
            deliveries.len(),
            number + 2,
            "{path} made a delivery: {deliveries:#?}"
        );
        let dead = deliveries.iter().filter(|one| one["status"] == "dead").count();
        assert_eq!(dead, number + 1, "{path}: {deliveries:#?}");
    }
}

async fn deliveries_of_one_event_are_bounded(on: On) {
    let site = Site::with(on, "api.max_deliveries_per_event = 3").await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let event = site.acme.publish("a.b", json!({})).await;
    let first = ended(&site.acme, &event, 1).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let retry = format!("/v1/deliveries/{first}/retry");
    let replay = format!("/v1/events/{event}/replay");
    site.acme.post(&retry, &json!({})).await.expect(202);
    site.acme.post(&replay, &json!({})).await.expect(202);
    for path in [&retry, &replay] {
        let refused = site.acme.post(path, &json!({})).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "limit_reached"),
            "{:#}",
            refused.body
        );
        let told = refused.body["detail"].as_str().unwrap();
        assert!(
            told.contains("api.max_deliveries_per_event") && told.contains('3'),
            "{told}"
        );
    }
    let recover = json!({ "since": "2020-01-01T00:00:00Z", "only": "all" });
    let path = format!("/v1/subscriptions/{subscription}/recover");
    ended(&site.acme, &event, 3).await;
    assert_eq!(site.acme.post(&path, &recover).await.expect(202)["deliveries"], 0);
    // Another event is unaffected.
    let other = site.acme.publish("a.b", json!({})).await;
    ended(&site.acme, &other, 1).await;
    site.acme
        .post(&format!("/v1/events/{other}/replay"), &json!({}))
        .await
        .expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_what_came_back_thrice() {
    let site = Site::start(On::Embedded).await;
    let ask = async |method: Method, path: &str, name: &'static str, value: &str| {
        let request = site.acme.request(method, path).header(name, value);
        site.acme
            .send(request.json(&json!({ "type": "a.b", "data": {} })))
            .await
    };
    for (method, path) in [
        (Method::GET, "/healthz"),
        (Method::GET, "/v1/events"),
        (Method::POST, "/v1/events"),
        (Method::POST, "/v1/subscriptions"),
        (Method::GET, "/nowhere"),
    ] {
        for (name, value) in [
            ("hookgate-hops", "3"),
            ("webhook-hops", "400"),
            ("cdn-loop", "other, webhook-hops; hops=3"),
            ("cdn-loop", "hookgate, hookgate, hookgate"),
        ] {
            let refused = ask(method.clone(), path, name, value).await;
            let told = (refused.status, refused.code(), refused.body["retry"].as_str());
            assert_eq!(told, (508, "loop_detected", Some("no")), "{path} {name}: {value}");
        }
        let refused = ask(method, path, "hookgate-hops", "many").await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_parameter"),
            "{path}"
        );
    }
    ask(Method::POST, "/v1/events", "webhook-hops", "2")
        .await
        .expect(202);
    ask(Method::POST, "/v1/events", "cdn-loop", "other; hops=9")
        .await
        .expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_no_endpoint() {
    let public = "server.public_url = \"https://hooks.example.com/gate\"";
    let site = Site::with(On::Embedded, public).await;
    site.acme
        .post("/v1/signing-secret/rotate", &json!({}))
        .await
        .expect(200);
    let receiver = Receiver::start(vec![]).await;
    let (subscription, _) = site.acme.subscribe(&receiver.url()).await;
    let port = site.gateway.base().rsplit(':').next().unwrap();
    for url in [
        format!("{}/v1/events", site.gateway.base()),
        format!("http://localhost:{port}/v1/events"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "https://hooks.example.com/gate/v1/events".to_owned(),
    ] {
        let new = json!({ "url": url, "events": ["*"] });
        let event = json!({ "type": "a.b", "data": {}, "deliver_to": url });
        let path = format!("/v1/subscriptions/{subscription}");
        for refused in [
            site.acme.post("/v1/subscriptions", &new).await,
            site.acme.patch(&path, &json!({ "url": url })).await,
            site.acme.post("/v1/events", &event).await,
        ] {
            assert_eq!(refused.status, 422, "{url}: {:#}", refused.body);
            let told = refused.body["errors"][0]["detail"].as_str().unwrap();
            assert!(told.contains("this service itself"), "{url}: {told}");
        }
    }
}

/// Endless heads and chunks: the attempt ends at once, and other deliveries do not wait for it.
/// Without the bounds, each would last for its timeout.
#[tokio::test(flavor = "multi_thread")]
async fn floods_end_their_attempt() {
    let site = Site::with(On::Embedded, "retry.attempts = 1\ndelivery.timeout = \"30s\"").await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (begin, again, expected) in [
        ("", "HTTP/1.1 100 Continue\r\n\r\n", "unreachable"),
        ("", "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n", "unreachable"),
        ("HTTP/1.1 200 OK\r\n", "x-more: 1\r\n", "unreachable"),
        (chunked, "1\r\nx\r\n", "delivered"),
    ] {
        let address = flood(begin, again).await;
        let (subscription, _) = site.acme.subscribe(&format!("http://{address}/")).await;
        let event = site.acme.publish("a.b", json!({})).await;
        let deliveries = ended(&site.acme, &event, 1).await;
        assert_eq!(
            deliveries[0]["last_outcome"], expected,
            "{again:?}: {deliveries:#?}"
        );
        site.acme
            .delete(&format!("/v1/subscriptions/{subscription}"))
            .await
            .expect(204);
    }
    let metrics = site.gateway.operator().get("/metrics").await.expect(200);
    let metrics = metrics.as_str().unwrap();
    for line in [
        r#"hookgate_egress_errors_total{stage="head",error="too_large"} 3"#,
        r#"hookgate_egress_errors_total{stage="body",error="too_large"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

/// Starts an endpoint that answers with these bytes, and then with others repeatedly.
async fn flood(begin: &'static str, again: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(begin.as_bytes()).await;
                let many = again.repeat(100);
                while stream.write_all(many.as_bytes()).await.is_ok() {}
            });
        }
    });
    address
}

/// Starts a relay: a route to the gateway through another address.
async fn relay_to(site: &Site) -> Relay {
    let relay = Relay::start(None).await;
    relay.lead_to(site.gateway.base().trim_start_matches("http://").parse().unwrap());
    relay
}

/// Creates a subscription that leads back to the gateway.
async fn back_to(tenant: &Client, relay: &Relay, path: &str) {
    let new = json!({ "url": relay.url(path), "events": ["*"], "headers": authorization(tenant) });
    tenant.post("/v1/subscriptions", &new).await.expect(201);
}

fn authorization(client: &Client) -> Value {
    json!({ "authorization": format!("Bearer {}", client.key()) })
}

/// The event's deliveries, once their number is `count` and all have ended.
async fn ended(client: &Client, event: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} deliveries have ended"), async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array()?.clone();
        let ended = deliveries.iter().all(|one| one["status"] != "pending");
        (ended && deliveries.len() >= count).then_some(deliveries)
    })
    .await
}
