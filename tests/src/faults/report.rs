//! Report of a round, as Markdown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Fault, Plan};

/// Result of a cycle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line {
    /// Events accepted during the cycle.
    pub accepted: u64,
    /// Events accepted before the end of the fault that did not arrive within the bound.
    pub lost: u64,
    /// Requests beyond the first of an event.
    pub duplicates: u64,
    /// Time from the end of the fault to the arrival of an event posted after it.
    pub recovery: Duration,
}

/// Result of a round.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    faults: BTreeMap<Fault, Row>,
    /// Accepted events.
    pub accepted: u64,
    /// Accepted events that never arrived.
    pub lost: u64,
    /// Requests beyond the first of an event.
    pub duplicates: u64,
    /// Violations of invariants: wrong signatures, events that were never sent, one event under two
    /// ids.
    pub faulty: Vec<String>,
}

#[derive(Debug, Default)]
struct Row {
    cycles: usize,
    accepted: u64,
    lost: u64,
    duplicates: u64,
    most_duplicates: u64,
    slowest: Duration,
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            faults: BTreeMap::new(),
            accepted: 0,
            lost: 0,
            duplicates: 0,
            faulty: Vec::new(),
        }
    }

    /// Number of cycles.
    pub fn cycles(&self) -> usize {
        self.faults.values().map(|row| row.cycles).sum()
    }

    /// Number of duplicates of faults that must not cause any.
    pub fn unexpected_duplicates(&self) -> u64 {
        let rows = self.faults.iter().filter(|(fault, _)| !fault.may_duplicate());
        rows.map(|(_, row)| row.duplicates).sum()
    }

    pub(super) fn add(&mut self, fault: Fault, line: &Line) {
        let row = self.faults.entry(fault).or_default();
        row.cycles += 1;
        row.accepted += line.accepted;
        row.lost += line.lost;
        row.duplicates += line.duplicates;
        row.most_duplicates = row.most_duplicates.max(line.duplicates);
        row.slowest = row.slowest.max(line.recovery);
    }

    pub(super) fn end(&mut self, accepted: u64, lost: u64, duplicates: u64, faulty: Vec<String>) {
        (self.accepted, self.lost, self.duplicates) = (accepted, lost, duplicates);
        self.faulty = faulty;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "### {}\n\n{} events a second, seed {}: {} accepted, {} lost, {} duplicates, {} faults of other kinds.\n",
            self.plan.store,
            self.plan.rate,
            self.plan.seed,
            self.accepted,
            self.lost,
            self.duplicates,
            self.faulty.len()
        )?;
        writeln!(
            f,
            "| fault | cycles | accepted | lost | duplicates | most in a cycle | slowest recovery |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for (fault, row) in &self.faults {
            writeln!(
                f,
                "| {fault} | {} | {} | {} | {} | {} | {:.1} s |",
                row.cycles,
                row.accepted,
                row.lost,
                row.duplicates,
                row.most_duplicates,
                row.slowest.as_secs_f64()
            )?;
        }
        Ok(())
    }
}
