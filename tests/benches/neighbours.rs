//! Effect of a tenant with a hostile plugin on another tenant: latency until acceptance and until
//! delivery at a steady rate, alone and beside the hostile tenant.
//!
//! Latency counts from an event's due time, which avoids coordinated omission. Values over
//! [`LONGEST`] count as that, which bounds a turn. Turns of one second alternate between alone and
//! beside; the median counts. Turns with steal time (shared machine) are discarded. The case of the
//! burner, an unrelated process that keeps one CPU busy at low priority, shows the machine's part.

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
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::Bench;
use crate::load::{self, Connection};
use crate::sink::Sink;

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
    alone: Turn,
    beside: Turn,
}

/// Result of a turn.
#[derive(Clone, Copy)]
struct Turn {
    /// Latency until the event is accepted.
    publish: Latency,
    /// Latency until the receiver has the event.
    delivery: Latency,
}

/// Latencies in microseconds.
#[derive(Clone, Copy)]
struct Latency {
    p50: u64,
    p99: u64,
}

/// The tenant whose latency is measured.
struct Neighbour {
    gateway: SocketAddr,
    key: String,
    rate: u32,
    sink: Arc<Sink>,
    /// The number of its next event.
    next: AtomicUsize,
}

/// Measures the neighbour alone and beside each of the guests, one after the other, in one gateway. `told` hears of each case as
/// soon as it is measured.
pub async fn measure(bench: &Bench, plan: &Plan, told: impl Fn(&str)) -> Result<Measured> {
    ensure!(plan.turns > 0, "`--turns` is at least 1");
    let all = guests();
    let names = || all.iter().map(|(name, _)| *name).chain([BURNER]);
    let unknown = plan.only.iter().find(|only| names().all(|name| name != *only));
    ensure!(
        unknown.is_none(),
        "there is no guest {unknown:?}: one of {:?}",
        names().collect::<Vec<_>>()
    );
    let turns = 1 + 2 * plan.turns * names().count();
    let neighbour = Neighbour::new(bench, plan.rate, turns).await?;
    neighbour.turn().await?; // the first events warm everything
    let wanted = |name: &str| plan.only.is_empty() || plan.only.iter().any(|only| only == name);
    let mut cases = Vec::new();
    told(&Case::heading());
    if wanted(BURNER) {
        cases.push(case(BURNER, &neighbour, plan, None).await?);
        cases.iter().for_each(|case| told(&case.to_string()));
    }
    for (guest, component) in all.into_iter().filter(|(name, _)| wanted(name)) {
        let attacker = author(&bench.gateway, guest, component).await;
        let case = case(guest, &neighbour, plan, Some(&attacker)).await?;
        told(&case.to_string());
        cases.push(case);
    }
    Ok(Measured(cases))
}

/// Runs the rounds of one case, beside an attacker or the burner.
async fn case(
    guest: &'static str,
    neighbour: &Neighbour,
    plan: &Plan,
    attacker: Option<&Client>,
) -> Result<Case> {
    let (mut alone, mut beside, mut attacks) = (Vec::new(), Vec::new(), 0);
    for _ in 0..plan.turns {
        alone.extend(neighbour.turn().await?);
        match attacker {
            None => {
                let _burner = Burner::start()?;
                beside.extend(neighbour.turn().await?);
            }
            Some(attacker) => {
                let attack = Attack::begin(neighbour.gateway, attacker, plan.connections).await?;
                beside.extend(neighbour.turn().await?);
                attacks += attack.end().await?;
            }
        }
    }
    Ok(Case {
        guest,
        attacks_per_second: attacks / plan.turns,
        turns: (alone.len(), beside.len()),
        alone: Turn::median(&alone)?,
        beside: Turn::median(&beside)?,
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

impl Neighbour {
    /// With a chain that redacts and a subscription, for so many turns.
    async fn new(bench: &Bench, rate: u32, turns: usize) -> Result<Self> {
        let client = bench.gateway.operator().create_tenant("neighbour").await;
        client.redact().await;
        let sink = Sink::start(usize::try_from(rate)? * turns).await?;
        client.subscribe(&format!("http://{}/hook", sink.address)).await;
        Ok(Self {
            gateway: bench.gateway.base().trim_start_matches("http://").parse()?,
            key: client.key().to_owned(),
            rate,
            sink: Arc::new(sink),
            next: AtomicUsize::new(0),
        })
    }

    /// Its latency at its rate, for a second; nothing if the machine was taken away meanwhile.
    async fn turn(&self) -> Result<Option<Turn>> {
        let events = usize::try_from(self.rate)?;
        let first = self.next.fetch_add(events, Ordering::Relaxed);
        let stolen = stolen();
        let mut workers = JoinSet::new();
        let (start, start_nanos) = (Instant::now(), self.sink.now_nanos());
        let between = Duration::from_secs(1) / self.rate;
        for worker in 0..WORKERS {
            let mut connection = Connection::open(self.gateway, "/v1/events", &self.key).await?;
            workers.spawn(async move {
                let mut spans = Vec::new();
                for number in (worker..events).step_by(WORKERS) {
                    let due = start + between * u32::try_from(number)?;
                    sleep_until(due).await;
                    match timeout_at(start + LONGEST, connection.post(first + number)).await {
                        Ok(posted) => posted?,
                        Err(_) => {
                            // Those behind it wait as long.
                            let rest = (number..events).step_by(WORKERS).count();
                            spans.extend(std::iter::repeat_n(LONGEST, rest));
                            break;
                        }
                    }
                    spans.push(due.elapsed());
                }
                anyhow::Ok(spans)
            });
        }
        let mut publish = Vec::with_capacity(events);
        while let Some(done) = workers.join_next().await {
            publish.extend(done??);
        }
        let arrived = |number: &usize| self.sink.arrival(first + number).is_some();
        while !(0..events).all(|number| arrived(&number)) && start.elapsed() < 2 * LONGEST {
            sleep_until(Instant::now() + Duration::from_millis(5)).await;
        }
        let delivery = (0..events).map(|number| {
            let due = u64::try_from(between.as_nanos()).unwrap_or(u64::MAX) * number as u64 + start_nanos;
            let arrival = self.sink.arrival(first + number);
            arrival.map_or(LONGEST, |at| Duration::from_nanos(at.saturating_sub(due)))
        });
        let turn = Turn {
            publish: Latency::of(publish)?,
            delivery: Latency::of(delivery.collect())?,
        };
        Ok((self::stolen() == stolen).then_some(turn))
    }
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
    fn of(mut spans: Vec<Duration>) -> Result<Self> {
        spans.sort_unstable();
        let at = |percent: usize| -> Result<u64> {
            let span = spans.get(spans.len() * percent / 100).context("events")?;
            Ok(u64::try_from(span.as_micros())?)
        };
        Ok(Self {
            p50: at(50)?,
            p99: at(99)?,
        })
    }

    /// The median of the turns, of each figure for itself.
    fn median(of: &(impl Iterator<Item = Self> + Clone)) -> Result<Self> {
        let middle = |figure: fn(Self) -> u64| {
            let mut figures: Vec<u64> = of.clone().map(figure).collect();
            figures.sort_unstable();
            let none = "the machine was taken away in every turn; try again when it is quiet";
            figures.get(figures.len() / 2).copied().context(none)
        };
        Ok(Self {
            p50: middle(|turn| turn.p50)?,
            p99: middle(|turn| turn.p99)?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds of one event")]
    fn ratio(self, alone: Self) -> f64 {
        self.p99 as f64 / alone.p99.max(1) as f64
    }
}

impl Turn {
    fn median(of: &[Self]) -> Result<Self> {
        Ok(Self {
            publish: Latency::median(&of.iter().map(|turn| turn.publish))?,
            delivery: Latency::median(&of.iter().map(|turn| turn.delivery))?,
        })
    }
}

impl Case {
    fn heading() -> String {
        format!(
            "{:<16} {:>9} {:>7}  {:<48}  {:<48}\n{:<34}  {:>20} {:>20}  ratio  {:>20} {:>20}  ratio",
            "beside",
            "calls/s",
            "turns",
            "until accepted: p50, p99 in µs",
            "until delivered: p50, p99 in µs",
            "",
            "alone",
            "beside",
            "alone",
            "beside"
        )
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = format!("{}/{}", self.turns.0, self.turns.1);
        write!(f, "{:<16} {:>9} {turns:>7}", self.guest, self.attacks_per_second)?;
        let both = [
            (self.alone.publish, self.beside.publish),
            (self.alone.delivery, self.beside.delivery),
        ];
        for (alone, beside) in both {
            let (a, b, ratio) = (alone, beside, beside.ratio(alone));
            write!(
                f,
                "  {:>9} {:>10} {:>9} {:>10}  {ratio:>5.2}",
                a.p50, a.p99, b.p50, b.p99
            )?;
        }
        Ok(())
    }
}

impl Measured {
    /// The figures as JSON.
    pub fn json(&self) -> Value {
        let latency = |of: Latency| json!({ "p50_us": of.p50, "p99_us": of.p99 });
        let turn = |of: Turn| json!({ "publish": latency(of.publish), "delivery": latency(of.delivery) });
        let cases = self.0.iter().map(|case| {
            json!({
                "guest": case.guest,
                "attacks_per_second": case.attacks_per_second,
                "turns": { "alone": case.turns.0, "beside": case.turns.1 },
                "alone": turn(case.alone),
                "beside": turn(case.beside),
                "publish_p99_ratio": case.beside.publish.ratio(case.alone.publish),
                "delivery_p99_ratio": case.beside.delivery.ratio(case.alone.delivery),
            })
        });
        json!({ "neighbours": cases.collect::<Vec<_>>() })
    }
}

/// The case without a guest.
const BURNER: &str = "burner";
/// Index of the steal time in the line of all processors in `/proc/stat`: after the name and seven
/// kinds of time.
const STEAL_FIELD: usize = 8;
/// Connections of the measured tenant.
const WORKERS: usize = 16;
/// Maximum latency that is measured; longer ones count as this.
const LONGEST: Duration = Duration::from_secs(5);
