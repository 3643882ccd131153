//! `hookgate store check` and `hookgate store salvage`: what is whole of the embedded store, while no gateway runs on it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Settings;
use super::output::{Failure, note, say};
use hookgate_runtime::clock::Clock;
use hookgate_store::embedded::{self, Inspection, TableState};
use hookgate_store::{StoreError, StoreUrl};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read all of it and say what is damaged. Exit code 0: nothing is, 1: something is. Nothing is changed.
    #[command(after_help = "Example:\n  hookgate store check --data-dir /var/lib/hookgate")]
    Check(Check),
    /// Copy what is whole into a new store in another directory. The damaged one is left as it is.
    #[command(
        after_help = "Example:\n  hookgate store salvage --data-dir /var/lib/hookgate --to /var/lib/hookgate-new"
    )]
    Salvage(Salvage),
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    settings: Settings,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Salvage {
    #[command(flatten)]
    settings: Settings,
    /// The directory of the new store, which must have none.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Check(check) => self::check(check),
        Command::Salvage(salvage) => self::salvage(salvage),
    }
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let directory = directory(&arguments.settings)?;
    let found = embedded::inspect(&directory).map_err(|error| failed(&error))?;
    if arguments.json {
        say(view(&found));
    } else {
        tell(&found);
    }
    if found.is_whole() {
        if !arguments.json {
            say("every page and every record is as it was written");
        }
        return Ok(());
    }
    Err(Failure::new("the store is damaged").hint(
        "restore a backup (`hookgate restore`), or take what is whole into a new store: `hookgate store salvage --to DIR`",
    ))
}

fn salvage(arguments: &Salvage) -> Result<(), Failure> {
    let directory = directory(&arguments.settings)?;
    let taken =
        embedded::salvage(&directory, &arguments.to, Clock::System.now()).map_err(|error| failed(&error))?;
    let found = taken.inspection();
    if arguments.json {
        let mut view = view(&found);
        view["deliveries_again"] = json!(taken.deliveries_again);
        view["deliveries_lost"] = json!(taken.deliveries_lost);
        say(view);
        return Ok(());
    }
    tell(&found);
    say(format_args!(
        "{} deliveries are pending again because nothing says that they ended; {} were left out because their event is gone",
        taken.deliveries_again, taken.deliveries_lost
    ));
    note(format_args!(
        "what is whole is in {}: move the damaged file away and this one in its place, then start the gateway",
        arguments.to.display()
    ));
    Ok(())
}

fn directory(settings: &Settings) -> Result<PathBuf, Failure> {
    match settings.load()?.config.store_url() {
        StoreUrl::Embedded(directory) => Ok(directory),
        _ => Err(
            Failure::new("store.url names a Redis: only an embedded store is looked through by this")
                .hint("redis-check-aof and redis-check-rdb look at Redis' files"),
        ),
    }
}

fn failed(error: &StoreError) -> Failure {
    Failure::of(error)
        .hint("stop the gateway first; the settings name the directory (`store.url`, `data_dir`)")
}

fn tell(found: &Inspection) {
    if let Some(reason) = &found.pages {
        say(format_args!("pages: {reason}"));
    }
    for table in found.tables.iter().filter(|table| is_noteworthy(table)) {
        say(format_args!(
            "{}: {} records whole, {} damaged, {} not to be found{}",
            table.name,
            table.whole,
            table.damaged,
            table.missing,
            table
                .reason
                .as_ref()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default()
        ));
    }
    if !found.tenants.is_empty() {
        let tenants: Vec<_> = found.tenants.iter().map(String::as_str).collect();
        say(format_args!(
            "tenants with damaged records: {}",
            tenants.join(", ")
        ));
    }
}

fn is_noteworthy(table: &TableState) -> bool {
    table.whole + table.damaged + table.missing > 0 || table.reason.is_some()
}

fn view(found: &Inspection) -> Value {
    let table = |table: &TableState| {
        json!({
            "name": table.name,
            "whole": table.whole,
            "damaged": table.damaged,
            "missing": table.missing,
            "reason": table.reason,
        })
    };
    json!({
        "whole": found.is_whole(),
        "pages": found.pages,
        "tables": found.tables.iter().map(table).collect::<Vec<_>>(),
        "tenants": found.tenants,
    })
}
