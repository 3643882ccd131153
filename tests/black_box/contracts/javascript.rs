//! Random JSON through the Synaptis contract, from the request to the receiver. Node prints every
//! body as it was sent, and the printed verifier, which relies on that, accepts it.

use std::collections::HashMap;

use hookgate_tests::{Language, Receiver};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::{Product, text};
use crate::site::On;

#[path = "../../../gateway/crates/json/src/texts.rs"]
mod texts;

const REQUESTS: usize = 15;
const EVENTS: usize = 100;

/// Values that random texts would seldom contain.
const CHOSEN: &[&str] = &[
    "8500.00",
    "1e21",
    "-0",
    "[1E400,-1e400,1e-400,5e-324]",
    "[9007199254740993,9223372036854775807,-9223372036854775808,18446744073709551616]",
    "0.1234567890123456789012345678901234567890",
    r#"{"b":1,"10":2,"2":3,"a":4,"01":5,"0":6,"-1":7,"4294967295":8,"4294967294":9}"#,
    r#"{"__proto__":{"1":1.0},"constructor":null,"toJSON":"x"}"#,
    r#""\u2028\u2029\u007f\u0000\ud83d\ude00\/\"\\""#,
];

#[tokio::test(flavor = "multi_thread")]
async fn every_body_comes_back_from_javascript_as_it_was_sent() {
    let product = Product::start(On::Embedded, "synaptis").await;
    let receiver = Receiver::start(vec![]).await;
    let registration = json!({ "url": receiver.url(), "events": ["lead.verified"] });
    let made = product
        .client
        .post("/v1/webhooks", &registration)
        .await
        .expect(201);

    let deep = format!("{}1.50{}", "[{\"1\":".repeat(30), "}]".repeat(30));
    let chosen = CHOSEN.iter().map(ToString::to_string).chain([deep]);
    let mut runner = TestRunner::default();
    let random = std::iter::repeat_with(|| texts::text().new_tree(&mut runner).unwrap().current());
    let published: Vec<_> = chosen.chain(random).take(REQUESTS * EVENTS).collect();
    for (n, chunk) in published.chunks(EVENTS).enumerate() {
        let event = |(k, data): (usize, &String)| {
            format!(
                r#"{{"id":"evt_{}","type":"lead.verified","data":{data}}}"#,
                n * EVENTS + k
            )
        };
        let events: Vec<_> = chunk.iter().enumerate().map(event).collect();
        let batch = format!("[{}]", events.join(","));
        product
            .client
            .post_raw("/v1/events", "application/json", batch)
            .await
            .expect(202);
    }
    let received = receiver.wait_for(published.len()).await;
    let by_id: HashMap<_, _> = (0..).map(|n| format!("evt_{n}")).zip(&published).collect();
    let messages: Vec<_> = received
        .iter()
        .map(|received| {
            let body = received.text();
            let id = text(&serde_json::from_str(body).unwrap(), "id");
            json!({
                "scheme": "synaptis", "secret": made["secret"], "headers": received.headers,
                "body": body, "published": by_id[&id],
            })
        })
        .collect();
    let verdicts = Language::Node.check(&messages).await;
    for (message, verdict) in messages.iter().zip(&verdicts) {
        assert_eq!(*verdict, true, "{}", message["published"]);
    }
    let twice = r#"{"type":"lead.verified","data":{"a":1,"\u0061":2}}"#;
    let refused = product
        .client
        .post_raw("/v1/events", "application/json", twice)
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, "duplicate_key"),
        "{:#}",
        refused.body
    );
}
