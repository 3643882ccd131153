//! `hookgate job`: bulk jobs, which act on all that a filter finds.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::access::AsTenant;
use super::block_on;
use super::client::Client;
use super::list::{self, CommonFilters, Paging, Query};
use super::output::{Failure, Progress, bold, say};
use super::show::{encoded, facts, text, time, word};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a job: retry, cancel or recover deliveries, or disable subscriptions.
    #[command(after_help = "Examples:
  hookgate job start retry --status dead --open --since 1d --dry-run
  hookgate job start retry --status dead --open --since 1d --wait
  hookgate job start cancel --subscription sub_01J0000000000000000000000A
  hookgate job start recover --since 2026-01-15T00:00:00Z --types 'invoice.*'
  hookgate job start disable --types 'order.*'")]
    Start(Box<Start>),
    /// List jobs, newest first.
    #[command(after_help = "Examples:\n  hookgate job list\n  hookgate job list --all-tenants")]
    List(List),
    /// Show a job.
    #[command(after_help = "Example:\n  hookgate job show job_01J0000000000000000000000A --wait")]
    Show(Show),
    /// Pause a job: it goes on when it is resumed.
    #[command(after_help = "Example:\n  hookgate job pause job_01J0000000000000000000000A")]
    Pause(One),
    /// Resume a paused job.
    #[command(after_help = "Example:\n  hookgate job resume job_01J0000000000000000000000A")]
    Resume(One),
    /// Cancel a job. What it has changed stays.
    #[command(after_help = "Example:\n  hookgate job cancel job_01J0000000000000000000000A")]
    Cancel(One),
}

#[derive(Debug, Args)]
struct Start {
    /// Action on all that the filters find.
    #[arg(value_parser = ["retry", "cancel", "recover", "disable"])]
    action: String,
    /// Only from this time on: RFC 3339, or a span before now such as `15m`.
    #[arg(help_heading = "Filters", long, value_name = "TIME")]
    since: Option<String>,
    /// Only from before this time: RFC 3339, or a span before now.
    #[arg(help_heading = "Filters", long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    filters: CommonFilters,
    /// Only deliveries that were not delivered again.
    #[arg(long, help_heading = "Filters")]
    open: bool,
    /// Count what the filters find, and change nothing.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Wait until the job has ended. Exit code 1: it failed or was cancelled.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    paging: Paging,
    /// Of all tenants, with the operator's key.
    #[arg(long)]
    all_tenants: bool,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    one: One,
    /// Wait until the job has ended. Exit code 1: it failed or was cancelled.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
struct One {
    /// Id of the job.
    id: String,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Start(arguments) => block_on(start(arguments)),
        Command::List(arguments) => block_on(list(arguments)),
        Command::Show(arguments) => block_on(show(arguments)),
        Command::Pause(arguments) => block_on(switch(arguments, "pause")),
        Command::Resume(arguments) => block_on(switch(arguments, "resume")),
        Command::Cancel(arguments) => block_on(switch(arguments, "cancel")),
    }
}

async fn start(start: &Start) -> Result<(), Failure> {
    let mut filter = start.filters.object();
    for (name, text) in [("since", &start.since), ("until", &start.until)] {
        if let Some(text) = text {
            filter.insert(name.to_owned(), list::time(text)?.into());
        }
    }
    if start.open {
        filter.insert("replayed".to_owned(), false.into());
    }
    let body = json!({ "action": start.action, "filter": filter, "dry_run": start.dry_run });
    let client = start.gateway.client()?;
    let made = client.ask(Method::POST, "/v1/bulk", Some(&body)).await?;
    if !start.dry_run {
        return follow(&client, made, start.wait, start.json).await;
    }
    if start.json {
        say(made);
        return Ok(());
    }
    let least = if made["partial"] == true { "at least " } else { "" };
    say(format_args!(
        "{} would act on {least}{}",
        start.action, made["matched"]
    ));
    Ok(())
}

async fn list(list: &List) -> Result<(), Failure> {
    let mut query = Query::default();
    let (client, path) = if list.all_tenants {
        query.add("tenant", list.gateway.tenant());
        (list.gateway.operator()?, "/v1/operator/jobs")
    } else {
        (list.gateway.client()?, PATH)
    };
    let columns = [
        "JOB", "ACTION", "STATE", "MATCHED", "CHANGED", "SKIPPED", "CREATED",
    ];
    let row = |job: &Value| {
        let tenant = job["tenant"].as_str().map(|tenant| format!("{tenant} "));
        [
            format!("{}{}", tenant.unwrap_or_default(), text(&job["id"])),
            word(&job["action"]),
            word(&job["state"]),
            word(&job["matched"]),
            word(&job["changed"]),
            word(&job["skipped"]),
            time(&job["created"]),
        ]
    };
    list::print(&client, (path, &query), &list.paging, list.json, (columns, row)).await
}

async fn show(show: &Show) -> Result<(), Failure> {
    let client = show.one.gateway.client()?;
    let job = client.ask(Method::GET, &path(&show.one.id), None).await?;
    follow(&client, job, show.wait, show.one.json).await
}

async fn switch(one: &One, to: &str) -> Result<(), Failure> {
    let client = one.gateway.client()?;
    let path = format!("{}/{to}", path(&one.id));
    let job = client.ask(Method::POST, &path, None).await?;
    print(&job, one.json);
    Ok(())
}

/// Prints a job, at its end if it is waited for.
async fn follow(client: &Client, mut job: Value, wait: bool, as_json: bool) -> Result<(), Failure> {
    let path = path(text(&job["id"]));
    let mut progress = Progress::new();
    while wait && job["finished"].is_null() {
        progress.show(format_args!(
            "{} {}: {} changed, {} skipped, {} looked at{}",
            text(&job["action"]),
            text(&job["state"]),
            job["changed"],
            job["skipped"],
            job["looked_at"],
            job["error"]["code"]
                .as_str()
                .map(|code| format!(" ({code})"))
                .unwrap_or_default(),
        ));
        tokio::time::sleep(PAUSE).await;
        job = client.ask(Method::GET, &path, None).await?;
    }
    progress.end();
    print(&job, as_json);
    match text(&job["state"]) {
        state @ ("failed" | "cancelled") if wait => Err(Failure::new(format!("the job is {state}"))),
        _ => Ok(()),
    }
}

fn print(job: &Value, as_json: bool) {
    if as_json {
        say(job);
        return;
    }
    let optional = |value: &Value| match value {
        Value::Null => String::new(),
        value => word(value),
    };
    facts(&[
        ("job", bold(text(&job["id"]))),
        ("action", word(&job["action"])),
        ("filter", job["filter"].to_string()),
        ("state", word(&job["state"])),
        ("by", word(&job["by"])),
        ("created", time(&job["created"])),
        ("finished", optional(&job["finished"])),
        ("looked at", word(&job["looked_at"])),
        ("matched", word(&job["matched"])),
        ("changed", word(&job["changed"])),
        ("skipped", word(&job["skipped"])),
        ("error", optional(&job["error"]["detail"])),
    ]);
}

fn path(id: &str) -> String {
    format!("{PATH}/{}", encoded(id))
}

const PATH: &str = "/v1/jobs";
/// Interval of looking at a job that is waited for.
const PAUSE: Duration = Duration::from_millis(250);
