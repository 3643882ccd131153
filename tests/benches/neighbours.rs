//! Effect of a hostile plugin on another tenant: the ingest latency of that tenant at a steady
//! rate, alone and beside it.
//!
//! The latency counts from the time when an event was due, so that a delayed producer hides
//! nothing. Alone and beside alternate in rounds of one second, and the median of the rounds
//! counts. Other guests of a shared machine take it away at times; a round in which that was
//! detected is discarded. The baseline for the remaining noise is the case of a burner, a
//! low-priority process outside the gateway that keeps one processor busy.

use std::fmt;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hookgate_tests::guests::{Guest, PASS, handling};
use hookgate_tests::{Client, Gateway};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::Bench;
use crate::load::{self, Connection};

/// Parameters of the measurement.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Events per second of the measured tenant.
    pub rate: u32,
    /// Rounds of one second, alone and beside each guest.
    pub turns: usize,
    /// Connections of the hostile tenant, each of which sends one event after the other.
    pub connections: usize,
    /// Names of the guests to run; all if empty.
    pub only: Vec<String>,
}

/// Result of the measurement.
pub struct Measured(Vec<Case>);

struct Case {
    guest: &'static str,
    attacks_per_second: usize,
    /// Rounds that count, alone and beside.
    turns: (usize, usize),
    alone: Latency,
    beside: Latency,
}

/// Latencies in microseconds.
#[derive(Clone, Copy)]
struct Latency {
    p50: u64,
    p99: u64,
}

/// Measures the tenant alone and beside each of the guests, one after the other, in one gateway.
pub async fn measure(bench: &Bench, plan: &Plan) -> Result<Measured> {
    let operator = bench.gateway.operator();
    let neighbour = operator.create_tenant("neighbour").await;
    neighbour.redact().await;
    let address = bench.gateway.base().trim_start_matches("http://").parse()?;
    latency(address, neighbour.key(), plan.rate).await?; // the first events warm everything
    let wanted = |name: &str| plan.only.is_empty() || plan.only.iter().any(|only| only == name);
    ensure!(plan.turns > 0, "`--turns` is at least 1");
    let all = guests();
    let names = || all.iter().map(|(name, _)| *name).chain([BURNER]);
    let unknown = plan.only.iter().find(|only| names().all(|name| name != *only));
    ensure!(
        unknown.is_none(),
        "there is no guest {unknown:?}: one of {:?}",
        names().collect::<Vec<_>>()
    );
    let mut cases = Vec::new();
    if wanted(BURNER) {
        cases.push(case(BURNER, address, neighbour.key(), plan, None).await?);
    }
    for (guest, component) in all.into_iter().filter(|(name, _)| wanted(name)) {
        let attacker = author(&bench.gateway, guest, component).await;
        cases.push(case(guest, address, neighbour.key(), plan, Some(&attacker)).await?);
    }
    Ok(Measured(cases))
}

/// Runs the rounds of one case, beside an attacker or the burner.
async fn case(
    guest: &'static str,
    to: SocketAddr,
    key: &str,
    plan: &Plan,
    attacker: Option<&Client>,
) -> Result<Case> {
    let (mut alone, mut beside, mut attacks) = (Vec::new(), Vec::new(), 0);
    for _ in 0..plan.turns {
        alone.extend(latency(to, key, plan.rate).await?);
        match attacker {
            None => {
                let _burner = Burner::start()?;
                beside.extend(latency(to, key, plan.rate).await?);
            }
            Some(attacker) => {
                let attack = Attack::begin(to, attacker, plan.connections).await?;
                beside.extend(latency(to, key, plan.rate).await?);
                attacks += attack.end().await?;
            }
        }
    }
    Ok(Case {
        guest,
        attacks_per_second: attacks / plan.turns,
        turns: (alone.len(), beside.len()),
        alone: Latency::median(alone)?,
        beside: Latency::median(beside)?,
    })
}

/// Creates a tenant with a chain of this guest.
async fn author(gateway: &Gateway, name: &str, component: bytes::Bytes) -> Client {
    let client = gateway.operator().create_tenant(name).await;
    client
        .post_raw("/v1/plugins", "application/wasm", component)
        .await
        .expect(201);
    let chain = json!({ "steps": [{ "plugin": "guest" }] });
    client.put("/v1/chain", &chain).await.expect(200);
    client
}

/// Latency of the measured tenant at its rate, for a second; `None` if the machine was taken away
/// meanwhile.
async fn latency(to: SocketAddr, key: &str, rate: u32) -> Result<Option<Latency>> {
    let events = usize::try_from(rate)?;
    let stolen = stolen();
    let mut workers = JoinSet::new();
    let start = Instant::now();
    for worker in 0..WORKERS {
        let mut connection = Connection::open(to, "/v1/events", key).await?;
        workers.spawn(async move {
            let mut spans = Vec::new();
            for number in (worker..events).step_by(WORKERS) {
                let due = start + Duration::from_secs(1) / rate * u32::try_from(number)?;
                sleep_until(due).await;
                connection.post(number).await?;
                spans.push(u64::try_from(due.elapsed().as_micros())?);
            }
            anyhow::Ok(spans)
        });
    }
    let mut spans = Vec::with_capacity(events);
    while let Some(done) = workers.join_next().await {
        spans.extend(done??);
    }
    spans.sort_unstable();
    let at = |percent: usize| spans.get(spans.len() * percent / 100).copied();
    let (p50, p99) = (at(50).context("events")?, at(99).context("events")?);
    Ok((self::stolen() == stolen).then_some(Latency { p50, p99 }))
}

/// Steal time of this machine so far, in hundredths of a second; `None` if the system does not
/// report it.
fn stolen() -> Option<u64> {
    let statistics = std::fs::read_to_string("/proc/stat").ok()?;
    let mut fields = statistics.lines().next()?.split_ascii_whitespace();
    fields.nth(STEAL_FIELD)?.parse().ok()
}

/// Keeps a processor busy until it is dropped.
struct Burner(Child);

impl Burner {
    fn start() -> Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "10", "sh", "-c", "while :; do :; done"]);
        Ok(Self(command.spawn().context("`nice` and `sh` are needed")?))
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A tenant that sends each event as soon as the previous one is answered.
struct Attack {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    workers: JoinSet<Result<()>>,
}

impl Attack {
    async fn begin(to: SocketAddr, attacker: &Client, connections: usize) -> Result<Self> {
        let mut attack = Self {
            stop: Arc::default(),
            calls: Arc::default(),
            workers: JoinSet::new(),
        };
        for _ in 0..connections {
            let mut connection = Connection::open(to, "/v1/events", attacker.key()).await?;
            let (stop, calls) = (attack.stop.clone(), attack.calls.clone());
            attack.workers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let status = connection
                        .exchange(&load::event(calls.load(Ordering::Relaxed)))
                        .await?;
                    ensure!(
                        [202, 429, 503].contains(&status),
                        "an attack was answered with {status}"
                    );
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        // Excludes effects that occur at the beginning only.
        tokio::time::sleep(Duration::from_millis(500)).await;
        attack.calls.store(0, Ordering::Relaxed);
        Ok(attack)
    }

    /// Stops the attack and returns the number of its answers.
    async fn end(mut self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.workers.join_next().await {
            done??;
        }
        Ok(self.calls.load(Ordering::Relaxed))
    }
}

/// The guests. The first does nothing, to show the cost of a busy tenant.
fn guests() -> Vec<(&'static str, bytes::Bytes)> {
    let forever = |call: &str| handling("", &format!("(loop $again {call} (br $again)) (unreachable)"));
    let turns = |count: u32| {
        let body = format!(
            "(local $n i32) (local.set $n (i32.const {count}))
            (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {PASS}"
        );
        handling("", &body)
    };
    let grows = "(local $page i32)
        (loop $again
            (local.set $page (memory.grow (i32.const 1)))
            (if (i32.ne (local.get $page) (i32.const -1)) (then
                (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 7) (i32.const 65536))
                (br $again))))
        (unreachable)";
    vec![
        ("does-nothing", Guest::default().component()),
        ("endless-loop", forever("")),
        ("slow-but-legal", turns(8_000_000)),
        ("nearly-quick", turns(1_000_000)),
        ("memory-growth", handling("", grows)),
        (
            "host-call-flood",
            forever("(drop (call $kind_of (local.get $data) (i32.const 0) (i32.const 0)))"),
        ),
        (
            "log-flood",
            forever("(call $log (i32.const 2) (i32.const 4096) (i32.const 1000))"),
        ),
    ]
}

impl Latency {
    /// The median of the rounds, separately for each figure.
    fn median(mut of: Vec<Self>) -> Result<Self> {
        let mut middle = |figure: fn(&Self) -> u64| {
            of.sort_unstable_by_key(figure);
            of.get(of.len() / 2).map(figure)
        };
        let (p50, p99) = (middle(|turn| turn.p50), middle(|turn| turn.p99));
        let none = "the machine was taken away in every turn; try again when it is quiet";
        Ok(Self {
            p50: p50.context(none)?,
            p99: p99.context(none)?,
        })
    }
}

impl Case {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of one event")]
    fn ratio(&self) -> f64 {
        self.beside.p99 as f64 / self.alone.p99.max(1) as f64
    }
}

impl Measured {
    /// The figures as JSON.
    pub fn json(&self) -> Value {
        let latency = |of: Latency| json!({ "p50_us": of.p50, "p99_us": of.p99 });
        let cases = self.0.iter().map(|case| {
            json!({
                "guest": case.guest,
                "attacks_per_second": case.attacks_per_second,
                "turns": { "alone": case.turns.0, "beside": case.turns.1 },
                "alone": latency(case.alone),
                "beside": latency(case.beside),
                "p99_ratio": case.ratio(),
            })
        });
        json!({ "neighbours": cases.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<16} {:>9}  {:>7}  {:>21}  {:>21}  ratio",
            "beside", "calls/s", "turns", "alone p50, p99 in µs", "beside p50, p99 in µs"
        )?;
        for case in &self.0 {
            let (alone, beside) = (case.alone, case.beside);
            write!(
                f,
                "\n{:<16} {:>9}  {:>7}  {:>10} {:>10}  {:>10} {:>10}  {:>5.2}",
                case.guest,
                case.attacks_per_second,
                format!("{}/{}", case.turns.0, case.turns.1),
                alone.p50,
                alone.p99,
                beside.p50,
                beside.p99,
                case.ratio()
            )?;
        }
        Ok(())
    }
}

/// The case without a guest.
const BURNER: &str = "burner";
/// Index of the steal time in the line of all processors in `/proc/stat`: after the name and seven
/// kinds of time.
const STEAL_FIELD: usize = 8;
/// Connections of the measured tenant.
const WORKERS: usize = 16;
