//! `hookgate plugin stats` and `logs`: statistics and log lines of a plugin in a gateway.

use std::time::Duration;

use clap::{Args, ValueEnum};
use http::Method;
use serde_json::Value;

use super::remote::{Gateway, encoded, text};
use crate::cli::client::Client;
use crate::cli::output::{Failure, dim, note, red_out, say, table, yellow};

#[derive(Debug, Args)]
pub(super) struct Stats {
    /// Name of the plugin in chains.
    name: String,
    #[command(flatten)]
    gateway: Gateway,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Name of the plugin in chains.
    name: String,
    #[command(flatten)]
    gateway: Gateway,
    /// Number of last lines.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Lowest level.
    #[arg(long, value_enum, default_value_t = Loud::Trace)]
    level: Loud,
    /// Follow: print later lines until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Loud {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

pub(super) fn stats(arguments: &Stats) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let path = format!("/v1/plugins/{}/stats", encoded(&arguments.name));
    let stats = super::block_on(client.ask(Method::GET, &path, None))?;
    if arguments.json {
        say(stats);
        return Ok(());
    }
    let versions = stats["versions"].as_array().into_iter().flatten();
    let rows: Vec<_> = versions.clone().map(row).collect();
    let names = [
        "VERSION",
        "DIGEST",
        "CALLS",
        "PASS",
        "DROP",
        "REJECT",
        "DELAY",
        "FAILED",
        "P50 µs",
        "P99 µs",
        "MAX µs",
        "BYTES IN",
        "BYTES OUT",
        "BREAKER",
    ];
    table(names, &rows);
    for version in versions {
        let failures = version["failures"].as_object().into_iter().flatten();
        let failures: Vec<_> = failures.map(|(kind, count)| format!("{count} {kind}")).collect();
        if !failures.is_empty() {
            let last = &version["last_failure"];
            say(format_args!(
                "{} failed: {}; last {} at {}",
                text(&version["version"]),
                failures.join(", "),
                text(&last["kind"]),
                text(&last["at"])
            ));
        }
    }
    note(dim(
        "of the gateway process that answered, since it had the version in a chain",
    ));
    Ok(())
}

fn row(version: &Value) -> [String; 14] {
    let digest = text(&version["digest"]);
    let figure = |value: &Value| {
        value
            .as_u64()
            .map_or_else(|| "-".to_owned(), |figure| figure.to_string())
    };
    let said = |word: &str| figure(&version["verdicts"][word]);
    let time = |word: &str| figure(&version["time"][word]);
    [
        text(&version["version"]).to_owned(),
        digest.get(..12).unwrap_or(digest).to_owned(),
        figure(&version["calls"]),
        said("pass"),
        said("drop"),
        said("reject"),
        said("delay"),
        said("failed"),
        time("p50_us"),
        time("p99_us"),
        time("max_us"),
        figure(&version["bytes_in"]),
        figure(&version["bytes_out"]),
        text(&version["breaker"]).to_owned(),
    ]
}

pub(super) fn logs(arguments: &Logs) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    super::block_on(read(arguments, &client))
}

async fn read(arguments: &Logs, client: &Client) -> Result<(), Failure> {
    let level = arguments.level.to_possible_value();
    let level = level.as_ref().map_or("trace", |value| value.get_name());
    let path = format!("/v1/plugins/{}/logs?level={level}", encoded(&arguments.name));
    let mut next = format!("{path}&limit={}", arguments.limit);
    loop {
        let lines = client.ask(Method::GET, &next, None).await?;
        let data = lines["data"].as_array().into_iter().flatten();
        let mut some = false;
        for line in data {
            some = true;
            show(line, arguments.json);
        }
        if !arguments.follow {
            return Ok(());
        }
        next = format!("{path}&limit=500&cursor={}", text(&lines["next_cursor"]));
        if !some {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn show(line: &Value, json: bool) {
    if json {
        say(line);
        return;
    }
    if let Some(dropped) = line["dropped"].as_u64().filter(|dropped| *dropped > 0) {
        say(dim(&format!(
            "{dropped} lines were dropped here: too many in a second"
        )));
    }
    let level = text(&line["level"]);
    let padded = format!("{level:>5}");
    let coloured = match level {
        "error" => red_out(&padded),
        "warn" => yellow(&padded),
        _ => padded,
    };
    say(format_args!(
        "{} {coloured} {} {} {}",
        dim(text(&line["at"])),
        text(&line["version"]),
        dim(&format!("{} {}", text(&line["event"]), text(&line["chain"]))),
        text(&line["text"])
    ));
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
