//! Secrets that are rotated, and rotated again within the grace period.
//!
//! A receiver that reads one signature and compares it, as the documents print it, accepts every
//! event with any of the valid secrets.

use hookgate_tests::{Authority, Client, Consumer, Language, Relay, eventually};
use serde_json::json;

use super::{Product, client_of, publish, text};
use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    each_secret_of_two_rotations_verifies_with_the_printed_code,
    each_secret_of_an_account_verifies_on_each_kind_of_server,
);

/// Receivers of a product: their scripts, their address, and the header that holds a single
/// signature.
struct Printed {
    profile: &'static str,
    scripts: &'static [(Language, &'static str)],
    path: &'static str,
    kind: &'static str,
    data: &'static str,
    alone: &'static [&'static str],
}

const PRINTED: [Printed; 3] = [
    Printed {
        profile: "syncai",
        scripts: &[(Language::Python, "syncai.py"), (Language::Node, "syncai.js")],
        path: "/syncai-webhook",
        kind: "document.rejected",
        data: r#"{"document_id":"doc_1"}"#,
        alone: &["x-syncai-signature", "x-syncai-signature-previous"],
    },
    Printed {
        profile: "synaptis",
        scripts: &[(Language::Node, "synaptis.js")],
        path: "/webhooks/synaptis",
        kind: "lead.verified",
        data: r#"{"lead_id":"lead_1"}"#,
        alone: &[],
    },
    Printed {
        profile: "synthesq",
        scripts: &[(Language::Node, "synthesq.js")],
        path: "/one-header",
        kind: "product.created",
        data: r#"{"id":7}"#,
        alone: &["x-webhook-signature", "x-webhook-signature-previous"],
    },
];

const SECRETS: [&str; 3] = ["the first secret", "the second secret", "the third secret"];

async fn each_secret_of_two_rotations_verifies_with_the_printed_code(on: On) {
    let authority = Authority::new();
    let site = Site::with(on, &authority.toml()).await;
    for printed in PRINTED {
        let client = client_of(&site, printed.profile).await;
        let mut receivers = Vec::new();
        for (language, script) in printed.scripts {
            for secret in SECRETS {
                let consumer = Consumer::start(*language, script, secret);
                let relay = Relay::start((printed.profile == "syncai").then_some(&authority)).await;
                relay.lead_to(consumer.address());
                subscribe_and_rotate_twice(&client, &relay.url(printed.path), printed.kind).await;
                receivers.push((consumer, relay));
            }
        }
        let (kind, data) = (printed.kind, printed.data);
        let id = publish(&client, &format!(r#"{{"type":"{kind}","data":{data}}}"#)).await;
        let mut attempts = accepted_by_all(&client, &id).await;
        attempts.sort_unstable();
        // The newest at once, the others in order of their attempts.
        let turns = |n: u64| vec![n; printed.scripts.len()];
        assert_eq!(
            attempts,
            [turns(1), turns(2), turns(3)].concat(),
            "{}",
            printed.profile
        );
        for message in receivers.iter().flat_map(|(_, relay)| relay.messages()) {
            for name in printed.alone {
                let value = message.header(name);
                assert!(value.len() == 64 && !value.contains(','), "{name}: {value}");
            }
        }
    }
}

async fn each_secret_of_an_account_verifies_on_each_kind_of_server(on: On) {
    let quick = "[profiles.synthflow.retry]\nschedule = [\"0s\", \"0s\", \"0s\"]\n";
    let product = Product::with(on, "synthflow", quick).await;
    let mut secrets = Vec::new();
    for _ in SECRETS {
        let made = product
            .client
            .post("/settings/security/webhooks/secret", &json!({}))
            .await;
        secrets.push(text(&made.expect(201), "secret"));
    }
    let mut kept = Vec::new();
    for (language, script, path) in [
        (Language::Python, "synthflow.py", "/wsgi"),
        (Language::Python, "synthflow.py", "/cgi"),
        (Language::Node, "synthflow.js", "/hooks"),
    ] {
        for (age, secret) in secrets.iter().rev().enumerate() {
            let consumer = Consumer::start(language, script, secret);
            let url = format!("http://{}{path}", consumer.address());
            let call = format!(r#"{{"call_id":"call-{age}","status":"completed"}}"#);
            let event = format!(r#"{{"type":"call.completed","data":{call},"deliver_to":"{url}"}}"#);
            let id = product.publish(&event).await;
            let attempts = accepted_by_all(&product.client, &id).await;
            assert_eq!(attempts, [age as u64 + 1], "{path}");
            kept.push(consumer);
        }
    }
}

async fn subscribe_and_rotate_twice(client: &Client, url: &str, kind: &str) {
    let subscription = json!({
        "url": url, "events": [kind], "secret": SECRETS[0], "retry": { "schedule": ["0s", "0s", "0s"] },
    });
    let made = client.post("/v1/subscriptions", &subscription).await.expect(201);
    let path = format!("/v1/subscriptions/{}/rotate-secret", text(&made, "id"));
    for secret in &SECRETS[1..] {
        let rotation = json!({ "secret": secret, "grace": "1h" });
        client.post(&path, &rotation).await.expect(200);
    }
}

/// Number of attempts of each delivery of the event.
async fn accepted_by_all(client: &Client, event: &str) -> Vec<u64> {
    eventually("every receiver has accepted the event", async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array()?;
        let done = deliveries
            .iter()
            .all(|delivery| delivery["status"] == "delivered");
        let attempts = deliveries.iter().map(|delivery| delivery["attempts"].as_u64());
        done.then(|| attempts.collect::<Option<Vec<_>>>())?
    })
    .await
}
