//! Faults injected into gateways under load, and the oracle that detects losses.
//!
//! A round starts gateways, a store, producers and a receiver, and then runs cycles: load, a fault,
//! recovery. The oracle records each number that was answered as accepted and each request that the
//! receiver took. After each cycle it checks that every accepted event has arrived, with its
//! signature, and that no other event has arrived.

mod backend;
pub mod cluster;
mod cycle;
pub mod disk;
mod fault;
mod oracle;
mod page;
mod producer;
pub mod proxy;
mod report;
mod site;

use std::time::{Duration, Instant};

use anyhow::Result;

pub use fault::{Fault, Store};
pub use oracle::Oracle;
pub use page::{Place, page};
pub use report::{Ending, Line, Report};
pub use site::StepClock;

use cycle::Round;

/// Parameters of a round of faults.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store.
    pub store: Store,
    /// Number of gateways; one on the embedded store.
    pub gateways: usize,
    /// Events that producers send in a second.
    pub rate: u32,
    /// Seed of the order of faults and of their moments.
    pub seed: u64,
    /// Duration of the round; each fault is injected at least once.
    pub time: Duration,
    /// The faults; none: all that the store may have.
    pub faults: Vec<Fault>,
    /// Gateways have the settings that they are shipped with, in place of short leases and quick retries.
    pub shipped: bool,
}

impl Plan {
    /// A short round on a store: each fault once.
    pub fn short(store: Store) -> Self {
        Self {
            store,
            gateways: if store == Store::Embedded { 1 } else { 2 },
            rate: 50,
            seed: 7,
            time: Duration::ZERO,
            faults: Vec::new(),
            shipped: false,
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let all = Fault::of(self.store);
        let wanted = |fault: &Fault| self.faults.is_empty() || self.faults.contains(fault);
        all.into_iter().filter(wanted).collect()
    }
}

/// Runs a round and calls `tell` for each cycle.
///
/// # Errors
/// When a part of the round cannot be started, or a gateway or a server does not come back.
pub async fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    let began = Instant::now();
    let mut round = Round::start(plan).await?;
    let mut report = Report::new(plan, round.engine());
    let mut random = Random(plan.seed);
    let faults = plan.faults();
    // A round of time comes to some faults more often; one that only shows each, once.
    let times = |fault: &Fault| if plan.time.is_zero() { 1 } else { fault.times() };
    let turns: Vec<Fault> = faults
        .iter()
        .flat_map(|fault| vec![*fault; times(fault)])
        .collect();
    loop {
        let mut order = turns.clone();
        while !order.is_empty() {
            let first = report.cycles() < turns.len();
            if !first && began.elapsed() > plan.time {
                round.end(&mut report).await?;
                return Ok(report);
            }
            let fault = order.swap_remove(random.below(order.len()));
            let moment = Duration::from_millis(100 + random.below(400) as u64);
            let line = round.cycle(fault, moment, random.below(1 << 16)).await?;
            report.add(fault, &line, began.elapsed());
            tell(&format!(
                "{:>5} s  {} {:>4}  {}: {} accepted, {} refused, {} lost, {} duplicates of {} in hand, recovered after {:.1} s, caught up after {:.1} s",
                began.elapsed().as_secs(),
                plan.store.name(),
                report.cycles(),
                fault.name(),
                line.accepted,
                line.refused,
                line.lost,
                line.duplicates,
                line.bound,
                line.recovery.as_secs_f64(),
                line.caught_up.as_secs_f64(),
            ));
        }
    }
}

/// Pseudo-random numbers, the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut next = self.0;
        next = (next ^ (next >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        next = (next ^ (next >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((next ^ (next >> 31)) % bound.max(1) as u64).unwrap_or(0)
    }
}
