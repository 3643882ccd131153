//! HTTP client of a producer or an operator: JSON in, status and JSON out.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::BOUND;

/// A client of one gateway with one key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
    tenant: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: reqwest::header::HeaderMap,
    /// The body as JSON; a string if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The stable code of a problem; empty for other bodies.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The delay after which the answer asks for a retry. Omits answers about the tenant's own
    /// plugins, which do not depend on the machine's speed: tests must see those.
    pub fn come_again(&self) -> Option<Duration> {
        let own = matches!(self.code(), "plugin_failed" | "tenant_busy");
        let asks = matches!(self.status, 429 | 503) && !own;
        let seconds = self.header("retry-after").parse().ok();
        seconds.filter(|_| asks).map(Duration::from_secs)
    }

    /// Returns the body if the status is as expected.
    ///
    /// # Panics
    /// If it is not; the message shows the answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "the answer was {:#}", self.body);
        self.body
    }
}

impl Client {
    /// Creates a client with a key.
    ///
    /// # Panics
    /// Never in practice: the HTTP client loads nothing.
    pub fn new(base: &str, key: &str) -> Self {
        // A second client finds the provider installed, which is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(2 * BOUND)
            .build()
            .expect("an HTTP client");
        Self {
            http,
            base: base.to_owned(),
            key: key.to_owned(),
            tenant: None,
        }
    }

    /// As [`new`](Self::new), towards a gateway with a certificate of this authority, PEM.
    ///
    /// # Panics
    /// If the file is not a PEM certificate.
    #[must_use]
    pub fn trusting(&self, authority: &Path) -> Self {
        let pem = std::fs::read(authority).expect("a file");
        let certificate = reqwest::Certificate::from_pem(&pem).expect("a certificate");
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(2 * BOUND)
            .add_root_certificate(certificate)
            .build()
            .expect("an HTTP client");
        Self { http, ..self.clone() }
    }

    /// The same client with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            tenant: None,
            ..self.clone()
        }
    }

    /// The key, for other kinds of clients.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A client of the operator that acts for a tenant.
    #[must_use]
    pub fn acting_for(&self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.to_owned()),
            ..self.clone()
        }
    }

    /// The same client towards another gateway.
    #[must_use]
    pub fn towards(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// Builds a request with the key, to be completed and passed to `send`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("hookgate-tenant", tenant);
        }
        request
    }

    /// Sends a request. A transport error is an `Err`, for tests that kill the gateway.
    ///
    /// # Errors
    /// If no complete answer arrived.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If no complete answer arrived.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer of the gateway")
    }

    /// Sends GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends POST with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends PUT with JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// Sends PATCH with JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sends DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Sends POST with text of a content type.
    pub async fn post_raw(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(
            self.request(Method::POST, path)
                .header("content-type", content_type)
                .body(body),
        )
        .await
    }

    /// Creates a tenant (with the operator's key) and returns a client with its key.
    pub async fn create_tenant(&self, id: &str) -> Self {
        let made = self.post("/v1/tenants", &json!({ "id": id })).await.expect(201);
        self.with_key(made["key"].as_str().expect("a key"))
    }

    /// Creates a subscription to all events and returns its id and secret.
    pub async fn subscribe(&self, url: &str) -> (String, String) {
        let made = self
            .post("/v1/subscriptions", &json!({ "url": url, "events": ["*"] }))
            .await
            .expect(201);
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        (text("id"), text("secret"))
    }

    /// Posts an event and returns its id. Retries with the same key when the answer asks for it.
    pub async fn publish(&self, kind: &str, data: Value) -> String {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let key = format!("publish-{}", KEYS.fetch_add(1, Ordering::Relaxed));
        let event = json!({ "type": kind, "data": data });
        let began = Instant::now();
        loop {
            let request = self.request(Method::POST, "/v1/events");
            let answer = self
                .send(request.header("idempotency-key", &key).json(&event))
                .await;
            match answer.come_again() {
                Some(wait) if began.elapsed() < BOUND => tokio::time::sleep(wait).await,
                _ => {
                    let accepted = answer.expect(202);
                    return accepted["id"].as_str().expect("an id").to_owned();
                }
            }
        }
    }

    /// Sets a chain that redacts the confidential and restricted classes.
    pub async fn redact(&self) {
        let step = json!({ "plugin": "redact", "settings": { "classes": ["confidential", "restricted"] } });
        self.put("/v1/chain", &json!({ "steps": [step] }))
            .await
            .expect(200);
    }
}
