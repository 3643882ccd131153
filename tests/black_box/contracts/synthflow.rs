//! Synthflow: the account's secret signs the call's id, and three kinds of servers find the header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hookgate_tests::{Consumer, Language, Relay};
use sha2::Sha256;

use super::{Product, assert_tamper_proof, compact, names, text};
use crate::site::{On, on_both_stores};

on_both_stores!(
    every_kind_of_server_verifies_calls_and_refuses_forged_ones,
    while_the_accounts_secret_is_rotated_both_sign,
);

/// The product's settings under Security, Webhooks.
const SECRET: &str = "/settings/security/webhooks/secret";

/// The kinds of server: WSGI and CGI, which turn a header into `HTTP_SYNTHFLOW_SIGNATURE`, and one
/// that reads it literally.
const SERVERS: [(Language, &str, &str); 3] = [
    (Language::Python, "synthflow.py", "/wsgi"),
    (Language::Python, "synthflow.py", "/cgi"),
    (Language::Node, "synthflow.js", "/hooks"),
];

async fn every_kind_of_server_verifies_calls_and_refuses_forged_ones(on: On) {
    let product = Product::start(on, "synthflow").await;
    let made = product
        .client
        .post(SECRET, &serde_json::json!({}))
        .await
        .expect(201);
    assert_eq!(names(&made), ["secret"]);
    let secret = text(&made, "secret");
    assert_eq!(hex::decode(&secret).unwrap().len(), 32, "256 bits");

    for (n, (language, script, path)) in SERVERS.into_iter().enumerate() {
        let consumer = Consumer::start(language, script, &secret);
        let relay = Relay::start(None).await;
        relay.lead_to(consumer.address());
        // The URL is part of the request that causes the event: for an incoming call, and for one
        // that ended.
        for (k, kind) in ["call.completed", "call.inbound"].into_iter().enumerate() {
            let call = call(&format!("call-{n}-{k}"));
            let url = relay.url(path);
            let event = format!(r#"{{"type":"{kind}","data":{call},"deliver_to":"{url}"}}"#);
            let id = product.publish(&event).await;
            product.assert_delivered(&id, 1).await;
            assert_eq!(
                relay.wait_for(k + 1).await[k].text(),
                compact(&call),
                "the call as it is"
            );
        }
        let sent = relay.messages().remove(0);
        let signature = sent.header("http_synthflow_signature").to_owned();
        assert_eq!(sent.header("synthflow-signature"), signature);
        assert_eq!(signature, signed(&secret, &format!("call-{n}-0")));
        let both = |value: &str| {
            let one = sent.with_header("http_synthflow_signature", value);
            one.with_header("synthflow-signature", value)
        };
        let tampered = [
            sent.replaced("call-", "call_"),
            both(&signed("of somebody else", &format!("call-{n}-0"))),
            both(&signature.to_lowercase()),
            sent.without_header("http_synthflow_signature")
                .without_header("synthflow-signature"),
        ];
        assert_tamper_proof(&consumer, &sent, &tampered).await;
        let stranger = Consumer::start(language, script, &"0".repeat(64));
        assert_eq!(sent.send(stranger.address()).await, 401, "{path}");
    }
}

async fn while_the_accounts_secret_is_rotated_both_sign(on: On) {
    let product = Product::start(on, "synthflow").await;
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let made = product
            .client
            .post(SECRET, &serde_json::json!({}))
            .await
            .expect(201);
        secrets.push(text(&made, "secret"));
    }
    let after = Consumer::start(Language::Python, "synthflow.py", &secrets[1]);
    let before = Consumer::start(Language::Python, "synthflow.py", &secrets[0]);
    let relay = Relay::start(None).await;
    relay.lead_to(after.address());
    let (call, url) = (call("d8b3-4"), relay.url("/wsgi"));
    let id = product
        .publish(&format!(
            r#"{{"type":"call.completed","data":{call},"deliver_to":"{url}"}}"#
        ))
        .await;
    product.assert_delivered(&id, 1).await;
    let sent = relay.wait_for(1).await.remove(0);
    assert_eq!(sent.send(before.address()).await, 401);
    // The account has got a third secret since then; the header holds only the previous one.
    let previous = sent.header("synthflow-signature-previous").to_owned();
    let as_before = sent.with_header("synthflow-signature", &previous);
    assert_eq!(as_before.send(before.address()).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_signed_or_reached_is_refused() {
    let product = Product::start(On::Embedded, "synthflow").await;
    for (event, code) in [
        (
            r#"{"type":"call.completed","data":{"status":"completed"}}"#,
            "invalid_event",
        ),
        (
            r#"{"type":"call.completed","data":{"call_id":""}}"#,
            "invalid_event",
        ),
        (
            r#"{"type":"call.completed","data":{"call_id":{"a":1}}}"#,
            "invalid_event",
        ),
        (
            r#"{"type":"call.completed","data":{"call_id":"c"},"deliver_to":"http://169.254.169.254/"}"#,
            "address_refused",
        ),
    ] {
        let refused = product
            .client
            .post_raw("/v1/events", "application/json", event)
            .await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, code),
            "{event}: {:#}",
            refused.body
        );
    }
}

fn call(id: &str) -> String {
    format!(
        r#"{{"call_id": "{id}", "status": "completed", "duration": 61.50, "transcript": "bot: Hallo, grüß Gott"}}"#
    )
}

fn signed(secret: &str, call_id: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(call_id.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
