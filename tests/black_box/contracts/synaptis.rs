//! Synaptis: the body comes back from JavaScript as it was, and the printed verifier, which prints it again, accepts it.

use hookgate_tests::{Consumer, Language, Message, Receiver, Relay, Reply};
use serde_json::{Value, json};

use super::{Product, assert_tamper_proof, compact, other_digit};
use crate::site::{On, on_both_stores};

on_both_stores!(
    the_printed_verifier_accepts_deliveries_and_refuses_tampered_ones,
    a_rotated_secret_signs_first_and_the_one_before_after_it,
);

/// As printed, but for line breaks within it.
const PAYLOAD: &str = r#"{
"id": "evt_abc123xyz",
"type": "lead.verified",
"created": "2024-01-15T10:30:00Z",
"data": {
"lead_id": "lead_456def",
"verification_status": "passed",
"quality_score": 92,
"checks": {
"email": { "valid": true, "deliverable": true },
"phone": { "valid": true, "type": "mobile" },
"address": { "valid": true, "standardized": true },
"duplicate": { "is_duplicate": false },
"fraud": { "risk_score": 12, "risk_level": "low" }
},
"routing_decision": "approved",
"timestamp": "2024-01-15T10:30:00Z"
},
"api_version": "2024-01-01"
}"#;

/// What is published for the printed payload to be sent.
fn printed_event() -> Value {
    let mut event: Value = serde_json::from_str(PAYLOAD).unwrap();
    event.as_object_mut().unwrap().shift_remove("api_version");
    event
}

async fn the_printed_verifier_accepts_deliveries_and_refuses_tampered_ones(on: On) {
    let product = Product::start(on, "synaptis").await;
    let (_, consumer, relay) = subscribed(&product).await;
    let id = product.publish(&printed_event()).await;
    assert_eq!(id, "evt_abc123xyz");
    product.assert_delivered(&id).await;

    let sent = relay.wait_for(1).await.remove(0);
    assert_eq!(
        sent.text(),
        compact(PAYLOAD),
        "the printed payload, byte for byte"
    );
    assert_eq!(sent.header("content-type"), "application/json");
    assert_eq!(consumer.said().last().unwrap(), "accepted evt_abc123xyz");

    let header = sent.header("x-synaptis-signature").to_owned();
    let (timestamp, signature) = header.split_once(',').unwrap();
    let seconds: u64 = timestamp.strip_prefix("t=").unwrap().parse().unwrap();
    assert_eq!(signature.len(), "v1=".len() + 64, "{header}");
    let of = |value: &str| sent.with_header("x-synaptis-signature", value);
    let tampered = [
        sent.replaced(r#""quality_score":92"#, r#""quality_score":93"#),
        sent.replaced("lead_456def", "lead_456deg"),
        of(&format!("{timestamp},{}", other_digit(signature))),
        of(&format!("t={},{signature}", seconds + 1)),
        of(timestamp),
        sent.without_header("x-synaptis-signature"),
    ];
    assert_tamper_proof(&consumer, &sent, &tampered).await;
    let stranger = Consumer::start(Language::Node, "synaptis.js", "whsec_of-somebody-else");
    assert_eq!(sent.send(stranger.address()).await, 401);
}

async fn a_rotated_secret_signs_first_and_the_one_before_after_it(on: On) {
    let product = Product::start(on, "synaptis").await;
    let (subscription, before, relay) = subscribed(&product).await;
    let path = format!("/v1/subscriptions/{subscription}/rotate-secret");
    let rotated = product
        .client
        .post(&path, &json!({ "grace": "1h" }))
        .await
        .expect(200);
    let after = Consumer::start(Language::Node, "synaptis.js", rotated["secret"].as_str().unwrap());
    let id = product.publish(&printed_event()).await;
    product.attempted(&id).await;
    let sent = relay.wait_for(1).await.remove(0);
    assert_eq!(
        sent.send(after.address()).await,
        200,
        "the printed verifier has the new secret"
    );
    // The scheme has room for more signatures; the printed verifier reads the first.
    let header = sent.header("x-synaptis-signature").to_owned();
    let parts: Vec<_> = header.split(',').collect();
    assert_eq!(parts.len(), 3, "{header}");
    let second: Message = sent.with_header("x-synaptis-signature", &format!("{},{}", parts[0], parts[2]));
    assert_eq!(
        second.send(before.address()).await,
        200,
        "the one before signs too"
    );
    assert_eq!(second.send(after.address()).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_2xx_is_success_and_the_first_retry_is_a_minute_later() {
    let product = Product::start(On::Embedded, "synaptis").await;
    for (status, succeeded) in [
        (200, true),
        (204, true),
        (299, true),
        (302, false),
        (400, false),
        (500, false),
    ] {
        let receiver = Receiver::start(vec![Reply::Status(status)]).await;
        let (subscription, _) = product
            .subscribe(&json!({ "url": receiver.url(), "events": ["lead.verified"] }))
            .await;
        let id = product
            .publish(&json!({ "type": "lead.verified", "data": {} }))
            .await;
        let delivery = &product.attempted(&id).await[0];
        let expected = if succeeded { "delivered" } else { "pending" };
        assert_eq!(delivery["status"], expected, "{status}: {delivery:#}");
        let path = format!("/v1/subscriptions/{subscription}");
        product.client.delete(&path).await.expect(204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_are_exact_and_unknown_names_are_refused() {
    let product = Product::start(On::Embedded, "synaptis").await;
    for events in [json!(["lead.*"]), json!(["*"]), json!([]), json!(["no spaces"])] {
        let subscription = json!({ "url": "https://your-server.com/webhooks/synaptis", "events": events });
        let refused = product.client.post("/v1/subscriptions", &subscription).await;
        assert_eq!(refused.status, 422, "{events}: {:#}", refused.body);
    }
}

/// A subscription of a customer's server with the printed verifier, with a relay before it.
async fn subscribed(product: &Product) -> (String, Consumer, Relay) {
    // The secret is known once the URL is: the subscription is made first, with an address that is changed then.
    let events = ["lead.verified", "delivery.success", "delivery.failed"];
    let subscription = json!({ "url": "http://127.0.0.1:9/", "events": events });
    let (id, secret) = product.subscribe(&subscription).await;
    let consumer = Consumer::start(Language::Node, "synaptis.js", &secret);
    let relay = Relay::start(consumer.address(), None).await;
    let path = format!("/v1/subscriptions/{id}");
    let moved = json!({ "url": relay.url("/webhooks/synaptis") });
    product.client.patch(&path, &moved).await.expect(200);
    (id, consumer, relay)
}
