//! The same redaction by a hookgate plugin and by an Extism plugin: an event's text in, the
//! redacted event's text out.
//!
//! `tests/extism/run`
//!
//! The figures are processor time of this process per event, so that a host with its own threads
//! gains no advantage. Both plugins use a fresh instance for every event. Extism is also measured
//! with one instance for all events, in which a plugin's memory persists from one tenant's event to
//! the next.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use hookgate_runtime::clock::Clock;
use hookgate_json::{Document, Limits};
use hookgate_domain::Timestamp;
use hookgate_plugin_host::{
    Artifacts, Call, Chain, Compiler, Config, Host, OnFailure, Phase, Step, Verdict, ComponentLoader,
};
use hookgate_runtime::telemetry::Metrics;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REDACT: &[u8] = include_bytes!("../../../plugins/dist/redact.wasm");
const ORDER: &str = include_str!("../../../gateway/examples/order.json");
const SETTINGS: &str = r#"{"fields":["/**/~email|phone|street|postcode|taxId|iban|lifetimeValue|discountRate|notes|password"],"action":"mask"}"#;
const EVENTS: u32 = 20_000;
/// Number of rounds, of which the best counts, because other load only adds time.
const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let wasm = std::env::args().nth(1).context("the Extism plugin's file")?;
    let hookgate = Hookgate::start().await?;
    let compiled = compiled(Path::new(&wasm))?;
    let mut reused = Plugin::new_from_compiled(&compiled)?;
    let ours: Value = serde_json::from_slice(&hookgate.event().await?)?;
    let theirs: Value = serde_json::from_str(reused.call::<_, &str>("redact", ORDER)?)?;
    ensure!(ours == theirs, "both redact the same:\n{ours}\n{theirs}");

    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let [own, fresh, kept] = &mut best;
        let began = processor_time()?;
        hookgate.events().await?;
        *own = (*own).min(processor_time()? - began);
        let began = processor_time()?;
        for _ in 0..EVENTS {
            Plugin::new_from_compiled(&compiled)?.call::<_, &str>("redact", ORDER)?;
        }
        *fresh = (*fresh).min(processor_time()? - began);
        let began = processor_time()?;
        for _ in 0..EVENTS {
            reused.call::<_, &str>("redact", ORDER)?;
        }
        *kept = (*kept).min(processor_time()? - began);
    }
    println!("{} bytes, ten fields, text in and text out; processor time per event", ORDER.len());
    let names = [
        "hookgate, a fresh instance each",
        "Extism, a fresh instance each",
        "Extism, one instance for all",
    ];
    for (name, time) in names.into_iter().zip(best) {
        let each = time.as_secs_f64() / f64::from(EVENTS) * 1e6;
        println!("{name:<34} {each:8.1} µs   {:5.2}", time.as_secs_f64() / best[0].as_secs_f64());
    }
    Ok(())
}

/// The plugin host with a chain of the redact plugin.
struct Hookgate {
    host: Host,
    chain: Arc<Chain>,
}

impl Hookgate {
    async fn start() -> Result<Self> {
        let artifacts = Artifacts::new("target/artifacts".into(), [1; 32]);
        let workshop = ComponentLoader::new(Compiler::InProcess, artifacts, NonZeroU32::MIN);
        let config = Config {
            threads: NonZeroU32::new(1),
            ..Config::default()
        };
        let host = Host::start(&Arc::new(config), Clock::System, Metrics::new(), workshop, [2; 32])?;
        let component = host.load(Bytes::from_static(REDACT)).await?;
        let settings = Document::parse(SETTINGS.as_bytes(), Limits::default())?;
        let step = Step::new("redact".to_owned(), Some(component), Arc::new(settings), OnFailure::Fail);
        let chain = Arc::new(Chain::from(vec![step]));
        Ok(Self { host, chain })
    }

    /// Runs all measured events, several at a time.
    async fn events(&self) -> Result<()> {
        let ways = 32;
        let tasks: Vec<_> = (0..ways)
            .map(|_| {
                let way = Self {
                    host: self.host.clone(),
                    chain: self.chain.clone(),
                };
                tokio::spawn(async move {
                    for _ in 0..EVENTS / ways {
                        way.event().await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    }

    async fn event(&self) -> Result<Bytes> {
        let call = Call {
            tenant: "acme".parse()?,
            chain: self.chain.clone(),
            id: "evt_1".parse()?,
            kind: "order.paid".parse()?,
            created: Timestamp::from_millis(1_700_000_000_000),
            phase: Phase::Ingress,
            metadata: Arc::new(Document::parse(b"{}", Limits::default())?),
            data: Document::parse(ORDER.as_bytes(), Limits::default())?,
        };
        let done = self.host.run(call).await;
        ensure!(done.verdict == Verdict::Pass, "{:?}", done.verdict);
        Ok(done.data.to_bytes())
    }
}

fn compiled(wasm: &Path) -> Result<CompiledPlugin> {
    let manifest = Manifest::new([Wasm::data(fs::read(wasm)?)]);
    CompiledPlugin::new(PluginBuilder::new(manifest))
}

/// Processor time of all threads of this process.
fn processor_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().context("a process's statistics")?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || anyhow::Ok(fields.next().context("a figure")?.parse::<u64>()?);
    Ok(Duration::from_millis(10 * (ticks()? + ticks()?)))
}
