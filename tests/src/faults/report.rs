//! Report of a round, as Markdown and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Fault, Plan};

/// Result of a cycle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line {
    /// Events accepted during the cycle.
    pub accepted: u64,
    /// Responses to producers other than 202.
    pub refused: u64,
    /// Events that were accepted before the end of the fault and did not arrive within the bound.
    pub lost: u64,
    /// Requests beyond the first of an event that was answered with success.
    pub duplicates: u64,
    /// Deliveries that were in hand during the fault: as many may arrive again.
    pub bound: u64,
    /// Warnings and errors that the gateways logged.
    pub complaints: usize,
    /// From the end of the fault until an event arrived that was posted after it.
    pub recovery: Duration,
    /// From the end of the fault until all events accepted before it had arrived.
    pub caught_up: Duration,
}

/// Findings after the load.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that were accepted and are lost.
    pub lost: u64,
    /// Events that were accepted and are still pending.
    pub pending: u64,
    /// Events that were accepted and are dead letters.
    pub dead: u64,
    /// Requests beyond the first of an event that was answered with success.
    pub duplicates: u64,
    /// Duplicates whose first request arrived while no deliveries were in hand at a fault.
    pub unexplained: u64,
    /// Most requests of one event.
    pub most_requests: u32,
    /// Events that the gateways report as lost by their store.
    pub told_lost: u64,
    /// Resident memory of all gateways at the beginning and after the load, in bytes.
    pub memory: (u64, u64),
    /// Their open descriptors.
    pub descriptors: (usize, usize),
    /// By fault with deliveries in hand: the number of duplicates.
    pub repeated: Vec<(Fault, u64)>,
    /// Violations: wrong signatures, events that were never sent, one event under two ids, refusals
    /// that forbid a retry, leftovers.
    pub faulty: Vec<String>,
}

/// Result of a round.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    engine: Option<String>,
    time: Duration,
    faults: BTreeMap<Fault, Row>,
    /// Findings after the load.
    pub ending: Ending,
    /// Accepted events that did not arrive within their cycle's bound, except fail-over losses.
    pub lost: u64,
    /// Events that a fail-over lost.
    pub lost_by_store: u64,
}

#[derive(Debug, Default)]
struct Row {
    cycles: usize,
    sum: Line,
    most: Line,
}

impl Report {
    pub(super) fn new(plan: &Plan, engine: Option<String>) -> Self {
        Self {
            plan: plan.clone(),
            engine,
            time: Duration::ZERO,
            faults: BTreeMap::new(),
            ending: Ending::default(),
            lost: 0,
            lost_by_store: 0,
        }
    }

    /// Number of cycles.
    pub fn cycles(&self) -> usize {
        self.faults.values().map(|row| row.cycles).sum()
    }

    /// Returns `true` without losses (except by fail-over), leftovers and unexplained duplicates.
    pub fn is_right(&self) -> bool {
        let ending = &self.ending;
        self.lost + ending.lost + ending.unexplained == 0 && ending.faulty.is_empty()
    }

    pub(super) fn add(&mut self, fault: Fault, line: &Line, time: Duration) {
        let row = self.faults.entry(fault).or_default();
        row.cycles += 1;
        row.sum = row.sum.with(line, |a, b| a + b, |a, b| a + b);
        row.most = row.most.with(line, u64::max, Duration::max);
        if fault.may_lose() {
            self.lost_by_store += line.lost;
        } else {
            self.lost += line.lost;
        }
        self.time = time;
    }

    /// Ends the round; counts a duplicate in the cycle in which its delivery was in hand.
    pub(super) fn end(&mut self, ending: Ending) {
        for row in self.faults.values_mut() {
            (row.sum.duplicates, row.most.duplicates) = (0, 0);
        }
        for (fault, again) in &ending.repeated {
            let row = self.faults.entry(*fault).or_default();
            row.sum.duplicates += again;
            row.most.duplicates = row.most.duplicates.max(*again);
        }
        self.ending = ending;
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let ending = &self.ending;
        let faults: Vec<Value> = self.faults.iter().map(|(fault, row)| row.json(*fault)).collect();
        json!({
            "store": self.plan.store.name(),
            "engine": self.engine,
            "gateways": self.plan.gateways,
            "rate": self.plan.rate,
            "seed": self.plan.seed,
            "seconds": self.time.as_secs(),
            "cycles": self.cycles(),
            "right": self.is_right(),
            "accepted": ending.accepted,
            "lost": self.lost + ending.lost,
            "lost_by_store": self.lost_by_store,
            "told_lost": ending.told_lost,
            "pending": ending.pending,
            "dead": ending.dead,
            "duplicates": ending.duplicates,
            "unexplained_duplicates": ending.unexplained,
            "most_requests": ending.most_requests,
            "memory": { "first": ending.memory.0, "last": ending.memory.1 },
            "descriptors": { "first": ending.descriptors.0, "last": ending.descriptors.1 },
            "faulty": ending.faulty,
            "faults": faults,
        })
    }
}

impl Line {
    fn with(
        self,
        other: &Self,
        number: impl Fn(u64, u64) -> u64,
        time: impl Fn(Duration, Duration) -> Duration,
    ) -> Self {
        let complaints = number(self.complaints as u64, other.complaints as u64);
        Self {
            accepted: number(self.accepted, other.accepted),
            refused: number(self.refused, other.refused),
            lost: number(self.lost, other.lost),
            duplicates: number(self.duplicates, other.duplicates),
            bound: number(self.bound, other.bound),
            complaints: usize::try_from(complaints).unwrap_or(usize::MAX),
            recovery: time(self.recovery, other.recovery),
            caught_up: time(self.caught_up, other.caught_up),
        }
    }
}

impl Row {
    fn json(&self, fault: Fault) -> Value {
        json!({
            "fault": fault.name(),
            "cycles": self.cycles,
            "accepted": self.sum.accepted,
            "refused": self.sum.refused,
            "lost": self.sum.lost,
            "duplicates": self.sum.duplicates,
            "bound": self.sum.bound,
            "most_duplicates": self.most.duplicates,
            "most_log_lines": self.most.complaints,
            "slowest_recovery_ms": millis(self.most.recovery),
            "mean_recovery_ms": millis(self.mean_recovery()),
            "slowest_caught_up_ms": millis(self.most.caught_up),
        })
    }

    fn mean_recovery(&self) -> Duration {
        self.sum.recovery / u32::try_from(self.cycles.max(1)).unwrap_or(1)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, ending) = (&self.plan, &self.ending);
        let gateways = match plan.gateways {
            1 => "one gateway".to_owned(),
            count => format!("{count} gateways"),
        };
        let engine = self
            .engine
            .as_ref()
            .map(|engine| format!(", {engine}"))
            .unwrap_or_default();
        writeln!(f, "## {}\n", plan.store)?;
        writeln!(
            f,
            "{gateways}{engine}, {} events a second of four tenants, seed {}, {} minutes, **{} cycles**.\n",
            plan.rate,
            plan.seed,
            self.time.as_secs() / 60,
            self.cycles()
        )?;
        writeln!(
            f,
            "**{} accepted, {} lost**, {} duplicates ({} of them not in hand at a fault), {} dead letters, {} pending at the end; \
             most requests for one event: {}. Memory of the gateways {} MiB at the beginning, {} MiB at the end; descriptors {} and {}.\n",
            ending.accepted,
            self.lost + ending.lost,
            ending.duplicates,
            ending.unexplained,
            ending.dead,
            ending.pending,
            ending.most_requests,
            ending.memory.0 >> 20,
            ending.memory.1 >> 20,
            ending.descriptors.0,
            ending.descriptors.1,
        )?;
        if self.lost_by_store > 0 || ending.told_lost > 0 {
            writeln!(
                f,
                "The store itself lost {} events that it had confirmed, in fail-overs; its gateways counted {} at the end \
                 (`hookgate_store_lost_events_total`, those restarted since begin anew).\n",
                self.lost_by_store, ending.told_lost
            )?;
        }
        for fault in &ending.faulty {
            writeln!(f, "* **Not as it must be:** {fault}")?;
        }
        if !ending.faulty.is_empty() {
            writeln!(f)?;
        }
        writeln!(
            f,
            "| fault | cycles | accepted | refused | lost | duplicates | bound | most in a cycle | recovery, mean | slowest | caught up, slowest | log lines, most |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for (fault, row) in &self.faults {
            writeln!(
                f,
                "| {fault} | {} | {} | {} | {} | {} | {} | {} | {:.1} s | {:.1} s | {:.1} s | {} |",
                row.cycles,
                row.sum.accepted,
                row.sum.refused,
                row.sum.lost,
                row.sum.duplicates,
                row.sum.bound,
                row.most.duplicates,
                row.mean_recovery().as_secs_f64(),
                row.most.recovery.as_secs_f64(),
                row.most.caught_up.as_secs_f64(),
                row.most.complaints,
            )?;
        }
        Ok(())
    }
}
