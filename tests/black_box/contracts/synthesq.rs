//! SynthesQ: subscriptions with wildcards over their whole life cycle, push and pull with one
//! schema, rotated secrets.

use hookgate_tests::{Consumer, Language, Received, Receiver, Relay, eventually};
use serde_json::{Value, json};

use super::{Product, assert_tamper_proof, assert_time, compact, names, other_digit, text};
use crate::site::{On, on_both_stores};

on_both_stores!(
    deliveries_are_verified_over_the_raw_body_and_tampered_ones_refused,
    both_secrets_verify_in_a_rotations_grace_time,
    patterns_say_which_events_come,
    a_disabled_subscription_receives_nothing_and_the_feed_has_it,
    the_feed_has_what_is_pushed_page_by_page,
    what_is_confidential_is_in_neither_push_nor_feed,
);

const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";
const FEED: &str = "/api/v1/webhooks/events";
const PRODUCT: &str = r#"{"type":"product.price_changed","created":"2024-01-15T10:30:00Z","data":{"id":7,"sku":"A-1","selling_price":8500.00}}"#;

async fn deliveries_are_verified_over_the_raw_body_and_tampered_ones_refused(on: On) {
    let product = Product::start(on, "synthesq").await;
    let (made, consumer, relay) = subscribed(&product, json!({ "events": ["product.*"] })).await;
    assert_eq!(
        names(&made),
        [
            "id",
            "url",
            "events",
            "description",
            "payload_mode",
            "secret",
            "status",
            "created_at"
        ]
    );
    assert_eq!(made["status"], "active");
    assert!(text(&made, "secret").len() >= 32, "it is generated");
    assert_time(&made["created_at"]);
    let id = product.publish(PRODUCT).await;
    product.assert_delivered(&id, 1).await;
    let sent = relay.wait_for(1).await.remove(0);
    let body = r#"{"event":"product.price_changed","data":{"id":7,"sku":"A-1","selling_price":8500.00},"timestamp":"2024-01-15T10:30:00Z"}"#;
    assert_eq!(sent.text(), body);
    assert_eq!(sent.header("x-webhook-id"), id);
    let signature = sent.header("x-webhook-signature").to_owned();
    let tampered = [
        sent.replaced("8500.00", "8500.01"),
        sent.replaced("8500.00", "8500.0"),
        sent.with_header("x-webhook-signature", &other_digit(&signature)),
        sent.without_header("x-webhook-signature"),
    ];
    assert_tamper_proof(&consumer, &sent, &tampered).await;
    let stranger = Consumer::start(Language::Node, "synthesq.js", "of somebody else");
    assert_eq!(sent.send(stranger.address()).await, 401);
}

async fn both_secrets_verify_in_a_rotations_grace_time(on: On) {
    let product = Product::start(on, "synthesq").await;
    let own = json!({ "events": ["*"], "secret": "a secret of the customer's own" });
    let (made, before, relay) = subscribed(&product, own).await;
    assert_eq!(made["secret"], "a secret of the customer's own");
    let path = format!("{SUBSCRIPTIONS}/{}/rotate-secret", text(&made, "id"));
    let rotated = product.client.post(&path, &json!({})).await.expect(200);
    assert_eq!(names(&rotated), ["id", "secret", "previous_secret_expires_at"]);
    assert_time(&rotated["previous_secret_expires_at"]);
    let after = Consumer::start(Language::Node, "synthesq.js", &text(&rotated, "secret"));
    let id = product.publish(PRODUCT).await;
    product.assert_delivered(&id, 1).await;
    let sent = relay.wait_for(1).await.remove(0);
    before.says("accepted by x-webhook-signature-previous").await;
    assert_eq!(sent.send(after.address()).await, 200);
    after.says("accepted by x-webhook-signature").await;
    assert_eq!(
        sent.without_header("x-webhook-signature")
            .send(after.address())
            .await,
        401
    );

    // A rotation without grace period: the previous secrets sign no more.
    let native = format!("/v1/subscriptions/{}/rotate-secret", text(&made, "id"));
    let last = product
        .client
        .post(&native, &json!({ "grace": "0s" }))
        .await
        .expect(200);
    let last = Consumer::start(Language::Node, "synthesq.js", &text(&last, "secret"));
    relay.lead_to(last.address());
    product.publish(PRODUCT).await;
    let sent = relay.wait_for(2).await.remove(1);
    assert_eq!(sent.send(last.address()).await, 200);
    assert_eq!(sent.send(before.address()).await, 401);
}

async fn patterns_say_which_events_come(on: On) {
    let product = Product::start(on, "synthesq").await;
    let patterns = [
        (json!(["*"]), 3),
        (json!(["customer.*"]), 2),
        (json!(["customer.assigned", "product.*"]), 2),
    ];
    let mut receivers = Vec::new();
    for (events, count) in patterns {
        let receiver = Receiver::start(vec![]).await;
        let subscription = json!({ "url": receiver.url(), "events": events });
        product
            .client
            .post(SUBSCRIPTIONS, &subscription)
            .await
            .expect(201);
        receivers.push((receiver, count));
    }
    for kind in ["customer.created", "customer.assigned", "product.discontinued"] {
        let id = product
            .publish(&format!(r#"{{"type":"{kind}","data":{{"id":1}}}}"#))
            .await;
        product.attempted(&id).await;
    }
    for (receiver, count) in &receivers {
        assert_eq!(receiver.wait_for(*count).await.len(), *count);
    }
}

async fn a_disabled_subscription_receives_nothing_and_the_feed_has_it(on: On) {
    let product = Product::start(on, "synthesq").await;
    let receiver = Receiver::start(vec![]).await;
    let subscription = json!({ "url": receiver.url(), "events": ["product.created"] });
    let made = product
        .client
        .post(SUBSCRIPTIONS, &subscription)
        .await
        .expect(201);
    let path = format!("{SUBSCRIPTIONS}/{}", text(&made, "id"));
    let turn = async |to: &str| {
        product
            .client
            .post(&format!("{path}/{to}"), &json!({}))
            .await
            .expect(200)
    };
    let event = |n: u8| format!(r#"{{"type":"product.created","data":{{"n":{n}}}}}"#);

    assert_eq!(turn("disable").await["status"], "disabled");
    assert_eq!(product.client.get(&path).await.expect(200)["status"], "disabled");
    let unsent = product.publish(&event(1)).await;
    assert!(product.attempted(&unsent).await.is_empty(), "it has no delivery");
    assert_eq!(turn("activate").await["status"], "active");
    product.publish(&event(2)).await;
    let received = receiver.wait_for(1).await;
    assert_eq!(received[0].json()["data"]["n"], 2);
    let feed = product.client.get(FEED).await.expect(200);
    assert_eq!(feed["data"].as_array().unwrap().len(), 2, "{feed:#}");
}

async fn the_feed_has_what_is_pushed_page_by_page(on: On) {
    let product = Product::start(on, "synthesq").await;
    let receiver = Receiver::start(vec![]).await;
    let subscription = json!({ "url": receiver.url(), "events": ["*"] });
    product
        .client
        .post(SUBSCRIPTIONS, &subscription)
        .await
        .expect(201);
    for n in 0..5 {
        let kind = if n % 2 == 0 {
            "product.created"
        } else {
            "customer.created"
        };
        let id = product
            .publish(&format!(r#"{{"type":"{kind}","data":{{"n":{n}}}}}"#))
            .await;
        product.assert_delivered(&id, 1).await;
    }
    let mut pushed: Vec<_> = receiver.wait_for(5).await.iter().map(Received::json).collect();
    pushed.sort_by_key(|event| event["data"]["n"].as_u64());
    let (mut pulled, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = product
            .client
            .get(&format!("{FEED}?limit=2{cursor}"))
            .await
            .expect(200);
        let items = page["data"].as_array().unwrap();
        pulled.extend(items.iter().cloned());
        cursor = format!("&cursor={}", text(&page, "next_cursor"));
        if page["has_more"] == false {
            break;
        }
    }
    let order: Vec<_> = pulled.iter().map(|event| names(event).join(" ")).collect();
    assert_eq!(order, ["event data timestamp"; 5]);
    assert_eq!(pulled, pushed);
    // Later events follow the cursor; a filter takes types and wildcards.
    product
        .publish(r#"{"type":"product.activated","data":{"n":5}}"#)
        .await;
    let rest = product
        .client
        .get(&format!("{FEED}?types=product.*{cursor}"))
        .await
        .expect(200);
    assert_eq!(rest["data"][0]["data"]["n"], 5);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    let customers = product
        .client
        .get(&format!("{FEED}?types=customer.*"))
        .await
        .expect(200);
    assert_eq!(customers["data"].as_array().unwrap().len(), 2);
}

async fn what_is_confidential_is_in_neither_push_nor_feed(on: On) {
    let product = Product::start(on, "synthesq").await;
    product.client.redact().await;
    let receiver = Receiver::start(vec![]).await;
    let subscription = json!({ "url": receiver.url(), "events": ["customer.*"] });
    product
        .client
        .post(SUBSCRIPTIONS, &subscription)
        .await
        .expect(201);
    let kept = r#""id":7,"status":"active","created_at":"2024-01-15T10:30:00Z","representative_id":12"#;
    let gone = r#""email":"ada@example.com","phone":"+49 30 1","address":{"street":"Weg 7"},"salary":90000,
        "lifetime_value":8500.00,"cost":1,"margin":2,"notes":"likes tea","api_key":"k3y""#;
    let event =
        format!(r#"{{"type":"customer.created","created":"2024-01-15T10:30:00Z","data":{{{kept},{gone}}}}}"#);
    product.publish(&event).await;
    let received = receiver.wait_for(1).await.remove(0);
    let expected =
        format!(r#"{{"event":"customer.created","data":{{{kept}}},"timestamp":"2024-01-15T10:30:00Z"}}"#);
    assert_eq!(String::from_utf8_lossy(&received.body), compact(&expected));
    let feed = product.client.get(FEED).await.expect(200);
    assert_eq!(feed["data"][0], received.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_subscription_is_sent_what_an_event_is_about() {
    let product = Product::start(On::Embedded, "synthesq").await;
    let thin = json!({ "events": ["customer.*"], "payload_mode": "thin" });
    let (made, _consumer, relay) = subscribed(&product, thin).await;
    assert_eq!(made["payload_mode"], "thin");
    let event = r#"{"type":"customer.status_changed","data":{"id":7,"status":"active","company":"ACME","representative_id":12}}"#;
    let id = product.publish(event).await;
    product.assert_delivered(&id, 1).await;
    let sent = relay.wait_for(1).await.remove(0).json();
    assert_eq!(
        sent["data"],
        json!({ "id": 7, "status": "active", "representative_id": 12 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_has_its_answer() {
    let product = Product::start(On::Embedded, "synthesq").await;
    let url = "https://your-server.com/hooks";
    for (wrong, status, code) in [
        (
            json!({ "url": url, "events": ["order.created"] }),
            422,
            "invalid_field",
        ),
        (json!({ "url": url, "events": ["order.*"] }), 422, "invalid_field"),
        (
            json!({ "url": url, "events": ["product.created.*"] }),
            422,
            "invalid_field",
        ),
        (
            json!({ "url": url, "events": ["*.created"] }),
            422,
            "invalid_field",
        ),
        (json!({ "url": url, "events": [] }), 422, "invalid_field"),
        (
            json!({ "url": "http://169.254.169.254/", "events": ["*"] }),
            422,
            "address_refused",
        ),
        (
            json!({ "url": "http://[::ffff:10.0.0.1]/", "events": ["*"] }),
            422,
            "address_refused",
        ),
        (
            json!({ "url": url, "events": ["*"], "payload_mode": "half" }),
            422,
            "invalid_field",
        ),
        (json!({ "events": ["*"] }), 422, "invalid_field"),
    ] {
        let refused = product.client.post(SUBSCRIPTIONS, &wrong).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{wrong}: {:#}",
            refused.body
        );
    }
    let subscription = json!({ "url": url, "events": ["*"] });
    for _ in 0..25 {
        product
            .client
            .post(SUBSCRIPTIONS, &subscription)
            .await
            .expect(201);
    }
    let refused = product.client.post(SUBSCRIPTIONS, &subscription).await;
    assert_eq!(
        (refused.status, refused.code()),
        (422, "limit_reached"),
        "the 26th"
    );
    let listed = product.client.get(SUBSCRIPTIONS).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 25);
    // A deleted one makes room for another.
    let path = format!("{SUBSCRIPTIONS}/{}", text(&listed["data"][0], "id"));
    product.client.delete(&path).await.expect(204);
    eventually("there is room again", async || {
        let made = product.client.post(SUBSCRIPTIONS, &subscription).await;
        (made.status == 201).then_some(())
    })
    .await;
}

/// Creates a subscription of a customer's server that verifies over the raw body.
async fn subscribed(product: &Product, mut subscription: Value) -> (Value, Consumer, Relay) {
    let relay = Relay::start(None).await;
    subscription["url"] = relay.url("/hooks").into();
    let made = product
        .client
        .post(SUBSCRIPTIONS, &subscription)
        .await
        .expect(201);
    let consumer = Consumer::start(Language::Node, "synthesq.js", &text(&made, "secret"));
    relay.lead_to(consumer.address());
    (made, consumer, relay)
}
