//! Latency of the lists and time series over a store that holds many deliveries of several tenants.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hookgate_tests::Client;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Bench;
use crate::load::Connection;
use crate::sink::Sink;

/// Size of the measurement.
pub struct Plan {
    /// Deliveries of all tenants together.
    pub deliveries: usize,
    pub tenants: usize,
    /// Requests for each list, one after the other.
    pub rounds: usize,
    /// Connections of the producers.
    pub connections: usize,
}

/// Result of the measurement.
pub struct Measured {
    deliveries: usize,
    tenants: usize,
    filled: Duration,
    lists: Vec<OneList>,
}

/// Latency of a list.
struct OneList {
    name: String,
    took: Vec<Duration>,
    items: usize,
    partial: bool,
}

/// Publishes until there are as many deliveries as planned, waits for all attempts, and asks for each list.
///
/// One in [`FAIL_EVERY`] attempts fails, and with it the delivery.
pub async fn measure(bench: &Bench, plan: &Plan) -> Result<Measured> {
    let sink = Sink::failing(0, FAIL_EVERY).await?;
    let operator = bench.gateway.operator();
    let mut tenants = Vec::new();
    for n in 0..plan.tenants.max(1) {
        let name = format!("tenant-{n}");
        let client = operator.create_tenant(&name).await;
        let mut subscription = String::new();
        for _ in 0..SUBSCRIPTIONS {
            let url = format!("http://{}/hook", sink.address);
            (subscription, _) = client.subscribe(&url).await;
        }
        tenants.push((client, subscription));
    }
    let began = Instant::now();
    fill(bench, plan, &tenants).await?;
    let events = (plan.deliveries / SUBSCRIPTIONS).div_ceil(AT_ONCE) * AT_ONCE;
    let deliveries = events * SUBSCRIPTIONS;
    let mut last = (sink.count(), Instant::now());
    while sink.count() < deliveries {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if sink.count() > last.0 {
            last = (sink.count(), Instant::now());
        }
        ensure!(
            last.1.elapsed() < STUCK,
            "only {} of {deliveries} attempts came",
            last.0
        );
    }
    // The last counts are in the store.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let filled = began.elapsed();
    let (acme, subscription) = tenants.first().context("a tenant")?;
    let mut lists = Vec::new();
    for (name, client, path) in asked(acme, &operator, subscription).await {
        lists.extend(one(name, client, &path, plan.rounds).await?);
    }
    Ok(Measured {
        deliveries,
        tenants: tenants.len(),
        filled,
        lists,
    })
}

async fn fill(bench: &Bench, plan: &Plan, tenants: &[(Client, String)]) -> Result<()> {
    let to: SocketAddr = bench.gateway.base().trim_start_matches("http://").parse()?;
    let requests = (plan.deliveries / SUBSCRIPTIONS).div_ceil(AT_ONCE);
    let next = Arc::new(AtomicUsize::new(0));
    let mut producers: JoinSet<Result<()>> = JoinSet::new();
    for _ in 0..plan.connections {
        let (next, mut connections) = (next.clone(), Vec::new());
        for (client, _) in tenants {
            connections.push(Connection::open(to, "/v1/events", client.key()).await?);
        }
        producers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok(());
                }
                let count = connections.len();
                let connection = &mut connections[number % count];
                let body = events(number * AT_ONCE);
                // A gateway that has as much as it may hold asks to wait.
                let mut status = connection.exchange(&body).await?;
                while matches!(status, 429 | 503) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    status = connection.exchange(&body).await?;
                }
                ensure!(status == 202, "publishing was answered {status}");
            }
        });
    }
    while let Some(done) = producers.join_next().await {
        done??;
    }
    Ok(())
}

/// An array of events of many types.
fn events(from: usize) -> String {
    let event = |n: usize| {
        json!({
            "type": format!("order.type{}", n % TYPES),
            "data": { "n": n, "customer": "cus_8f3k2j1h", "status": "active", "total": 18250.75, "note": "x".repeat(100) },
        })
    };
    Value::from_iter((from..from + AT_ONCE).map(event)).to_string()
}

/// Name, caller and path of each list.
async fn asked<'a>(
    acme: &'a Client,
    operator: &'a Client,
    subscription: &str,
) -> Vec<(String, &'a Client, String)> {
    let newest = acme.get("/v1/events?order=newest&limit=1").await.body;
    let event = newest["data"][0]["id"].as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for list in ["attempts", "deliveries", "events"] {
        let path = match list {
            "events" => "/v1/events?order=newest&".to_owned(),
            _ => format!("/v1/{list}?"),
        };
        for query in [
            "",
            "limit=500",
            "status=delivered",
            "status_class=5xx",
            "types=order.type7",
            "types=other.*",
            "attempt=retry",
            &format!("subscription={subscription}"),
            "since=2020-01-01T00:00:00Z&status=dead",
            &format!("q={event}"),
        ] {
            all.push((format!("{list} {query}"), acme, format!("{path}{query}")));
        }
        for query in ["", "status_class=5xx", "types=other.*", "tenant=tenant-0"] {
            let name = format!("operator {list} {query}");
            all.push((name, operator, format!("/v1/operator/{list}?{query}")));
        }
        let first = acme.get(&path).await.body;
        if let Some(cursor) = first["next_cursor"].as_str() {
            all.push((
                format!("{list} next page"),
                acme,
                format!("{path}cursor={cursor}"),
            ));
        }
        if let Some(cursor) = first["previous_cursor"].as_str() {
            all.push((
                format!("{list} what is new"),
                acme,
                format!("{path}cursor={cursor}"),
            ));
        }
    }
    for query in ["status=dead&replayed=false", "status=dead&limit=500"] {
        all.push((
            format!("deliveries {query}"),
            acme,
            format!("/v1/deliveries?{query}"),
        ));
    }
    let dead = "/v1/operator/deliveries?status=dead".to_owned();
    all.push(("operator deliveries status=dead".to_owned(), operator, dead));
    for query in [
        "measure=accepted,attempts,delivered,failed,p95&step=1m",
        "measure=attempts,failed,p95&by=subscription&step=1m",
        "measure=attempts&by=type&step=1m",
        "measure=attempts,pending,oldest_pending,dropped&step=1h",
    ] {
        all.push((
            format!("series {query}"),
            acme,
            format!("/v1/metrics/series?{query}"),
        ));
    }
    for query in [
        "measure=attempts,failed,pending&step=1m",
        "measure=attempts&by=tenant&step=1m",
    ] {
        let path = format!("/v1/operator/metrics/series?{query}");
        all.push((format!("operator series {query}"), operator, path));
    }
    all
}

/// Asks for a list again and again, after one request that is not counted; `None`: the gateway does not have it.
async fn one(name: String, client: &Client, path: &str, rounds: usize) -> Result<Option<OneList>> {
    let first = client.get(path).await;
    if first.status != 200 {
        return Ok(None);
    }
    let mut took = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        let answer = client.request(Method::GET, path).send().await?.bytes().await?;
        took.push(began.elapsed());
        drop(answer);
    }
    took.sort_unstable();
    let of = first.body["data"].as_array().or(first.body["series"].as_array());
    Ok(Some(OneList {
        name: name.trim_end().to_owned(),
        took,
        items: of.map_or(0, Vec::len),
        partial: first.body["partial"] == true,
    }))
}

impl OneList {
    /// Percentile in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let last = self.took.len().saturating_sub(1);
        let at = (self.took.len() * percent / 100).min(last);
        self.took.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

impl Measured {
    /// Figures as JSON.
    pub fn json(&self) -> Value {
        let lists = self.lists.iter().map(|list| {
            json!({
                "list": list.name, "p50_ms": list.percentile(50), "p95_ms": list.percentile(95),
                "max_ms": list.percentile(100), "items": list.items, "partial": list.partial,
            })
        });
        json!({
            "deliveries": self.deliveries, "tenants": self.tenants, "filled_seconds": self.filled.as_secs(),
            "lists": lists.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (deliveries, tenants) = (self.deliveries, self.tenants);
        writeln!(
            f,
            "{deliveries} deliveries of {tenants} tenants, filled in {:?}",
            self.filled
        )?;
        writeln!(
            f,
            "{:>9} {:>9} {:>9} {:>6}",
            "p50 ms", "p95 ms", "max ms", "items"
        )?;
        for list in &self.lists {
            let [p50, p95, max] = [50, 95, 100].map(|percent| list.percentile(percent));
            let partial = if list.partial { " (partial)" } else { "" };
            writeln!(
                f,
                "{p50:>9.1} {p95:>9.1} {max:>9.1} {:>6}  {}{partial}",
                list.items, list.name
            )?;
        }
        Ok(())
    }
}

/// Subscriptions of each tenant.
const SUBSCRIPTIONS: usize = 4;
/// Events of one request.
const AT_ONCE: usize = 100;
const TYPES: usize = 20;
const FAIL_EVERY: usize = 50;
/// Time without any attempt after which the filling is given up.
const STUCK: Duration = Duration::from_secs(120);
