//! Hostile guests in a real gateway on both stores: the outcome for each guest, the message to its
//! author, and the isolation of the other tenants.
//!
//! The tables are in `running` (accepted guests that misbehave when called), `uploads` (refused
//! uploads) and `settings`. `attack` holds the checks applied to each guest of `running`.

mod attack;
mod fairness;
mod running;
mod rust;
mod settings;
mod uploads;

use bytes::Bytes;
use hookgate_tests::{Client, Receiver};
use serde_json::{Value, json};

use crate::site::{On, Site};

/// A gateway, a tenant without hostile plugins (`acme`), and its receiver.
struct Town {
    site: Site,
    receiver: Receiver,
    /// Resident memory after everything that the neighbour needs has been loaded.
    resident: u64,
}

impl Town {
    async fn new(on: On) -> Self {
        Self::with(on, "").await
    }

    async fn with(on: On, toml: &str) -> Self {
        // An open circuit breaker would hide the harm, so it is off and each guest is called every
        // time. Few operations, because a debug build is slow.
        let breaker = match toml.contains("plugins.breaker") {
            true => "",
            false => "plugins.breaker.failures = 0",
        };
        let toml = format!("{breaker}\nplugins.max_host_calls = 1000\n{toml}");
        let site = Site::with(on, &toml).await;
        let receiver = Receiver::start(vec![]).await;
        let remove = json!({ "operations": [{ "remove": "/email" }] });
        let own = json!({ "steps": [{ "plugin": "reshape", "settings": remove }] });
        site.acme.put("/v1/chain", &own).await.expect(200);
        site.acme.subscribe(&receiver.url()).await;
        for n in 0..50 {
            site.acme
                .publish("a.b", json!({ "n": n, "email": "a@b.example" }))
                .await;
        }
        receiver.wait_for(50).await;
        let resident = site.gateway.resident().unwrap();
        Self {
            site,
            receiver,
            resident,
        }
    }

    /// Creates a tenant with its own plugin.
    async fn author(&self, tenant: &str, component: Bytes) -> Client {
        let client = self.site.gateway.tenant(tenant).await;
        upload(&client, component).await.expect(201);
        client
    }

    /// The neighbour's events are accepted and delivered.
    async fn neighbour_is_served(&self, events: usize) {
        let before = self.receiver.count();
        for n in 0..events {
            let data = json!({ "n": n, "email": "a@b.example" });
            self.site.acme.publish("a.b", data).await;
        }
        let received = self.receiver.wait_for(before + events).await;
        assert!(
            received.iter().all(|request| !request.text().contains("email")),
            "its own chain has run"
        );
    }
}

async fn upload(client: &Client, component: Bytes) -> hookgate_tests::client::Answer {
    client
        .post_raw("/v1/plugins", "application/wasm", component)
        .await
}

/// A chain of the tenant's own plugin `guest`.
fn chain(on_failure: &str, settings: &Value) -> Value {
    json!({ "steps": [{ "plugin": "guest", "on_failure": on_failure, "settings": settings }] })
}

fn event() -> Value {
    json!({ "type": "a.b", "data": { "n": 1, "text": "some text", "list": [1, 2, 3] } })
}

/// Asserts that a text contains all of these words.
#[track_caller]
fn has_all(text: &str, words: &[&str], of: &str) {
    for word in words {
        assert!(text.contains(word), "{of}: `{word}` is not in `{text}`");
    }
}
