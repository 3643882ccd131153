//! Long rounds of faults, run by hand.
//!
//! Each round prints a line for each cycle and ends with a table in Markdown or JSON; `--page` writes the page of results. Several stores
//! are gone through side by side. Exit code 1: something was lost, or what must never be was.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are this program's output"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use hookgate_tests::faults::{Fault, Place, Plan, Report, Store, page, run};
use tokio::task::JoinSet;

#[derive(Parser)]
#[command(about = "Faults injected into gateways under load, and an oracle")]
struct Arguments {
    /// The store; may be given several times.
    #[arg(long, value_enum, default_values = ["embedded"])]
    store: Vec<Kind>,
    /// Duration in minutes; each fault is injected at least once.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Events per second.
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Seed of the order of faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Gateways, 1 to 4; one on the embedded store.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    gateways: u8,
    /// A fault by its name; may be given several times. Without it all that the store may have.
    #[arg(long = "fault", value_parser = fault)]
    faults: Vec<Fault>,
    /// Gateways have the settings that they are shipped with.
    #[arg(long)]
    shipped: bool,
    /// Print JSON in place of Markdown.
    #[arg(long)]
    json: bool,
    /// Write the page of results into this file.
    #[arg(long)]
    page: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Embedded,
    Redis,
    Valkey,
    Cluster,
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = Fault::ALL.iter().find(|fault| fault.name() == name);
    let names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    known
        .copied()
        .ok_or_else(|| format!("one of {}", names.join(", ")))
}

impl Arguments {
    fn plan(&self, kind: Kind) -> Plan {
        let store = match kind {
            Kind::Embedded => Store::Embedded,
            Kind::Redis => Store::Redis,
            Kind::Valkey => Store::Valkey,
            Kind::Cluster => Store::Cluster,
        };
        Plan {
            gateways: if store == Store::Embedded {
                1
            } else {
                self.gateways.into()
            },
            rate: self.rate,
            seed: self.seed,
            time: Duration::from_secs(self.minutes * 60),
            faults: self.faults.clone(),
            shipped: self.shipped,
            ..Plan::short(store)
        }
    }
}

#[tokio::main(worker_threads = 8)]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut rounds = JoinSet::new();
    for (n, kind) in arguments.store.iter().enumerate() {
        let plan = arguments.plan(*kind);
        rounds.spawn(async move { (n, run(&plan, |line| eprintln!("{line}")).await) });
    }
    let mut reports: Vec<(usize, Report)> = Vec::new();
    while let Some(ended) = rounds.join_next().await {
        let (n, report) = ended?;
        reports.push((n, report.context("a round could not go on")?));
    }
    reports.sort_by_key(|(n, _)| *n);
    let reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
    for report in &reports {
        match arguments.json {
            true => println!("{}", report.json()),
            false => println!("{report}"),
        }
    }
    if let Some(file) = arguments.page {
        let words: Vec<_> = std::env::args().skip(1).collect();
        let command = format!("faults {}", words.join(" "));
        std::fs::write(file, page(&Place::here(), &reports, &command))?;
    }
    Ok(match reports.iter().all(Report::is_right) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
