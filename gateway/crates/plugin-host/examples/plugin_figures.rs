//! Benchmark of plugins: calls with a fresh instance, chains, many plugins, threads, uploads.
//!
//! `cargo build --release --workspace --examples && target/release/examples/plugin_figures [calls|loading|many]`
//!
//! A step is measured within a chain that repeats it, so that handing an event to a guest thread
//! and back, which a chain does once, is left out. The first run compiles a thousand components,
//! which takes minutes; later runs load them from their artifacts.
#![allow(clippy::print_stdout, reason = "its purpose")]

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use hookgate_domain::{Timestamp, units::Span};
use hookgate_json::{Allowance, Document, Limits, PatternSet, Redaction};
use hookgate_plugin_host::{
    Artifacts, Call, Chain, Compiler, Component, ComponentLoader, Config, Host, OnFailure, Phase, Step,
    Verdict,
};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REDACT: &[u8] = include_bytes!("../../../../plugins/dist/redact.wasm");
const FILTER: &[u8] = include_bytes!("../../../../plugins/dist/filter.wasm");
const RESHAPE: &[u8] = include_bytes!("../../../../plugins/dist/reshape.wasm");
/// About 1 KB: an order with ten confidential fields.
const ORDER: &str = include_str!("order.json");
/// The ten fields of the order.
const TEN_FIELDS: &str =
    "/**/~email|phone|street|postcode|taxId|iban|lifetimeValue|discountRate|notes|password";
const STEPS: usize = 240;
const CHAINS: usize = 50;
const ROUNDS: usize = 9;
const TENANTS: usize = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let data = Document::parse(ORDER.as_bytes(), Limits::default())?;
    let wanted = std::env::args().nth(1);
    let wants = |part: &str| wanted.as_deref().is_none_or(|wanted| wanted == part);
    println!("{} bytes, ten fields, a fresh instance per call", ORDER.len());
    if wants("calls") {
        calls(&data).await?;
    }
    if wants("loading") {
        loading().await?;
    }
    if wants("many") {
        many_plugins(&data).await?;
    }
    Ok(())
}

/// One plugin, a chain of three, and two threads.
async fn calls(data: &Document) -> anyhow::Result<()> {
    let host = host(1, Path::new("target/plugin-figures"))?;
    let redact = host.load(Bytes::from_static(REDACT)).await?;
    let filter = host.load(Bytes::from_static(FILTER)).await?;
    let reshape = host.load(Bytes::from_static(RESHAPE)).await?;
    let settings = format!(r#"{{"fields":["{TEN_FIELDS}"],"action":"mask"}}"#);
    let redacting = || step(&redact, &settings);
    let filtering = || {
        step(
            &filter,
            r#"{"drop":{"/customer/plan":"trial","/order/status":{"$in":["draft","open"]}},"reason":"trials are not told"}"#,
        )
    };
    let reshaping = || {
        step(
            &reshape,
            r#"{"operations":[{"set":"/source","value":"shop"},{"copy":"/order/id","to":"/reference"}]}"#,
        )
    };
    let ten = repeated(1, |_| redacting())?;
    let three = repeated(3, |n| match n {
        0 => filtering(),
        1 => redacting(),
        _ => reshaping(),
    })?;
    let one = per_step(&host, &ten, data, 1).await?;
    let (operation, whole) = natively(data)?;
    let row = |what: &str, value: String| println!("{what:<56} {value:>14}");
    row("redact", micros(one));
    row("the host's own: read, redact, print", micros(whole));
    row("redact, of that", times(one, whole));
    row("the host's own: the redaction alone", micros(operation));
    row("redact, of that", times(one, operation));
    row(
        "filter, redact, reshape",
        micros(3 * per_step(&host, &three, data, 1).await?),
    );
    let two = host_of_two_threads(data, &settings).await?;
    row("two threads, as many calls as one by", format!("{:.2}", two));
    Ok(())
}

/// Ratio of the calls that two threads make to the calls that one makes, in the same time.
async fn host_of_two_threads(data: &Document, settings: &str) -> anyhow::Result<f64> {
    let host = host(2, Path::new("target/plugin-figures"))?;
    let redact = host.load(Bytes::from_static(REDACT)).await?;
    let chain = repeated(1, |_| step(&redact, settings))?;
    let one = per_step(&host, &chain, data, 1).await?;
    let both = per_step(&host, &chain, data, 2).await?;
    Ok(one.as_secs_f64() / both.as_secs_f64())
}

/// Compiling a component, and loading one that was compiled.
async fn loading() -> anyhow::Result<()> {
    let directory = Path::new("target/plugin-figures-new");
    let host = host(1, directory)?;
    let started = Instant::now();
    let component = host.load(numbered(REDACT, TENANTS)).await?;
    let compiled = started.elapsed();
    drop(component);
    let started = Instant::now();
    for _ in 0..100 {
        host.load(numbered(REDACT, TENANTS)).await?;
    }
    let loaded = started.elapsed() / 100;
    fs::remove_dir_all(directory)?;
    let size = REDACT.len() >> 10;
    println!(
        "{:<56} {:>14}",
        format!("upload of {size} KiB, compiled in this process"),
        micros(compiled)
    );
    println!(
        "{:<56} {:>14}",
        "loading what is compiled, with its check and description",
        micros(loaded)
    );
    Ok(())
}

/// A thousand tenants with a plugin each, one after the other.
async fn many_plugins(data: &Document) -> anyhow::Result<()> {
    let host = host(1, Path::new("target/plugin-figures"))?;
    let settings = format!(r#"{{"fields":["{TEN_FIELDS}"],"action":"mask"}}"#);
    for n in 0..TENANTS {
        host.load(numbered(REDACT, n)).await?;
    }
    let before = resident()?;
    let mut components = Vec::with_capacity(TENANTS);
    for n in 0..TENANTS {
        components.push(host.load(numbered(REDACT, n)).await?);
    }
    let each = resident()?.saturating_sub(before) / TENANTS;
    let chains: Result<Vec<_>, _> = components
        .chunks(STEPS / 2)
        .map(|some| {
            let steps: anyhow::Result<Vec<_>> =
                some.iter().map(|component| step(component, &settings)).collect();
            steps.map(|steps| Arc::new(Chain::from(steps)))
        })
        .collect();
    let chains = chains?;
    let rounds = 20;
    for chain in &chains {
        run(&host, chain, data).await?;
    }
    let started = Instant::now();
    for _ in 0..rounds {
        for chain in &chains {
            run(&host, chain, data).await?;
        }
    }
    let call = started.elapsed() / u32::try_from(rounds * TENANTS)?;
    println!(
        "{:<56} {:>14}",
        format!("redact, {TENANTS} tenants with a plugin each in turns"),
        micros(call)
    );
    println!("{:<56} {:>10} KiB", "memory of a loaded plugin", each >> 10);
    Ok(())
}

/// Time of a step with `at_a_time` chains in parallel: the median of some rounds.
async fn per_step(
    host: &Host,
    chain: &Arc<Chain>,
    data: &Document,
    at_a_time: usize,
) -> anyhow::Result<Duration> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(host, chain, data, at_a_time).await?);
    }
    rounds.sort_unstable();
    Ok(rounds[ROUNDS / 2])
}

async fn round(
    host: &Host,
    chain: &Arc<Chain>,
    data: &Document,
    at_a_time: usize,
) -> anyhow::Result<Duration> {
    run(host, chain, data).await?;
    let started = Instant::now();
    let tasks: Vec<_> = (0..at_a_time)
        .map(|_| {
            let (host, chain, data) = (host.clone(), chain.clone(), data.clone());
            tokio::spawn(async move {
                for _ in 0..CHAINS {
                    run(&host, &chain, &data).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await.context("a task")??;
    }
    Ok(started.elapsed() / u32::try_from(at_a_time * CHAINS * chain.steps.len())?)
}

async fn run(host: &Host, chain: &Arc<Chain>, data: &Document) -> anyhow::Result<()> {
    let call = Call {
        tenant: "acme".parse()?,
        chain: chain.clone(),
        id: "evt_1".parse()?,
        kind: "order.paid".parse()?,
        created: Timestamp::from_millis(1_700_000_000_000),
        phase: Phase::Ingress,
        metadata: Arc::new(Document::parse(b"{}", Limits::default())?),
        data: data.clone(),
    };
    let done = host.run(call).await;
    ensure!(done.verdict == Verdict::Pass, "{:?}", done.verdict);
    let changed = done.steps.iter().any(|step| !step.changed.is_empty());
    ensure!(changed, "fields are redacted");
    Ok(())
}

/// The same redaction by the host's document, without any plugin.
///
/// Measures the operation alone, and from text to text.
fn natively(data: &Document) -> anyhow::Result<(Duration, Duration)> {
    let patterns = PatternSet::parse([TEN_FIELDS])?;
    let redact = |data: &mut Document| {
        let count = data.redact(&patterns, &Redaction::Mask("[redacted]"), &Allowance::default())?;
        ensure!(
            count == 10 && !data.take_changes().is_empty(),
            "ten fields are redacted"
        );
        anyhow::Ok(())
    };
    let calls = u32::try_from(STEPS * CHAINS)?;
    let mut data = data.clone();
    let started = Instant::now();
    for _ in 0..calls {
        redact(&mut data)?;
    }
    let operation = started.elapsed() / calls;
    let started = Instant::now();
    for _ in 0..calls {
        let mut data = Document::parse(ORDER.as_bytes(), Limits::default())?;
        redact(&mut data)?;
        std::hint::black_box(data.to_bytes());
    }
    Ok((operation, started.elapsed() / calls))
}

/// A chain that repeats so many steps.
fn repeated(every: usize, step: impl Fn(usize) -> anyhow::Result<Step>) -> anyhow::Result<Arc<Chain>> {
    let steps: anyhow::Result<Vec<_>> = (0..STEPS).map(|n| step(n % every)).collect();
    Ok(Arc::new(Chain::from(steps?)))
}

fn step(component: &Arc<Component>, settings: &str) -> anyhow::Result<Step> {
    let settings = Document::parse(settings.as_bytes(), Limits::default())?;
    let name = component.description.name.clone();
    Ok(Step::new(
        name,
        Some(component.clone()),
        Arc::new(settings),
        OnFailure::Fail,
    ))
}

fn host(threads: u32, artifacts: &Path) -> anyhow::Result<Host> {
    let config = Config {
        threads: NonZeroU32::new(threads),
        // Chains this long run on background threads.
        background_threads: NonZeroU32::new(threads),
        steps: u32::try_from(STEPS)?,
        chain_deadline: Span::from_secs(10),
        ..Config::default()
    };
    let artifacts = Artifacts::new(artifacts.to_owned(), [1; 32]);
    let loader = ComponentLoader::new(Compiler::InProcess, artifacts, NonZeroU32::MIN);
    Ok(Host::start(
        &Arc::new(config),
        Clock::System,
        Metrics::new(),
        loader,
        [2; 32],
    )?)
}

/// The same component under another digest: a custom section holds a number.
fn numbered(component: &[u8], number: usize) -> Bytes {
    let mut bytes = component.to_vec();
    bytes.extend_from_slice(&[0, 6, 1, b'n']);
    bytes.extend_from_slice(format!("{number:04}").as_bytes());
    bytes.into()
}

/// Resident memory of this process, in bytes.
fn resident() -> anyhow::Result<usize> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: usize = pages.split(' ').nth(1).context("a count of pages")?.parse()?;
    Ok(pages << 12)
}

fn times(time: Duration, of: Duration) -> String {
    format!("{:.2} ×", time.as_secs_f64() / of.as_secs_f64())
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}
