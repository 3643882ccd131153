//! Synaptis: JavaScript reproduces the body, and the printed verifier, which serialises it again,
//! accepts it.

use hookgate_tests::{Consumer, Language, Receiver, Relay, Reply};
use serde_json::{Value, json};

use super::{Product, assert_tamper_proof, assert_time, compact, names, other_digit, text};
use crate::site::{On, on_both_stores};

on_both_stores!(
    the_printed_verifier_accepts_deliveries_and_refuses_tampered_ones,
    a_rotated_secret_signs_first_and_the_one_before_after_it,
);

const REGISTRATION: &str = r#"curl -X POST https://api.synaptis.io/v1/webhooks \
  -H "Authorization: Bearer sk_live_..." \
  -H "Content-Type: application/json" \
  -d '{
    "url": "https://your-server.com/webhooks/synaptis",
    "events": [
      "lead.verified",
      "delivery.success",
      "delivery.failed"
    ],
    "description": "Production webhook endpoint"
  }'"#;

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

/// The event that results in the printed payload: all of it but the version, which the contract
/// adds.
fn printed_event() -> String {
    let (event, _) = PAYLOAD.rsplit_once(",\n  \"api_version\"").unwrap();
    format!("{event}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_registration_is_answered_as_printed() {
    let product = Product::start(On::Embedded, "synaptis").await;
    let (status, made) = product
        .curl(REGISTRATION, &[("sk_live_...", product.client.key())])
        .await;
    assert_eq!(status, 201, "{made:#}");
    assert_eq!(
        names(&made),
        ["id", "url", "events", "secret", "status", "created"]
    );
    assert!(
        text(&made, "id").starts_with("wh_") && text(&made, "secret").starts_with("whsec_"),
        "{made:#}"
    );
    assert_eq!(made["url"], "https://your-server.com/webhooks/synaptis");
    assert_eq!(
        made["events"],
        json!(["lead.verified", "delivery.success", "delivery.failed"])
    );
    assert_eq!(made["status"], "active");
    assert_time(&made["created"]);
    let stored = product.client.get(&native(&made)).await.expect(200);
    assert_eq!(stored["description"], "Production webhook endpoint");

    let (status, _) = product
        .curl(REGISTRATION, &[("sk_live_...", "sk_live_of_nobody")])
        .await;
    assert_eq!(status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused_with_its_place() {
    let product = Product::start(On::Embedded, "synaptis").await;
    let url = "https://your-server.com/webhooks/synaptis";
    for (wrong, code, place) in [
        (
            json!({ "url": url, "events": ["lead.*"] }),
            "invalid_field",
            "/events",
        ),
        (json!({ "url": url, "events": ["*"] }), "invalid_field", "/events"),
        (json!({ "url": url, "events": [] }), "invalid_field", "/events"),
        (
            json!({ "url": url, "events": ["lead,verified"] }),
            "invalid_field",
            "/events/0",
        ),
        (
            json!({ "url": "https://169.254.169.254/", "events": ["lead.verified"] }),
            "address_refused",
            "/url",
        ),
        (
            json!({ "url": "https://10.1.2.3/", "events": ["lead.verified"] }),
            "address_refused",
            "/url",
        ),
        (
            json!({ "url": "ftp://your-server.com/", "events": ["lead.verified"] }),
            "invalid_field",
            "/url",
        ),
        (
            json!({ "url": url, "events": ["lead.verified"], "event": 1 }),
            "invalid_field",
            "/event",
        ),
    ] {
        let refused = product.client.post("/v1/webhooks", &wrong).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, code),
            "{wrong}: {:#}",
            refused.body
        );
        assert_eq!(
            refused.body["errors"][0]["pointer"], place,
            "{wrong}: {:#}",
            refused.body
        );
    }
}

async fn the_printed_verifier_accepts_deliveries_and_refuses_tampered_ones(on: On) {
    let product = Product::start(on, "synaptis").await;
    let (_, consumer, relay) = registered(&product).await;
    let id = product.publish(&printed_event()).await;
    assert_eq!(id, "evt_abc123xyz");
    product.assert_delivered(&id, 1).await;

    let sent = relay.wait_for(1).await.remove(0);
    assert_eq!(
        sent.text(),
        compact(PAYLOAD),
        "the printed payload, byte for byte"
    );
    assert_eq!(sent.header("content-type"), "application/json");
    consumer.says("accepted evt_abc123xyz").await;

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

    // A repetition has the same id, by which a customer recognises it.
    product
        .client
        .post(&format!("/v1/events/{id}/replay"), &json!({}))
        .await
        .expect(202);
    let again = relay.wait_for(2).await.remove(1);
    assert_eq!(again.text(), sent.text());
}

async fn a_rotated_secret_signs_first_and_the_one_before_after_it(on: On) {
    let product = Product::start(on, "synaptis").await;
    let (registration, before, relay) = registered(&product).await;
    let path = format!("{}/rotate-secret", native(&registration));
    let rotated = product
        .client
        .post(&path, &json!({ "grace": "1h" }))
        .await
        .expect(200);
    let after = Consumer::start(Language::Node, "synaptis.js", &text(&rotated, "secret"));
    relay.lead_to(after.address());
    let id = product.publish(&printed_event()).await;
    product.assert_delivered(&id, 1).await;
    let sent = relay.wait_for(1).await.remove(0);
    // The scheme allows several signatures; the printed verifier reads the first.
    let header = sent.header("x-synaptis-signature").to_owned();
    let parts: Vec<_> = header.split(',').collect();
    assert_eq!(parts.len(), 3, "{header}");
    let second = sent.with_header("x-synaptis-signature", &format!("{},{}", parts[0], parts[2]));
    assert_eq!(
        second.send(before.address()).await,
        200,
        "the one before signs too"
    );
    assert_eq!(second.send(after.address()).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_2xx_is_success() {
    let product = Product::start(On::Embedded, "synaptis").await;
    for (status, word) in [
        (200, "delivered"),
        (204, "delivered"),
        (299, "delivered"),
        (302, "pending"),
        (400, "pending"),
        (500, "pending"),
    ] {
        let receiver = Receiver::start(vec![Reply::Status(status)]).await;
        let registration = json!({ "url": receiver.url(), "events": ["delivery.failed"] });
        let made = product
            .client
            .post("/v1/webhooks", &registration)
            .await
            .expect(201);
        let id = product.publish(r#"{"type":"delivery.failed","data":{}}"#).await;
        let delivery = &product.attempted(&id).await[0];
        assert_eq!(delivery["status"], word, "{status}: {delivery:#}");
        product.client.delete(&native(&made)).await.expect(204);
    }
}

/// The printed registration, of a customer's server with the printed verifier.
async fn registered(product: &Product) -> (Value, Consumer, Relay) {
    let relay = Relay::start(None).await;
    let url = relay.url("/webhooks/synaptis");
    let replaced = [
        ("sk_live_...", product.client.key()),
        ("https://your-server.com/webhooks/synaptis", &*url),
    ];
    let (_, made) = product.curl(REGISTRATION, &replaced).await;
    let consumer = Consumer::start(Language::Node, "synaptis.js", &text(&made, "secret"));
    relay.lead_to(consumer.address());
    (made, consumer, relay)
}

/// The subscription's path in the native API.
fn native(made: &Value) -> String {
    let id = text(made, "id");
    format!("/v1/subscriptions/sub_{}", id.strip_prefix("wh_").unwrap())
}
