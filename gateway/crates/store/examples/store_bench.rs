//! Benchmark of a store: events accepted and settled a second, through the committer.
//!
//! ```text
//! cargo run --release --example store_bench -- --store embedded:/tmp/bench --events 200000 --callers 512
//! ```
//! Each of many concurrent callers accepts one event with one delivery leased to itself, as ingest
//! does, and settles it as delivered. The output is wall time and the latencies of single calls.
//! Run it on an otherwise idle machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Parser;
use hookgate_domain::{
    Attempt, DeliveryId, Event, Fate, Outcome, StoredLimits, SubscriptionId, Tally, Target, TenantId,
    Timestamp, Trigger,
};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::ids::IdSource;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::{
    self as store, About, Accepted, Committer, LeasePolicy, NewEvent, Next, Retention, Settled, Settlement,
    StoreUrl, Submission, Token, group,
};
use tokio_util::sync::CancellationToken;

/// Parameters of the benchmark.
#[derive(Parser)]
struct Plan {
    /// Address of the store: `embedded:DIR`, `redis://HOST:PORT`.
    #[arg(long, default_value = "embedded:bench-data")]
    store: StoreUrl,
    /// Total number of events.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Number of concurrent callers, each with one event in progress.
    #[arg(long, default_value_t = 256)]
    callers: usize,
    /// Number of tenants.
    #[arg(long, default_value_t = 16)]
    tenants: usize,
    /// Bytes of data of each event.
    #[arg(long, default_value_t = 520)]
    bytes: usize,
    /// Maximum number of concurrent batches of each kind.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Maximum number of operations in a batch.
    #[arg(long, default_value_t = 256)]
    max_batch: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let plan = Plan::parse();
    let began = Instant::now();
    let opened = store::open(
        &plan.store,
        &store::Config::default(),
        &Retention::default(),
        Clock::System,
    )
    .await?;
    report(&format!("opened in {:?}", began.elapsed()));

    let config = group::Config {
        max_batch: plan.max_batch,
        in_flight: plan.in_flight,
        queue: plan.callers.max(1),
    };
    let (committer, service) = Committer::new(opened, &config, Metrics::new());
    let shutdown = CancellationToken::new();
    let service = tokio::spawn(service.run(shutdown.clone()));

    let began = Instant::now();
    let mut accepts = Vec::with_capacity(plan.events);
    let mut settles = Vec::with_capacity(plan.events);
    let left = Arc::new(AtomicUsize::new(plan.events));
    let callers: Vec<_> = (0..plan.callers)
        .map(|n| {
            let caller = Caller::new(n, &plan, committer.clone())?;
            Ok(tokio::spawn(caller.run(left.clone())))
        })
        .collect::<Result<_>>()?;
    for caller in callers {
        for (accept, settle) in caller.await?? {
            accepts.push(accept);
            settles.push(settle);
        }
    }
    let took = began.elapsed();
    shutdown.cancel();
    service.await?;

    let per_second =
        1e9 * f64::from(u32::try_from(accepts.len())?) / f64::from(u32::try_from(took.as_micros())?) / 1e3;
    report(&format!(
        "{} events in {took:?}: {per_second:.0} accepted and settled a second",
        accepts.len()
    ));
    quantiles("accept", accepts);
    quantiles("settle", settles);
    Ok(())
}

/// Caller that accepts and settles events.
struct Caller {
    tenant: TenantId,
    target: Target,
    ids: IdSource,
    data: Bytes,
    committer: Committer,
}

impl Caller {
    fn new(number: usize, plan: &Plan, committer: Committer) -> Result<Self> {
        let tenant = format!("tenant-{}", number % plan.tenants.max(1));
        // Pseudo-random text, so that it does not compress to nothing.
        let text: String = (0..plan.bytes)
            .map(|n| char::from(b'0' + u8::try_from((n * n + n / 7) % 75).unwrap_or(0)))
            .collect();
        Ok(Self {
            tenant: tenant.parse()?,
            target: Target::Subscription(SubscriptionId::new(ulid::Ulid::from(number as u128))),
            ids: IdSource::new(Clock::System),
            data: Bytes::from(format!("\"{text}\"")),
            committer,
        })
    }

    /// Runs the calls; returns the duration of each.
    async fn run(self, left: Arc<AtomicUsize>) -> Result<Vec<(Duration, Duration)>> {
        let mut took = Vec::new();
        let one_less = |n: usize| n.checked_sub(1);
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
        {
            took.push(self.once().await?);
        }
        Ok(took)
    }

    async fn once(&self) -> Result<(Duration, Duration)> {
        let began = Instant::now();
        let (id, token) = self.accept().await?;
        let accepted = began.elapsed();
        let began = Instant::now();
        self.settle(id, token).await?;
        Ok((accepted, began.elapsed()))
    }

    async fn accept(&self) -> Result<(DeliveryId, Token)> {
        let event = Event {
            id: self.ids.event(),
            tenant: self.tenant.clone(),
            kind: "invoice.paid".parse()?,
            created: Clock::System.now(),
            accepted: Clock::System.now(),
            data: self.data.clone(),
            metadata: None,
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: Default::default(),
            hops: Default::default(),
            trace: None,
        };
        let delivery = DeliveryId {
            event: event.id.clone(),
            target: self.target,
            run: 0,
        };
        let new = NewEvent {
            event: Arc::new(event),
            targets: vec![self.target],
            id_given: false,
        };
        let submission = Submission {
            tenant: self.tenant.clone(),
            events: vec![new],
            idempotency: None,
            lease: LeasePolicy::Hold(Duration::from_secs(60)),
            limits: StoredLimits::default(),
        };
        match self.committer.accept(submission).await? {
            Accepted::Stored { token, .. } => Ok((delivery, token.context("a lease")?)),
            other => bail!("not stored: {other:?}"),
        }
    }

    async fn settle(&self, id: DeliveryId, token: Token) -> Result<()> {
        let attempt = Attempt {
            number: 1,
            started: Timestamp::default(),
            took: Duration::from_millis(3),
            outcome: Outcome::Delivered { status: 200 },
            response: b"ok".to_vec(),
            steps: Vec::new(),
        };
        let tally = match id.target {
            Target::Subscription(of) => {
                let day = Duration::from_secs(24 * 3600);
                Some(Tally::new(of, Timestamp::default(), day, Clock::System.now()))
            }
            Target::Inline => None,
        };
        let settlement = Settlement {
            tenant: self.tenant.clone(),
            id,
            token,
            attempt: Some(attempt),
            about: Some(About {
                kind: "invoice.paid".parse().context("a type")?,
                trigger: Trigger::Published,
            }),
            tally,
            next: Next::Done,
        };
        match self.committer.settle(settlement).await? {
            Settled::Applied(_) => Ok(()),
            other => bail!("not settled: {other:?}"),
        }
    }
}

fn quantiles(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| {
        let place = (took.len() * share / 1000).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    };
    report(&format!(
        "{what}: p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    ));
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn report(line: &str) {
    println!("{line}");
}
