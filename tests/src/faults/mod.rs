//! Faults injected into gateways under load, and the oracle that detects losses.
//!
//! A round starts gateways, a store, producers and a receiver, and then runs cycles: load, a fault,
//! recovery. The oracle records each number that was answered as accepted and each request that the
//! receiver took. After each cycle it checks that every accepted event has arrived, with its
//! signature, and that no other event has arrived.

mod cycle;
mod fault;
mod oracle;
mod producer;
mod report;
mod site;

use std::time::{Duration, Instant};

use anyhow::Result;

pub use fault::{Fault, Store};
pub use oracle::Oracle;
pub use report::{Line, Report};
pub use site::StepClock;

use cycle::Round;

/// Parameters of a round of faults.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store, which also decides the number of gateways: one on the embedded store, two on
    /// Redis.
    pub store: Store,
    /// Events per second of all producers.
    pub rate: u32,
    /// Seed of the order of faults and of their moments.
    pub seed: u64,
    /// Duration of the round; each fault is injected at least once.
    pub time: Duration,
}

/// Runs a round and calls `tell` for each cycle.
///
/// # Errors
/// If a part of the round cannot be started, or a gateway does not come back.
pub async fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    let began = Instant::now();
    let mut round = Round::start(plan).await?;
    let mut report = Report::new(plan);
    let mut random = Random(plan.seed);
    let faults = Fault::of(plan.store);
    loop {
        let mut order = faults.clone();
        while !order.is_empty() {
            let first = report.cycles() < faults.len();
            if !first && began.elapsed() > plan.time {
                round.end(&mut report).await?;
                return Ok(report);
            }
            let fault = order.swap_remove(random.below(order.len()));
            let moment = Duration::from_millis(100 + random.below(400) as u64);
            let line = round.cycle(fault, moment).await?;
            tell(&format!(
                "{:>5} s  {fault}: {} accepted, {} lost, {} duplicates, recovered after {:.1} s",
                began.elapsed().as_secs(),
                line.accepted,
                line.lost,
                line.duplicates,
                line.recovery.as_secs_f64()
            ));
            report.add(fault, &line);
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
