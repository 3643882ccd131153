//! SyncAI: https only; the printed Flask and Express applications accept the deliveries.

use hookgate_tests::{Authority, Consumer, Language, Relay};
use serde_json::{Value, json};

use super::{Product, assert_tamper_proof, compact, names, other_digit, text};
use crate::site::{On, on_both_stores};

on_both_stores!(both_printed_applications_accept_deliveries_and_refuse_tampered_ones);

const REGISTRATION: &str = r#"curl -X POST https://sync-ai.up.railway.app/webhooks/register \
  -H "Content-Type: application/json" \
  -H "X-API-Key: YOUR_API_KEY" \
  -d '{
    "url": "https://your-server.com/syncai-webhook",
    "events": ["document.verified", "document.rejected"],
    "secret": "your-webhook-secret-for-hmac"
  }'"#;

const PAYLOAD: &str = r#"{
  "event": "document.verified",
  "timestamp": "2024-01-15T10:35:00Z",
  "document_id": "doc_abc123",
  "review_id": "rev_xyz789",
  "verified_by": "human_reviewer",
  "corrections_made": true,
  "data": {
    "header": {
      "vendor": "TechFlow Inc.",
      "date": "2024-01-15",
      "invoice_no": "INV-2024-0892"
    },
    "amounts": {
      "subtotal": 8500.00,
      "tax": 680.00,
      "total": 9180.00
    },
    "line_items": [
      {
        "description": "Software License - Annual",
        "quantity": 1,
        "unit_price": 5000.00,
        "amount": 5000.00
      }
    ]
  },
  "confidence": {
    "original": 0.72,
    "final": 1.0
  }
}"#;

/// The event that results in the printed payload: its first two members are the event's type and
/// time.
fn printed_event() -> String {
    let (_, data) = PAYLOAD.split_once("\"2024-01-15T10:35:00Z\",").unwrap();
    format!(r#"{{"type": "document.verified", "created": "2024-01-15T10:35:00Z", "data": {{{data}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_registration_is_answered_as_printed() {
    let product = Product::start(On::Embedded, "syncai").await;
    let (status, made) = product
        .curl(REGISTRATION, &[("YOUR_API_KEY", product.client.key())])
        .await;
    assert_eq!(status, 201, "{made:#}");
    assert_eq!(names(&made), ["webhook_id", "url", "status"]);
    assert!(text(&made, "webhook_id").starts_with("wh_"));
    assert_eq!(
        (&made["url"], &made["status"]),
        (&json!("https://your-server.com/syncai-webhook"), &json!("active"))
    );
    for (status, from, to) in [
        (422, "https://your-server.com/", "http://your-server.com/"),
        (422, "https://your-server.com/", "https://192.168.1.1/"),
        (422, "document.rejected", "document.lost"),
        (
            422,
            r#""document.verified", "document.rejected""#,
            r#""document.*""#,
        ),
        (422, "your-webhook-secret-for-hmac", ""),
        (422, r#""secret""#, r#""secrets""#),
        (401, "X-API-Key", "X-Other-Key"),
    ] {
        let replaced = [("YOUR_API_KEY", product.client.key()), (from, to)];
        let (refused, problem) = product.curl(REGISTRATION, &replaced).await;
        assert_eq!(refused, status, "{to}: {problem:#}");
    }
    let (refused, _) = product.curl(REGISTRATION, &[]).await;
    assert_eq!(refused, 401, "the printed key is nobody's");
}

async fn both_printed_applications_accept_deliveries_and_refuse_tampered_ones(on: On) {
    let authority = Authority::new();
    let product = Product::with(on, "syncai", &authority.toml()).await;
    let secret = "your-webhook-secret-for-hmac";
    let consumers = [
        Consumer::start(Language::Python, "syncai.py", secret),
        Consumer::start(Language::Node, "syncai.js", secret),
    ];
    let mut relays = Vec::new();
    for consumer in &consumers {
        let relay = Relay::start(Some(&authority)).await;
        relay.lead_to(consumer.address());
        let url = relay.url("/syncai-webhook");
        let replaced = [
            ("YOUR_API_KEY", product.client.key()),
            ("https://your-server.com/syncai-webhook", &*url),
        ];
        let (status, made) = product.curl(REGISTRATION, &replaced).await;
        assert_eq!(status, 201, "{made:#}");
        relays.push(relay);
    }
    let id = product.publish(&printed_event()).await;
    product.assert_delivered(&id, 2).await;
    for (relay, consumer) in relays.iter().zip(&consumers) {
        let sent = relay.wait_for(1).await.remove(0);
        assert_eq!(
            sent.text(),
            compact(PAYLOAD),
            "the printed payload, byte for byte"
        );
        consumer.says("Document verified: doc_abc123").await;
        let signature = sent.header("x-syncai-signature").to_owned();
        assert!(
            signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()),
            "{signature}"
        );
        let tampered = [
            sent.replaced("9180.00", "9180.0"),
            sent.replaced("doc_abc123", "doc_abc124"),
            sent.with_body(&sent.text().replace(',', ", ")),
            sent.with_header("x-syncai-signature", &other_digit(&signature)),
            sent.with_header("x-syncai-signature", &signature[..32]),
            sent.without_header("x-syncai-signature"),
        ];
        assert_tamper_proof(consumer, &sent, &tampered).await;
    }
    let sent = relays[0].messages().remove(0);
    for (language, script) in [(Language::Python, "syncai.py"), (Language::Node, "syncai.js")] {
        let stranger = Consumer::start(language, script, "your-webhook-secret");
        assert_eq!(sent.send(stranger.address()).await, 401, "{script}");
    }
}

/// The document prints no rotation; a customer with either of the two secrets is served.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_each_has_a_header_of_its_own() {
    let authority = Authority::new();
    let product = Product::with(On::Embedded, "syncai", &authority.toml()).await;
    let relay = Relay::start(Some(&authority)).await;
    let before = Consumer::start(Language::Python, "syncai.py", "the secret before");
    let after = Consumer::start(Language::Python, "syncai.py", "the secret after");
    relay.lead_to(after.address());
    let registration = json!({
        "url": relay.url("/syncai-webhook"), "events": ["document.rejected"], "secret": "the secret before",
    });
    let made = product
        .client
        .post("/v1/subscriptions", &registration)
        .await
        .expect(201);
    let path = format!("/v1/subscriptions/{}/rotate-secret", text(&made, "id"));
    let rotation = json!({ "secret": "the secret after", "grace": "1h" });
    product.client.post(&path, &rotation).await.expect(200);
    let id = product
        .publish(r#"{"type":"document.rejected","data":{"document_id":"doc_1"}}"#)
        .await;
    product.assert_delivered(&id, 1).await;
    let sent = relay.wait_for(1).await.remove(0);
    assert_eq!(names(&sent.json()), ["event", "timestamp", "document_id"]);
    assert_eq!(sent.send(before.address()).await, 401);
    let previous = sent.header("x-syncai-signature-previous").to_owned();
    let as_before = sent.with_header("x-syncai-signature", &previous);
    assert_eq!(as_before.send(before.address()).await, 200);
}

/// `event` and `timestamp` belong to the product: a producer cannot set them.
#[tokio::test(flavor = "multi_thread")]
async fn data_cannot_forge_the_event() {
    let authority = Authority::new();
    let product = Product::with(On::Embedded, "syncai", &authority.toml()).await;
    let consumer = Consumer::start(Language::Node, "syncai.js", "s3cret");
    let relay = Relay::start(Some(&authority)).await;
    relay.lead_to(consumer.address());
    let registration = json!({
        "url": relay.url("/syncai-webhook"), "events": ["document.rejected"], "secret": "s3cret",
    });
    product
        .client
        .post("/v1/subscriptions", &registration)
        .await
        .expect(201);
    let forged = r#"{"type":"document.rejected","data":{"event":"document.verified","document_id":"doc_1","timestamp":"x"}}"#;
    let id = product.publish(forged).await;
    product.assert_delivered(&id, 1).await;
    let sent: Value = relay.wait_for(1).await[0].json();
    assert_eq!(names(&sent), ["event", "timestamp", "document_id"]);
    assert_eq!(sent["event"], "document.rejected");
}
