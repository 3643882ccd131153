//! The public webhook documents of real products, run: their printed request lines, their printed verification code.

mod synaptis;

use hookgate_tests::{Client, Consumer, Message, eventually};
use serde_json::{Value, json};

use crate::site::{On, Site};

/// A gateway with a tenant that has a product's contract.
pub(crate) struct Product {
    _site: Site,
    pub(crate) client: Client,
}

impl Product {
    pub(crate) async fn start(on: On, profile: &str) -> Self {
        Self::with(on, profile, "").await
    }

    /// With more configuration, TOML.
    pub(crate) async fn with(on: On, profile: &str, toml: &str) -> Self {
        let site = Site::with(on, toml).await;
        let tenant = json!({ "id": "product", "profile": profile });
        let made = site
            .gateway
            .operator()
            .post("/v1/tenants", &tenant)
            .await
            .expect(201);
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let client = site.acme.with_key(&text("key"));
        Self { _site: site, client }
    }

    /// Subscribes over the native API; the id and the secret.
    pub(crate) async fn subscribe(&self, subscription: &Value) -> (String, String) {
        let made = self
            .client
            .post("/v1/subscriptions", subscription)
            .await
            .expect(201);
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        (text("id"), text("secret"))
    }

    /// Publishes a whole event; its id.
    pub(crate) async fn publish(&self, event: &Value) -> String {
        let accepted = self.client.post("/v1/events", event).await.expect(202);
        accepted["id"].as_str().unwrap().to_owned()
    }

    /// The event's deliveries, once each has been attempted.
    pub(crate) async fn attempted(&self, event: &str) -> Vec<Value> {
        eventually("each delivery has been attempted", async || {
            let event = self.client.get(&format!("/v1/events/{event}")).await.expect(200);
            let deliveries = event["deliveries"].as_array()?.clone();
            let attempted = |delivery: &Value| delivery["attempts"].as_u64() > Some(0);
            deliveries.iter().all(attempted).then_some(deliveries)
        })
        .await
    }

    /// The event's only delivery has been delivered: the receiver has accepted it.
    pub(crate) async fn assert_delivered(&self, event: &str) {
        let deliveries = self.attempted(event).await;
        assert_eq!(deliveries.len(), 1, "{deliveries:#?}");
        assert_eq!(deliveries[0]["status"], "delivered", "{:#}", deliveries[0]);
    }
}

/// What was accepted is accepted again, and no changed copy of it is.
pub(crate) async fn assert_tamper_proof(consumer: &Consumer, genuine: &Message, tampered: &[Message]) {
    assert_eq!(genuine.send(consumer.address()).await, 200, "as it was sent");
    for message in tampered {
        let status = message.send(consumer.address()).await;
        // A verifier that throws, as `timingSafeEqual` does for lengths that differ, refuses too.
        assert!(matches!(status, 401 | 500), "{status} for {message:?}");
    }
    assert_eq!(genuine.send(consumer.address()).await, 200, "and it still runs");
}

/// JSON without its spaces, members in their order.
pub(crate) fn compact(printed: &str) -> String {
    serde_json::from_str::<Value>(printed).unwrap().to_string()
}

/// A character of a hexadecimal signature, changed.
pub(crate) fn other_digit(signature: &str) -> String {
    let last = if signature.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &signature[..signature.len() - 1])
}
