//! Prints what a plugin call costs: the shipped redact plugin on about 1 KB, a fresh instance each time.
//!
//! `cargo run --release -p hookgate --example plugin_call`
#![allow(clippy::print_stdout, reason = "its purpose")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use hookgate::clock::Clock;
use hookgate::document::{Document, Limits};
use hookgate::domain::Timestamp;
use hookgate::plugin::{
    Artifacts, Call, Chain, Compiler, Config, Host, OnFailure, Phase, Step, Verdict, Workshop,
};
use hookgate::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REDACT: &[u8] = include_bytes!("../../plugins/dist/redact.wasm");
const CALLS: u32 = 50_000;
const SETTINGS: &str = r#"{"classes":["confidential"]}"#;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (host, chain) = prepare().await?;
    let data = Document::parse(payload().as_bytes(), Limits::default())?;
    println!("redact on {} bytes, a fresh instance per call:", payload().len());
    for inflight in [1, 2, 16, 64] {
        measure(&host, &chain, &data, inflight).await?;
    }
    let started = Instant::now();
    for _ in 0..CALLS {
        std::hint::black_box(Document::parse(payload().as_bytes(), Limits::default())?.clone());
    }
    println!("parsing and cloning alone: {:.1} µs", micros(started.elapsed()));
    Ok(())
}

async fn prepare() -> anyhow::Result<(Host, Arc<Chain>)> {
    let directory = std::env::temp_dir().join(format!("hookgate-bench-{}", std::process::id()));
    let artifacts = Artifacts::new(directory.clone(), [1; 32]);
    let workshop = Workshop::new(Compiler::InProcess, artifacts, NonZeroU32::MIN);
    let host = Host::start(
        &Arc::new(Config::default()),
        Clock::System,
        Metrics::new(),
        workshop,
        [2; 32],
    )?;
    let component = host.load(Bytes::from_static(REDACT)).await?;
    std::fs::remove_dir_all(directory)?;
    let step = Step::new(
        "redact".to_owned(),
        Some(component),
        Arc::new(Document::parse(SETTINGS.as_bytes(), Limits::default())?),
        OnFailure::Fail,
    );
    Ok((host, Arc::new(Chain::from(vec![step]))))
}

async fn measure(host: &Host, chain: &Arc<Chain>, data: &Document, inflight: u32) -> anyhow::Result<()> {
    let started = Instant::now();
    let tasks = (0..inflight)
        .map(|_| tokio::spawn(calls(host.clone(), chain.clone(), data.clone(), CALLS / inflight)));
    for task in tasks.collect::<Vec<_>>() {
        task.await.context("a task")??;
    }
    println!(
        "{inflight:3} at a time: {:5.1} µs per call",
        micros(started.elapsed())
    );
    Ok(())
}

async fn calls(host: Host, chain: Arc<Chain>, data: Document, count: u32) -> anyhow::Result<()> {
    let metadata = Arc::new(Document::parse(b"{}", Limits::default())?);
    for _ in 0..count {
        let call = Call {
            tenant: "acme".parse()?,
            chain: chain.clone(),
            id: "evt_1".parse()?,
            kind: "invoice.paid".parse()?,
            created: Timestamp::from_millis(1_700_000_000_000),
            phase: Phase::Ingress,
            metadata: metadata.clone(),
            data: data.clone(),
        };
        let done = host.run(call).await;
        ensure!(done.verdict == Verdict::Pass, "{:?}", done.verdict);
        ensure!(!done.steps[0].changed.is_empty(), "nothing was redacted");
    }
    Ok(())
}

fn micros(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e6 / f64::from(CALLS)
}

/// About 1 KB: a paid invoice with its customer and lines.
fn payload() -> String {
    let line = |n: u32| {
        format!(r#"{{"sku":"SKU-{n}","title":"Widget number {n}","quantity":{n},"price":19.90,"cost":7.5}}"#)
    };
    let lines: Vec<String> = (1..=8).map(line).collect();
    format!(
        r#"{{"invoice":{{"id":"inv_42","currency":"EUR","total":1592.00,"paid":true,"lines":[{}]}},"customer":{{"id":"cus_7","name":"Ada Example","email":"ada@example.com","phone":"+44 20 7946 0000","address":{{"street":"1 Example Road","city":"London"}},"lifetimeValue":104233.5,"plan":"pro"}},"notes":"call before noon"}}"#,
        lines.join(",")
    )
}
