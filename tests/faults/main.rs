//! Long rounds of faults, run by hand.
//!
//! `cargo build --release --workspace && target/release/faults --store redis --minutes 30`
//!
//! Each round prints a line for each cycle and ends with a table in Markdown, which `--report`
//! writes into a file too. Exit code 1: an event was lost, or an invariant was violated.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are this program's output"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use hookgate_tests::faults::{Plan, Store, run};

#[derive(Parser)]
#[command(about = "Faults injected into gateways under load, and an oracle")]
struct Arguments {
    /// Store of the gateways.
    #[arg(long, value_enum, default_value = "embedded")]
    store: Kind,
    /// Duration in minutes.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Events per second.
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Seed of the order of faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the table into this file.
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Embedded,
    Redis,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = Plan {
        store: match arguments.store {
            Kind::Embedded => Store::Embedded,
            Kind::Redis => Store::Redis,
        },
        rate: arguments.rate,
        seed: arguments.seed,
        time: Duration::from_secs(arguments.minutes * 60),
    };
    let report = run(&plan, |line| eprintln!("{line}")).await?;
    println!("{report}");
    for fault in &report.faulty {
        println!("* {fault}");
    }
    if let Some(file) = arguments.report {
        std::fs::write(file, report.to_string())?;
    }
    let right = report.lost == 0 && report.faulty.is_empty();
    Ok(if right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
