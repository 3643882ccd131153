//! The public webhook documents of real products, executed: their printed requests and their
//! printed verification code.

mod ids;
mod javascript;
mod libraries;
mod outages;
mod rotating;
mod synaptis;
mod syncai;
mod synthesq;
mod synthflow;
mod timely;

use hookgate_tests::{Client, Consumer, Message, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site};

/// A gateway with a tenant that has a product's contract.
pub(crate) struct Product {
    pub(crate) site: Site,
    pub(crate) client: Client,
}

impl Product {
    pub(crate) async fn start(on: On, profile: &str) -> Self {
        Self::with(on, profile, "").await
    }

    /// Starts it with additional configuration, TOML.
    pub(crate) async fn with(on: On, profile: &str, toml: &str) -> Self {
        let site = Site::with(on, toml).await;
        let client = client_of(&site, profile).await;
        Self { site, client }
    }

    /// Publishes an event as written and returns its id.
    pub(crate) async fn publish(&self, event: &str) -> String {
        publish(&self.client, event).await
    }

    /// Fields of an event in the native API, once each delivery has been attempted.
    pub(crate) async fn attempted(&self, event: &str) -> Vec<Value> {
        attempted(&self.client, event).await
    }

    /// Asserts that each of the event's deliveries was accepted by a receiver.
    pub(crate) async fn assert_delivered(&self, event: &str, count: usize) {
        let deliveries = self.attempted(event).await;
        let delivered = deliveries
            .iter()
            .filter(|delivery| delivery["status"] == "delivered");
        assert_eq!(
            (deliveries.len(), delivered.count()),
            (count, count),
            "{deliveries:#?}"
        );
    }

    /// Runs a document's request line with its host, its key and the given texts replaced; returns
    /// the answer.
    pub(crate) async fn curl(&self, printed: &str, replaced: &[(&str, &str)]) -> (u16, Value) {
        let host = [(host_of(printed), self.site.gateway.base())];
        let line = host
            .iter()
            .chain(replaced)
            .fold(printed.to_owned(), |line, (from, to)| {
                assert_eq!(line.matches(from).count(), 1, "{from} in {line}");
                line.replace(from, to)
            });
        hookgate_tests::curl(&line).await
    }
}

/// Creates a client of a new tenant with a product's contract.
pub(crate) async fn client_of(site: &Site, profile: &str) -> Client {
    let tenant = json!({ "id": profile, "profile": profile });
    let made = site
        .gateway
        .operator()
        .post("/v1/tenants", &tenant)
        .await
        .expect(201);
    site.acme.with_key(made["key"].as_str().unwrap())
}

pub(crate) async fn publish(client: &Client, event: &str) -> String {
    let accepted = client
        .post_raw("/v1/events", "application/json", event.to_owned())
        .await;
    accepted.expect(202)["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn attempted(client: &Client, event: &str) -> Vec<Value> {
    eventually("each delivery has been attempted", async || {
        let event = client.get(&format!("/v1/events/{event}")).await.expect(200);
        let deliveries = event["deliveries"].as_array()?.clone();
        let attempted = |delivery: &Value| delivery["attempts"].as_u64() > Some(0);
        deliveries.iter().all(attempted).then_some(deliveries)
    })
    .await
}

/// Asserts that an accepted message is accepted again, and that no changed copy of it is.
pub(crate) async fn assert_tamper_proof(consumer: &Consumer, genuine: &Message, tampered: &[Message]) {
    assert_eq!(genuine.send(consumer.address()).await, 200, "as it was sent");
    for message in tampered {
        let status = message.send(consumer.address()).await;
        // A verifier that throws, as `timingSafeEqual` does for different lengths, refuses too.
        assert!(matches!(status, 401 | 500), "{status} for {message:?}");
    }
    assert_eq!(genuine.send(consumer.address()).await, 200, "and it still runs");
}

/// Removes the spaces between the parts of printed JSON; numbers and escapes stay as printed.
pub(crate) fn compact(printed: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    let stays = |c: &char| {
        let text = within;
        if !escaped && *c == '"' {
            within = !within;
        }
        escaped = within && !escaped && *c == '\\';
        text || !c.is_ascii_whitespace()
    };
    printed.chars().filter(stays).collect()
}

/// The names of an object's members, in document order.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The string value of a member.
pub(crate) fn text(object: &Value, name: &str) -> String {
    let found = object[name].as_str();
    found
        .unwrap_or_else(|| panic!("no text {name} in {object:#}"))
        .to_owned()
}

/// Asserts the time format of the documents: `2024-01-15T10:00:00Z`.
pub(crate) fn assert_time(value: &Value) {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let shape: String = value.as_str().unwrap_or_default().chars().map(shape).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{value}");
}

/// Changes the last digit of a signature.
pub(crate) fn other_digit(signature: &str) -> String {
    let last = if signature.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &signature[..signature.len() - 1])
}

fn host_of(printed: &str) -> &str {
    let start = printed.find("https://").expect("a printed URL");
    let length = printed[start + 8..].find('/').expect("a path after it");
    &printed[start..start + 8 + length]
}
