//! Effect of a backlog on another tenant: its latency from accepted to received, alone and behind
//! many deliveries to an endpoint that hangs.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

use crate::Bench;
use crate::load::Connection;
use crate::sink::Sink;

/// Parameters of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Deliveries waiting for the endpoint that hangs.
    pub waiting: usize,
    /// Events per second of the measured tenant.
    pub rate: u32,
    /// Duration in seconds, each of alone and behind.
    pub seconds: u32,
}

/// Latencies from accepted to received, in microseconds, sorted.
pub struct Measured {
    alone: Vec<u64>,
    behind: Vec<u64>,
}

/// Measures the tenant alone, then behind the backlog.
pub async fn measure(bench: &Bench, plan: Plan) -> Result<Measured> {
    let operator = bench.gateway.operator();
    let neighbour = operator.create_tenant("acme").await;
    // In the same shard of Redis.
    let loud = operator.create_tenant("initech").await;
    let hanging = TcpListener::bind("127.0.0.1:0").await?;
    let address = hanging.local_addr()?;
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = hanging.accept().await {
            open.push(stream);
        }
    });
    let events = usize::try_from(plan.rate * plan.seconds)?;
    let sink = Sink::start(3 * events).await?;
    neighbour
        .subscribe(&format!("http://{}/hook", sink.address))
        .await;
    let to = bench.gateway.base().trim_start_matches("http://").parse()?;
    let mut connection = Connection::open(to, "/v1/events", neighbour.key()).await?;
    run(&sink, &mut connection, plan, 0).await?; // the first events warm everything
    let alone = run(&sink, &mut connection, plan, events).await?;
    loud.subscribe(&format!("http://{address}/hook")).await;
    for first in (0..plan.waiting).step_by(100) {
        let event = |n: usize| json!({ "type": "a.b", "data": { "n": n } });
        let many: Vec<Value> = (first..plan.waiting.min(first + 100)).map(event).collect();
        loud.post("/v1/events", &json!(many)).await.expect(202);
    }
    let behind = run(&sink, &mut connection, plan, 2 * events).await?;
    Ok(Measured { alone, behind })
}

/// Publishes at the rate and waits until all events have arrived.
async fn run(sink: &Sink, connection: &mut Connection, plan: Plan, first: usize) -> Result<Vec<u64>> {
    let events = usize::try_from(plan.rate * plan.seconds)?;
    let (start, mut accepted) = (Instant::now(), Vec::with_capacity(events));
    for number in 0..events {
        sleep_until(start + Duration::from_secs(1) / plan.rate * u32::try_from(number)?).await;
        connection.post(first + number).await?;
        accepted.push(sink.now_nanos());
    }
    let end = Instant::now() + Duration::from_secs(120);
    while sink.distinct() < first + events {
        ensure!(Instant::now() < end, "events are missing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let arrival = |(number, accepted): (usize, &u64)| {
        let arrived = sink.arrival(first + number)?;
        Some(arrived.saturating_sub(*accepted) / 1_000)
    };
    let mut spans: Vec<u64> = accepted.iter().enumerate().filter_map(arrival).collect();
    spans.sort_unstable();
    Ok(spans)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, spans) in [("alone ", &self.alone), ("behind", &self.behind)] {
            let at = |share: usize| spans[(spans.len() * share / 1_000).min(spans.len() - 1)];
            writeln!(
                f,
                "{name}  p50 {:>7} µs  p99 {:>7} µs  max {:>7} µs",
                at(500),
                at(990),
                at(1_000)
            )?;
        }
        Ok(())
    }
}
