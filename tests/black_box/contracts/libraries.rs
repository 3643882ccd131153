//! Schemes with public libraries: Standard Webhooks with its three libraries, Stripe with its
//! library, GitHub as documented.

use hookgate_tests::{Authority, Language, Received, Receiver, Relay};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Product, text};
use crate::site::{On, on_both_stores};

on_both_stores!(standard_webhooks_libraries_accept_deliveries_and_both_secrets_of_a_rotation);

const EVENT: &str = r#"{"type":"invoice.paid","data":{"id":"inv_1","total":8500.00,"to":"Grüße, 東京 😀"}}"#;

async fn standard_webhooks_libraries_accept_deliveries_and_both_secrets_of_a_rotation(on: On) {
    let product = Product::start(on, "standard").await;
    let receiver = Receiver::start(vec![]).await;
    let (subscription, first) = product.client.subscribe(&receiver.url()).await;
    product.publish(EVENT).await;
    let plain = receiver.wait_for(1).await.remove(0);
    let path = format!("/v1/subscriptions/{subscription}/rotate-secret");
    let rotated = product
        .client
        .post(&path, &json!({ "grace": "1h" }))
        .await
        .expect(200);
    let second = text(&rotated, "secret");
    product.publish(EVENT).await;
    let rotating = receiver.wait_for(2).await.remove(1);

    let signature = rotating.header("webhook-signature");
    assert_eq!(signature.split(' ').count(), 2, "{signature}");
    let genuine = [
        message("standard", &plain, &first),
        message("standard", &rotating, &first),
        message("standard", &rotating, &second),
    ];
    let mut forged = vec![message("standard", &plain, &second)];
    for (place, value) in [
        ("/body", plain.text().replace("8500.00", "8500.01")),
        ("/body", plain.text().replace("8500.00", "8500.0")),
        ("/headers/webhook-id", "evt_another".to_owned()),
        // Another time requires another signature, and a time long past is refused for itself.
        ("/headers/webhook-timestamp", earlier(&plain, 1)),
        ("/headers/webhook-timestamp", earlier(&plain, 3_600)),
        (
            "/headers/webhook-signature",
            format!("v1,{}", "A".repeat(43) + "="),
        ),
    ] {
        let mut changed = genuine[0].clone();
        *changed.pointer_mut(place).unwrap() = value.into();
        forged.push(changed);
    }
    for (name, verdicts) in [
        (
            "npm",
            Language::Node.check(&[&genuine[..], &forged].concat()).await,
        ),
        (
            "PyPI",
            Language::Python.check(&[&genuine[..], &forged].concat()).await,
        ),
        (
            "crate",
            [&genuine[..], &forged].concat().iter().map(by_crate).collect(),
        ),
    ] {
        let (accepted, refused) = verdicts.split_at(genuine.len());
        assert!(
            accepted.iter().all(|verdict| *verdict == true),
            "{name}: {accepted:?}"
        );
        assert!(refused.iter().all(Value::is_string), "{name}: {refused:?}");
    }
}

/// Behind TLS: the style requires https.
#[tokio::test(flavor = "multi_thread")]
async fn stripes_library_accepts_deliveries_in_its_style() {
    let authority = Authority::new();
    let product = Product::with(On::Embedded, "stripe", &authority.toml()).await;
    let receiver = Receiver::start(vec![]).await;
    let relay = Relay::start(Some(&authority)).await;
    relay.lead_to(receiver.address());
    let (subscription, first) = product.client.subscribe(&relay.url("/hook")).await;
    product.publish(EVENT).await;
    let plain = receiver.wait_for(1).await.remove(0);
    let path = format!("/v1/subscriptions/{subscription}/rotate-secret");
    let rotated = product
        .client
        .post(&path, &json!({ "grace": "1h" }))
        .await
        .expect(200);
    let second = text(&rotated, "secret");
    product.publish(EVENT).await;
    let rotating = receiver.wait_for(2).await.remove(1);
    let mut tampered = message("stripe", &plain, &first);
    tampered["body"] = plain.text().replace("inv_1", "inv_2").into();
    let mut replayed = message("stripe", &plain, &first);
    let header = plain.header("stripe-signature");
    let (time, signatures) = header.split_once(',').unwrap();
    let seconds: u64 = time.strip_prefix("t=").unwrap().parse().unwrap();
    replayed["headers"]["stripe-signature"] = format!("t={},{signatures}", seconds - 600).into();
    let verdicts = Language::Node
        .check(&[
            message("stripe", &plain, &first),
            message("stripe", &rotating, &first),
            message("stripe", &rotating, &second),
            message("stripe", &plain, &second),
            tampered,
            replayed,
        ])
        .await;
    let accepted: Vec<_> = verdicts.iter().map(|verdict| *verdict == true).collect();
    assert_eq!(accepted, [true, true, true, false, false, false], "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn githubs_documented_check_accepts_deliveries_in_its_style() {
    let product = Product::start(On::Embedded, "github").await;
    let receiver = Receiver::start(vec![]).await;
    let (_, secret) = product.client.subscribe(&receiver.url()).await;
    let id = product.publish(EVENT).await;
    let received = receiver.wait_for(1).await.remove(0);
    assert!(
        received.text().starts_with(r#"{"id":"inv_1","total":8500.00"#),
        "the payload as it is"
    );
    assert_eq!(received.header("x-github-event"), "invoice.paid");
    assert_eq!(received.header("x-github-delivery"), id);
    let mut tampered = message("github", &received, &secret);
    tampered["body"] = received.text().replace("inv_1", "inv_2").into();
    let messages = [
        message("github", &received, &secret),
        message("github", &received, "of somebody else"),
        tampered,
    ];
    assert_eq!(
        Language::Node.check(&messages).await,
        [json!(true), json!(false), json!(false)]
    );
}

/// Input of a verifier.
fn message(scheme: &str, received: &Received, secret: &str) -> Value {
    json!({ "scheme": scheme, "secret": secret, "headers": received.headers, "body": received.text() })
}

fn earlier(received: &Received, seconds: u64) -> String {
    let sent: u64 = received.header("webhook-timestamp").parse().unwrap();
    (sent - seconds).to_string()
}

fn by_crate(message: &Value) -> Value {
    let headers: HeaderMap = message["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
            (name.parse::<HeaderName>().unwrap(), value)
        })
        .collect();
    let library = standardwebhooks::Webhook::new(&text(message, "secret")).unwrap();
    let verified = library.verify(text(message, "body").as_bytes(), &headers);
    verified.map_or_else(|error| error.to_string().into(), |()| true.into())
}
