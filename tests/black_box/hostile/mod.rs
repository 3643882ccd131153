//! Guests that mean harm, through a real gateway on both stores: what each of them gets, what its author is told, and that
//! nobody else notices.
//!
//! The tables are in `running` (guests that are taken, and do it when they are called), `uploads` (what is not taken) and
//! `settings`. `attack` is what each guest of `running` is put through.

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

/// A gateway, a tenant that does nothing wrong (`acme`), and its receiver.
struct Town {
    site: Site,
    receiver: Receiver,
    /// Resident memory once everything that the neighbour needs is there.
    resident: u64,
}

impl Town {
    async fn new(on: On) -> Self {
        Self::with(on, "").await
    }

    async fn with(on: On, toml: &str) -> Self {
        // A plugin that is left alone harms nobody; here each is called every time. Few operations, for a debug build is slow.
        let breaker = match toml.contains("plugins.breaker") {
            true => "",
            false => "plugins.breaker.failures = 0",
        };
        let toml = format!("{breaker}\nplugins.operations = 1000\n{toml}");
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

    /// A new tenant with a plugin of its own.
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

/// That a text has all of these words.
#[track_caller]
fn has_all(text: &str, words: &[&str], of: &str) {
    for word in words {
        assert!(text.contains(word), "{of}: `{word}` is not in `{text}`");
    }
}
