//! Benchmark of one plugin call with a fresh instance each time.
//!
//! It calls the shipped redact plugin on about 1 KB, or any component.
//!
//! `cargo run --release --example plugin_call -- [--component FILE [--copied]] [--event FILE] [--settings FILE]`
#![allow(clippy::print_stdout, reason = "its purpose")]

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Parser;
use hookgate_domain::Timestamp;
use hookgate_domain::units::Size;
use hookgate_json::{Document, Limits};
use hookgate_plugin_host::{
    Artifacts, Call, Chain, Compiler, Component, ComponentLoader, Config, Host, OnFailure, Phase, Step,
    Verdict,
};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REDACT: &[u8] = include_bytes!("../../../../plugins/dist/redact.wasm");
const SETTINGS: &str = r#"{"classes":["confidential"]}"#;
const LARGE: Size = Size::from_bytes(64 << 20);

#[derive(Parser)]
struct Arguments {
    /// A component in place of the shipped redact plugin. Large components are allowed.
    #[arg(long)]
    component: Option<PathBuf>,
    /// Copy the data of large components too, as of small ones.
    #[arg(long)]
    copied: bool,
    /// The event's data.
    #[arg(long)]
    event: Option<PathBuf>,
    /// The step's settings.
    #[arg(long)]
    settings: Option<PathBuf>,
    #[arg(long, default_value_t = 50_000)]
    calls: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bytes = match &arguments.component {
        Some(file) => read(file)?.into(),
        None => Bytes::from_static(REDACT),
    };
    let payload = match &arguments.event {
        Some(file) => read(file)?,
        None => payload().into_bytes(),
    };
    let settings = match (&arguments.settings, &arguments.component) {
        (Some(file), _) => read(file)?,
        (None, Some(_)) => b"{}".to_vec(),
        (None, None) => SETTINGS.into(),
    };
    let before = resident();
    let (host, component) = prepare(&bytes, arguments.copied).await?;
    println!("loaded, it takes {} KiB", resident().saturating_sub(before) >> 10);
    let step = Step::new(
        component.description.name.clone(),
        Some(component),
        Arc::new(Document::parse(&settings, Limits::default())?),
        OnFailure::Fail,
    );
    let chain = Arc::new(Chain::from(vec![step]));
    let data = Document::parse(&payload, Limits::default())?;
    println!("{} bytes of event, a fresh instance per call:", payload.len());
    for inflight in [1, 2, 16, 64] {
        measure(&host, &chain, &data, (inflight, arguments.calls)).await?;
    }
    println!("then the process takes {} KiB", resident() >> 10);
    let started = Instant::now();
    for _ in 0..arguments.calls {
        std::hint::black_box(Document::parse(&payload, Limits::default())?.clone());
    }
    let alone = micros(started.elapsed(), arguments.calls);
    println!("parsing and cloning alone: {alone:.1} µs");
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.display().to_string())
}

/// Returns a host and the component: compiled, then loaded once more from its artifact.
async fn prepare(bytes: &Bytes, copied: bool) -> anyhow::Result<(Host, Arc<Component>)> {
    let directory = std::env::temp_dir().join(format!("hookgate-bench-{}", std::process::id()));
    let started = Instant::now();
    host(&directory, copied)?.load(bytes.clone()).await?;
    println!("{} bytes, compiled in {:.1?}", bytes.len(), started.elapsed());
    let host = host(&directory, copied)?;
    let started = Instant::now();
    let component = host.load(bytes.clone()).await?;
    println!("loaded from what was kept in {:.1?}", started.elapsed());
    std::fs::remove_dir_all(directory)?;
    Ok((host, component))
}

fn host(directory: &Path, copied: bool) -> anyhow::Result<Host> {
    let artifacts = Artifacts::new(directory.to_owned(), [1; 32]);
    let loader = ComponentLoader::new(Compiler::InProcess, artifacts, NonZeroU32::MIN);
    let mut config = Config::default();
    if copied {
        config.upload = LARGE;
        config.memory = config.large.memory;
        config.table_elements = config.large.table_elements;
        config.instances = config.large.instances;
        config.call_deadline = config.large.call_deadline;
    } else {
        config.large.upload = Some(LARGE);
    }
    Ok(Host::start(
        &Arc::new(config),
        Clock::System,
        Metrics::new(),
        loader,
        [2; 32],
    )?)
}

async fn measure(
    host: &Host,
    chain: &Arc<Chain>,
    data: &Document,
    (inflight, count): (u32, u32),
) -> anyhow::Result<()> {
    let (started, worked) = (Instant::now(), processor_time());
    let tasks = (0..inflight)
        .map(|_| tokio::spawn(calls(host.clone(), chain.clone(), data.clone(), count / inflight)));
    for task in tasks.collect::<Vec<_>>() {
        task.await.context("a task")??;
    }
    let made = count / inflight * inflight;
    let each = micros(started.elapsed(), made);
    let work = micros(processor_time().saturating_sub(worked), made);
    println!("{inflight:3} at a time: {each:5.1} µs per call, {work:5.1} µs of processor time");
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
        ensure!(!done.steps[0].changed.is_empty(), "nothing was changed");
    }
    Ok(())
}

fn micros(elapsed: Duration, calls: u32) -> f64 {
    elapsed.as_secs_f64() * 1e6 / f64::from(calls.max(1))
}

/// Processor time of the process, to a hundredth of a second; zero where it is not reported.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields after the name: the first is the state, the 12th and 13th are user and system time.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let hundredths = fields.split_whitespace().skip(11).take(2);
    Duration::from_millis(
        hundredths
            .filter_map(|figure| figure.parse::<u64>().ok())
            .sum::<u64>()
            * 10,
    )
}

/// Resident memory of the process, in bytes; 0 where the system does not report it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
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
