//! Activity after the demonstration: events at a gentle rate, and an endpoint that fails for a while and
//! recovers, so that the dashboard has something to show.

use std::io::BufRead as _;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::client::Client;
use super::super::output::{Failure, bold, dim, green, say};
use super::super::receiver::{Arrival, Receiver};
use super::story::{BILLING, Flaky};

/// Demonstration that goes on until it is dropped.
pub(super) struct Life {
    pub operator: Client,
    pub tenant: Client,
    pub arrivals: mpsc::UnboundedReceiver<Arrival>,
    pub flaky: Flaky,
}

impl Life {
    /// Publishes events, and makes a new link for each line of the standard input. Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut lines = lines();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (begun, mut count) = (Instant::now(), 0);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    self.flaky.fail(is_failing(begun.elapsed()));
                    // A gateway that stops refuses it; the demonstration ends then.
                    let _ = self.tenant.ask(Method::POST, "/v1/events", Some(&event(count))).await;
                    count += 1;
                }
                Some(()) = lines.recv() => {
                    if let Ok(link) = link(&self.operator).await {
                        say(format_args!("    {}", green(&link)));
                    }
                }
                // What arrived is in the dashboard.
                Some(_) = self.arrivals.recv() => {}
            }
        }
    }
}

/// Adds an endpoint that fails now and then, and whose deliveries have one retry only: it makes dead letters.
pub(super) async fn add_impatient(
    tenant: &Client,
    endpoint: &str,
    receiver: &Receiver,
) -> Result<(), Failure> {
    let subscription = json!({
        "url": format!("{endpoint}{BILLING}"),
        "events": ["invoice.*"],
        "description": "Given up after one retry",
        "retry": { "schedule": ["1s"] },
    });
    let made = tenant
        .ask(Method::POST, "/v1/subscriptions", Some(&subscription))
        .await?;
    receiver.trust(made["secret"].as_str().unwrap_or_default());
    Ok(())
}

/// Prints a link into the dashboard, signed in.
pub(super) async fn invite(operator: &Client) -> Result<(), Failure> {
    let link = link(operator).await?;
    say(bold(
        "\nThe dashboard, signed in. The link works once, within a minute; Enter makes a new one:",
    ));
    say(format_args!("\n    {}\n", green(&link)));
    say(dim(
        "    Events keep coming, and two endpoints fail now and then: one recovers, the other leaves dead letters. Ctrl-C ends it.",
    ));
    Ok(())
}

async fn link(operator: &Client) -> Result<String, Failure> {
    let made = operator
        .ask(
            Method::POST,
            "/v1/operator/dashboard-links",
            Some(&json!({ "ttl": "24h" })),
        )
        .await?;
    let url = made["url"].as_str().map(str::to_owned);
    url.ok_or_else(|| Failure::new("the gateway's answer has no `url`"))
}

/// A message for each line of the standard input, which is read by a thread of its own.
fn lines() -> mpsc::Receiver<()> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || sender.blocking_send(()).is_err() {
                return;
            }
        }
    });
    lines
}

/// Phases of the failing endpoint: it works, then fails for [`FAILING`] of each [`PERIOD`]. Pure.
fn is_failing(since: Duration) -> bool {
    let in_period = since.as_secs() % PERIOD.as_secs();
    (FIRST_FAILURE..FIRST_FAILURE + FAILING.as_secs()).contains(&in_period)
}

/// Sample event of a number, with confidential fields that the chain removes. Pure.
fn event(count: u64) -> Value {
    let (id, person) = (
        1000 + count,
        ["ada", "grace", "alan", "edsger"][usize::try_from(count % 4).unwrap_or(0)],
    );
    let email = format!("{person}@example.com");
    let (kind, data) = match count % 7 {
        0 | 3 => (
            "lead.verified",
            json!({ "lead_id": format!("lead_{id}"), "quality_score": 60 + count % 40, "contact": { "name": person, "email": email, "phone": "+1 555 0100" } }),
        ),
        1 => (
            "invoice.paid",
            json!({ "id": format!("in_{id}"), "status": "paid", "customer": { "id": format!("cus_{id}"), "email": email } }),
        ),
        2 => (
            "customer.created",
            json!({ "id": format!("cus_{id}"), "status": "active", "email": email, "notes": "prefers to be called after six" }),
        ),
        4 => (
            "lead.rejected",
            json!({ "lead_id": format!("lead_{id}"), "reason": "duplicate", "contact": { "email": email } }),
        ),
        5 => (
            "product.price_changed",
            json!({ "id": format!("prd_{id}"), "price": 129.00, "cost": 61.35, "margin": 0.5244 }),
        ),
        _ => (
            "invoice.overdue",
            json!({ "id": format!("in_{id}"), "status": "overdue", "days": count % 30, "customer": { "email": email } }),
        ),
    };
    json!({ "type": kind, "data": data })
}

const EVERY: Duration = Duration::from_millis(1500);
const PERIOD: Duration = Duration::from_secs(90);
const FAILING: Duration = Duration::from_secs(25);
/// Second of each period at which the endpoint begins to fail.
const FIRST_FAILURE: u64 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_endpoint_fails_and_recovers() {
        for (second, failing) in [
            (0, false),
            (14, false),
            (15, true),
            (39, true),
            (40, false),
            (89, false),
            (105, true),
        ] {
            assert_eq!(is_failing(Duration::from_secs(second)), failing, "{second}");
        }
    }

    #[test]
    fn demo_events_have_several_types() {
        let kinds: std::collections::BTreeSet<_> = (0..7).map(|n| event(n)["type"].to_string()).collect();
        assert_eq!(kinds.len(), 6);
    }
}
