//! `hookgate delivery`: deliveries of a tenant, their attempts, and another attempt or none.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::access::AsTenant;
use super::block_on;
use super::event::steps;
use super::list::{self, Filters, Paging};
use super::output::{Failure, bold, dim, say};
use super::show::{coloured, encoded, facts, items, outcome, plain, text, time, word};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List deliveries, newest first; with `--status dead`, those that died last first.
    #[command(after_help = "Examples:
  hookgate delivery list --status dead --open
  hookgate delivery list --subscription sub_01J0000000000000000000000A --status-class 5xx --since 1h
  hookgate delivery list --all-tenants --status pending")]
    List(Box<List>),
    /// Show a delivery with its attempts and the beginning of each response.
    #[command(
        after_help = "Example:\n  hookgate delivery show 'dlv_evt_01J0000000000000000000000A~sub_01J0000000000000000000000B'"
    )]
    Show(Show),
    /// Deliver again: a pending delivery now, another one as a new delivery of the same event.
    #[command(after_help = "Examples:
  hookgate delivery retry 'dlv_evt_01J0000000000000000000000A~sub_01J0000000000000000000000B'
  hookgate delivery list --status dead --open --all --json | jq -r .id | xargs hookgate delivery retry")]
    Retry(Several),
    /// Cancel pending deliveries: there are no more attempts.
    #[command(after_help = "Example:
  hookgate delivery cancel 'dlv_evt_01J0000000000000000000000A~sub_01J0000000000000000000000B'

`job start cancel` cancels all that its filters find.")]
    Cancel(Several),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    paging: Paging,
    /// Of dead letters only those that were not delivered again.
    #[arg(long, help_heading = "Filters")]
    open: bool,
    /// Only deliveries that this bulk job made.
    #[arg(help_heading = "Filters", long, value_name = "ID")]
    job: Option<String>,
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
    /// Id of the delivery.
    id: String,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Several {
    /// Ids of the deliveries.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON, one line per delivery.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => block_on(list(arguments)),
        Command::Show(arguments) => block_on(show(arguments)),
        Command::Retry(arguments) => block_on(retry(arguments)),
        Command::Cancel(arguments) => block_on(cancel(arguments)),
    }
}

async fn list(list: &List) -> Result<(), Failure> {
    let mut query = list.filters.query()?;
    query.add("replayed", list.open.then_some("false"));
    query.add("job", list.job.as_deref());
    let (client, path) = if list.all_tenants {
        query.add("tenant", list.gateway.tenant());
        (list.gateway.operator()?, "/v1/operator/deliveries")
    } else {
        (list.gateway.client()?, PATH)
    };
    let columns = ["DELIVERY", "TYPE", "STATUS", "ATTEMPTS", "LAST OUTCOME", "AT"];
    let row = |delivery: &Value| {
        let tenant = delivery["tenant"].as_str().map(|tenant| format!("{tenant} "));
        let at = ["finished", "next_attempt", "first_attempt"];
        let at = at
            .map(|name| &delivery[name])
            .into_iter()
            .find(|at| !at.is_null());
        [
            format!("{}{}", tenant.unwrap_or_default(), text(&delivery["id"])),
            word(&delivery["type"]),
            word(&delivery["status"]),
            word(&delivery["attempts"]),
            outcome(&delivery["last_outcome"], &delivery["last_status"]),
            time(at.unwrap_or(&Value::Null)),
        ]
    };
    list::print(&client, (path, &query), &list.paging, list.json, (columns, row)).await
}

async fn show(show: &Show) -> Result<(), Failure> {
    let delivery = show
        .gateway
        .client()?
        .ask(Method::GET, &path(&show.id), None)
        .await?;
    if show.json {
        say(delivery);
        return Ok(());
    }
    let optional = |name: &str| match &delivery[name] {
        Value::Null => String::new(),
        value => word(value),
    };
    facts(&[
        ("delivery", bold(text(&delivery["id"]))),
        (
            "event",
            format!("{} {}", text(&delivery["event"]), text(&delivery["type"])),
        ),
        ("subscription", optional("subscription")),
        ("status", coloured(text(&delivery["status"]))),
        ("trigger", optional("trigger")),
        ("next attempt", optional("next_attempt")),
        ("finished", optional("finished")),
        ("replayed as", optional("replayed_as")),
    ]);
    for attempt in items(&delivery["attempts"]) {
        print(attempt);
    }
    Ok(())
}

/// Prints an attempt.
fn print(attempt: &Value) {
    say(format_args!(
        "{}  {}  {} after {} ms",
        bold(&format!("attempt {}", attempt["number"])),
        time(&attempt["started"]),
        outcome(&attempt["outcome"], &attempt["response_status"]),
        attempt["took_ms"],
    ));
    for (name, value) in [
        ("stage", &attempt["stage"]),
        ("reason", &attempt["reason"]),
        ("retry after", &attempt["retry_after"]),
    ] {
        if !value.is_null() {
            say(format_args!("  {}  {}", dim(name), word(value)));
        }
    }
    steps(&attempt["steps"]);
    if let Some(request) = attempt.get("request") {
        say(format_args!(
            "  {} {}",
            word(&request["method"]),
            word(&request["url"])
        ));
    }
    // The body is the endpoint's: control characters would reach the terminal.
    for line in text(&attempt["response_body"]).lines() {
        say(format_args!("  {} {}", dim("│"), plain(line)));
    }
}

async fn retry(several: &Several) -> Result<(), Failure> {
    each(several, "retry", |id, made| match text(&made["id"]) {
        same if same == id => format!("{id} is attempted now"),
        made => format!("{id} is delivered again as {made}"),
    })
    .await
}

async fn cancel(several: &Several) -> Result<(), Failure> {
    each(several, "cancel", |id, _| format!("{id} is cancelled")).await
}

/// Requests an action for each delivery, and prints a line about each that was done. Those that are
/// refused are told at the end.
async fn each(several: &Several, action: &str, done: impl Fn(&str, &Value) -> String) -> Result<(), Failure> {
    let client = several.gateway.client()?;
    let mut refused = Vec::new();
    for id in &several.ids {
        let path = format!("{}/{action}", path(id));
        match client.ask(Method::POST, &path, None).await {
            Ok(made) if several.json => say(made),
            Ok(made) => say(done(id, &made)),
            Err(failure) => {
                let told = failure.prefixed(id);
                refused.extend(
                    told.told()
                        .map(|(told, hint)| (told.to_owned(), hint.map(str::to_owned))),
                );
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::several(refused))
}

fn path(id: &str) -> String {
    format!("{PATH}/{}", encoded(id))
}

const PATH: &str = "/v1/deliveries";
