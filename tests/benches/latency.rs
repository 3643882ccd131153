//! Latency from accepted to received, at a steady rate that does not wait for answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::Bench;
use crate::load::Connection;
use crate::sink::Sink;

/// Measured latencies, in microseconds, sorted.
pub struct Measured {
    accepted_to_received: Vec<u64>,
    posted_to_received: Vec<u64>,
}

/// Posts at the rate over a few connections.
pub async fn measure(bench: &Bench, rate: u32, seconds: u32) -> Result<Measured> {
    let events = usize::try_from(rate * seconds)?;
    let sink = Arc::new(Sink::start(events).await?);
    let tenant = bench.gateway.operator().create_tenant("bench").await;
    let key = bench
        .gateway
        .operator()
        .post("/v1/tenants/bench/keys", &serde_json::json!({}))
        .await
        .expect(201);
    let key = key["key"].as_str().context("a key")?.to_owned();
    tenant.redact().await;
    tenant.subscribe(&format!("http://{}/hook", sink.address)).await;
    let address = bench.gateway.base().trim_start_matches("http://").parse()?;

    let times = Arc::new(Mutex::new(vec![(0, 0); events]));
    let mut workers = JoinSet::new();
    let start = Instant::now();
    for worker in 0..WORKERS {
        let mut connection = Connection::open(address, "/v1/events", &key).await?;
        let (sink, times) = (sink.clone(), times.clone());
        workers.spawn(async move {
            for number in (worker..events).step_by(WORKERS) {
                let due = Duration::from_secs(1) / rate * u32::try_from(number)?;
                sleep_until(start + due).await;
                let posted = sink.now_nanos();
                connection.post(number).await?;
                times.lock().await[number] = (posted, sink.now_nanos());
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    while sink.distinct() < events {
        anyhow::ensure!(
            start.elapsed() < Duration::from_secs(u64::from(seconds) + 60),
            "events are missing"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let times = times.lock().await;
    let spans = |from: fn(&(u64, u64)) -> u64| {
        let mut spans: Vec<u64> = (0..events)
            .filter_map(|number| Some(sink.arrival(number)?.saturating_sub(from(&times[number])) / 1_000))
            .collect();
        spans.sort_unstable();
        spans
    };
    Ok(Measured {
        accepted_to_received: spans(|t| t.1),
        posted_to_received: spans(|t| t.0),
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, spans: &[u64]| {
            let at = |share: usize| spans[(spans.len() * share / 1_000).min(spans.len() - 1)];
            write!(
                f,
                "{name}  p50 {:>6} µs  p99 {:>6} µs  p99.9 {:>6} µs",
                at(500),
                at(990),
                at(999)
            )
        };
        row(f, "accepted to received", &self.accepted_to_received)?;
        writeln!(f)?;
        row(f, "posted to received  ", &self.posted_to_received)
    }
}

const WORKERS: usize = 16;
