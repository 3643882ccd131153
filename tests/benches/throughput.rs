//! Events per second from the producer to the receiver.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::Plan;
use crate::sink::Sink;
use crate::{Bench, load};

/// Result of the measurement.
pub struct Measured {
    events: usize,
    accepted: Duration,
    delivered: Duration,
    extra: usize,
    memory: u64,
    processor: Duration,
}

/// Sends the plan's events through one subscription and waits for the arrival of the last one.
pub async fn measure(bench: &Bench, plan: &Plan, with_plugin: bool) -> Result<Measured> {
    let sink = Sink::start(plan.events).await?;
    let tenant = bench.gateway.operator().create_tenant("bench").await;
    let key = bench
        .gateway
        .operator()
        .post("/v1/tenants/bench/keys", &serde_json::json!({}))
        .await
        .expect(201);
    let key = key["key"].as_str().unwrap_or_default().to_owned();
    if with_plugin {
        tenant.redact().await;
    }
    tenant.subscribe(&format!("http://{}/hook", sink.address)).await;
    let address = bench.gateway.base().trim_start_matches("http://").parse()?;
    let used_before = crate::idle::processor_time(bench.gateway.pid())?;
    let start = Instant::now();
    load::run(address, "/v1/events", &key, plan).await?;
    let accepted = start.elapsed();
    while sink.count() < plan.events {
        ensure!(
            start.elapsed() < accepted * 4 + Duration::from_secs(60),
            "only {} came",
            sink.count()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let delivered = start.elapsed();
    ensure!(
        sink.distinct() == plan.events,
        "{} different events came",
        sink.distinct()
    );
    let memory = bench.gateway.resident()? >> 10;
    Ok(Measured {
        events: plan.events,
        accepted,
        delivered,
        extra: sink.count() - plan.events,
        memory,
        processor: crate::idle::processor_time(bench.gateway.pid())? - used_before,
    })
}

impl fmt::Display for Measured {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |time: Duration| self.events as f64 / time.as_secs_f64();
        writeln!(f, "accepted          {:>9.0} events/s", rate(self.accepted))?;
        writeln!(f, "end to end        {:>9.0} events/s", rate(self.delivered))?;
        writeln!(f, "delivered twice   {:>9}", self.extra)?;
        writeln!(f, "resident memory   {:>9} KiB", self.memory)?;
        // Unlike the rates, this figure hardly depends on other load of the machine.
        let each = self.processor.as_secs_f64() * 1e6 / self.events as f64;
        write!(f, "gateway processor {each:>9.1} µs/event")
    }
}
