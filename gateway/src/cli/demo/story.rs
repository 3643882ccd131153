//! Steps of the demonstration, in order, each with its checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::super::client::Client;
use super::super::output::{Failure, bold, dim, green, say};
use super::super::receiver::{Arrival, Receiver};
use super::samples::{Sample, samples};

/// State shared by the steps.
pub(super) struct Story {
    pub operator: Client,
    pub gateway: String,
    pub endpoint: String,
    pub receiver: Receiver,
    pub arrivals: mpsc::UnboundedReceiver<Arrival>,
    pub flaky: Flaky,
}

/// Endpoint that fails at first, and later when it is told to.
#[derive(Debug, Clone, Default)]
pub(super) struct Flaky(Arc<FlakyState>);

#[derive(Debug, Default)]
struct FlakyState {
    asked: AtomicU32,
    failing: AtomicBool,
}

impl Flaky {
    /// Status for each path: 503 the first two times at the flaky endpoint, and at the endpoints that fail now and then
    /// while they fail, else 200.
    pub(super) fn judge(self) -> impl Fn(&str) -> u16 {
        move |path| {
            let first = path == FLAKY && self.0.asked.fetch_add(1, Ordering::SeqCst) < FAILURES;
            let fails = matches!(path, FLAKY | BILLING) && self.0.failing.load(Ordering::SeqCst);
            if first || fails { 503 } else { 200 }
        }
    }

    /// Makes the endpoint fail, or work.
    pub(super) fn fail(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::SeqCst);
    }

    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl Story {
    /// Runs all steps. Returns the tenant's key if every check passed.
    pub(super) async fn tell(&mut self) -> Result<String, Failure> {
        say(format_args!(
            "{} at {}, embedded store, nothing else running",
            bold("gateway"),
            self.gateway
        ));
        say(format_args!("{} at {}", bold("receiver"), self.endpoint));
        let key = self.make_tenant().await?;
        let tenant = Client::new(&self.gateway, None, &key)?;
        self.set_up(&tenant).await?;
        let samples = samples();
        let ids = publish(&tenant, &samples).await?;
        self.receive(&samples, &ids).await?;
        attempts(&tenant, &ids[0]).await?;
        feed(&tenant, &samples, &ids).await?;
        say(green(
            "\neverything held: accepted, redacted before the first write, stored, signed, delivered, retried, in the feed",
        ));
        Ok(key)
    }

    async fn make_tenant(&self) -> Result<String, Failure> {
        let made = self
            .operator
            .ask(Method::POST, "/v1/tenants", Some(&json!({ "id": "demo" })))
            .await?;
        step(1, "a tenant, and its key");
        text(&made, "key")
    }

    async fn set_up(&self, tenant: &Client) -> Result<(), Failure> {
        // Fields that the settings name are named in the event's report, too.
        let settings = json!({ "classes": ["confidential"], "fields": CONFIDENTIAL });
        let chain = json!({ "steps": [{ "plugin": "redact", "settings": settings }] });
        tenant.ask(Method::PUT, "/v1/chain", Some(&chain)).await?;
        step(
            2,
            "its chain: the WebAssembly component `redact` removes confidential fields before anything is stored",
        );
        for (path, patterns) in [(STEADY, json!(["*"])), (FLAKY, json!(["lead.*"]))] {
            let body = json!({ "url": format!("{}{path}", self.endpoint), "events": patterns });
            let made = tenant.ask(Method::POST, "/v1/subscriptions", Some(&body)).await?;
            check(
                self.receiver.trust(&text(&made, "secret")?),
                "the subscription's secret is one",
            )?;
        }
        step(
            3,
            "two subscriptions: one endpoint works, the other fails twice before it recovers",
        );
        Ok(())
    }

    /// Waits until everything is delivered: each event once to each matching subscription.
    async fn receive(&mut self, samples: &[Sample], ids: &[String]) -> Result<(), Failure> {
        step(5, "deliveries, each with its signature verified");
        let deadline = Instant::now() + PATIENCE;
        let mut missing = samples.len() + 1;
        while missing > 0 {
            let Ok(Some(arrival)) = timeout_at(deadline, self.arrivals.recv()).await else {
                return Err(Failure::new(format!(
                    "{missing} deliveries did not arrive within {PATIENCE:?}"
                )));
            };
            check(ids.contains(&arrival.id), "only what was published arrives")?;
            check(
                arrival.genuine == Some(Ok(())),
                "every delivery's signature verifies",
            )?;
            let body = String::from_utf8_lossy(&arrival.body).into_owned();
            check_clean(&body, samples, "a delivery")?;
            show(&arrival, &body);
            missing -= usize::from(arrival.answered == 200);
        }
        check(
            self.flaky.asked() == FAILURES + 1,
            "the failing endpoint was tried again until it recovered, and no more",
        )
    }
}

async fn publish(tenant: &Client, samples: &[Sample]) -> Result<Vec<String>, Failure> {
    step(4, "events over HTTP; 202 means stored durably");
    let mut ids = Vec::new();
    for sample in samples {
        let body = json!({ "type": sample.kind, "data": sample.data });
        let accepted = tenant.ask(Method::POST, "/v1/events", Some(&body)).await?;
        let id = text(&accepted, "id")?;
        say(format_args!("     202 {id} {}", bold(sample.kind)));
        say(dim(&format!("         sent {}", sample.data)));
        ids.push(id);
    }
    Ok(ids)
}

/// Checks the failing endpoint's attempts as the gateway recorded them.
async fn attempts(tenant: &Client, id: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let event = tenant.ask(Method::GET, &format!("/v1/events/{id}"), None).await?;
        let deliveries = event["deliveries"].as_array().cloned().unwrap_or_default();
        let recovered = deliveries
            .iter()
            .find(|d| d["attempts"].as_u64() == Some(u64::from(FAILURES) + 1));
        let settled = deliveries.len() == 2 && deliveries.iter().all(|d| d["status"] == "delivered");
        if settled && let Some(recovered) = recovered {
            let path = format!("/v1/deliveries/{}", text(recovered, "id")?);
            let delivery = tenant.ask(Method::GET, &path, None).await?;
            check(
                delivery["attempts"][0]["response_body"] == REFUSAL,
                "the endpoint's response is recorded with the attempt",
            )?;
            step(
                6,
                "the failing endpoint recovered through backoff: 503, 503, 200; retries recorded, nothing lost",
            );
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!(
                "the gateway's record of the attempts is another: {deliveries:?}"
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn feed(tenant: &Client, samples: &[Sample], ids: &[String]) -> Result<(), Failure> {
    let page = tenant.ask(Method::GET, "/v1/events?limit=10", None).await?;
    let events = page["data"].as_array().cloned().unwrap_or_default();
    let read: Vec<_> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    check(
        read == *ids,
        "the feed has the same events in the order in which they were accepted",
    )?;
    check_clean(&page.to_string(), samples, "the feed")?;
    step(7, "the same events, pulled from the feed");
    for event in &events {
        say(format_args!(
            "     {} {}",
            event["id"].as_str().unwrap_or_default(),
            dim(&event["data"].to_string())
        ));
    }
    Ok(())
}

fn show(arrival: &Arrival, body: &str) {
    let path = &arrival.path;
    let answered = if arrival.answered == 200 {
        green("200")
    } else {
        format!("{} (to be retried)", arrival.answered)
    };
    say(format_args!(
        "     {path} {} {}, answered {answered}",
        arrival.id,
        green("signature genuine")
    ));
    if arrival.answered == 200 {
        say(dim(&format!("         got {body}")));
    }
}

fn check_clean(seen: &str, samples: &[Sample], place: &str) -> Result<(), Failure> {
    let leaked = samples
        .iter()
        .flat_map(|sample| sample.confidential)
        .find(|text| seen.contains(**text));
    match leaked {
        None => Ok(()),
        Some(_) => Err(Failure::new(format!(
            "{place} holds a confidential value that the plugin removed"
        ))),
    }
}

fn check(held: bool, promise: &str) -> Result<(), Failure> {
    if held {
        Ok(())
    } else {
        Err(Failure::new(format!("this did not hold: {promise}")))
    }
}

fn step(number: u8, what: &str) {
    say(format_args!("\n{} {what}", bold(&format!("{number}.  "))));
}

fn text(body: &Value, field: &str) -> Result<String, Failure> {
    let found = body[field].as_str().map(str::to_owned);
    found.ok_or_else(|| Failure::new(format!("the gateway's answer has no `{field}`")))
}

/// Confidential fields of the demonstration's events.
const CONFIDENTIAL: [&str; 9] = [
    "/address",
    "/contact/email",
    "/contact/phone",
    "/cost",
    "/customer/email",
    "/email",
    "/lifetimeValue",
    "/margin",
    "/notes",
];
const STEADY: &str = "/hooks/steady";
const FLAKY: &str = "/hooks/flaky";
/// Endpoint whose deliveries are given up soon, so that there are dead letters.
pub(super) const BILLING: &str = "/hooks/billing";
/// Body of the receiver's responses while it fails, which the gateway records.
pub(super) const REFUSAL: &str = r#"{"error":"maintenance"}"#;
/// Failed attempts of the failing endpoint.
const FAILURES: u32 = 2;
/// Timeout of each step.
const PATIENCE: Duration = Duration::from_secs(20);
