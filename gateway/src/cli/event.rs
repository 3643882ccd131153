//! `hookgate event`: sends, lists, shows and replays events.

use clap::{Args, Subcommand};
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::access::AsTenant;
use super::block_on;
use super::body::{self, Object};
use super::list::{self, Filters, Paging};
use super::output::{Failure, bold, dim, note, say, table};
use super::plugin::pretty;
use super::show::{coloured, encoded, facts, items, joined, outcome, text, time, word};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send one event, and print the gateway's response as JSON.
    #[command(after_help = "Examples:
  hookgate event send invoice.paid '{\"id\":\"in_1\",\"total\":120}'
  hookgate event send invoice.paid - < invoice.json
  hookgate event send invoice.paid '{\"id\":\"in_1\"}' --dry-run   # who would receive it")]
    Send(Send),
    /// List events, newest first, with the number of their deliveries by status.
    #[command(after_help = "Examples:
  hookgate event list --since 15m
  hookgate event list --types 'invoice.*' --status dead --json
  hookgate event list --query order-1234        # the events of an Idempotency-Key")]
    List(List),
    /// Show an event: its payload as it is delivered, its chain and its deliveries.
    #[command(after_help = "Example:\n  hookgate event show evt_01J0000000000000000000000A")]
    Show(One),
    /// Deliver an event again: to all active subscriptions that want its type, or to one.
    #[command(after_help = "Examples:
  hookgate event replay evt_01J0000000000000000000000A
  hookgate event replay evt_01J0000000000000000000000A --subscription sub_01J0000000000000000000000B")]
    Replay(Replay),
}

#[derive(Debug, Args)]
struct Send {
    /// Type of the event, such as `invoice.paid`.
    kind: String,
    /// Payload as JSON; `-` or nothing: from the standard input.
    data: Option<String>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Id of the event, if the producer has one.
    #[arg(long)]
    id: Option<String>,
    /// Store and send nothing: print who would receive it, or why it would be dropped.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    filters: Filters,
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
struct One {
    /// Id of the event.
    id: String,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    event: One,
    /// Only to this subscription, whatever its patterns.
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Send(arguments) => block_on(send(arguments)),
        Command::List(arguments) => block_on(list(arguments)),
        Command::Show(arguments) => block_on(show(arguments)),
        Command::Replay(arguments) => block_on(replay(arguments)),
    }
}

async fn send(send: &Send) -> Result<(), Failure> {
    let client = send.gateway.client()?;
    let text = match send.data.as_deref() {
        Some(text) if text != "-" => text.to_owned(),
        Some(_) | None => body::read(None)?,
    };
    let mut event = Object::default();
    event
        .set("type", &send.kind)
        .set_json("data", Some(&text))?
        .set_some("id", send.id.as_ref());
    let path = match send.dry_run {
        true => DRY_RUN,
        false => PATH,
    };
    say(client.submit(Method::POST, path, &event).await?);
    Ok(())
}

async fn list(list: &List) -> Result<(), Failure> {
    let mut query = list.filters.query()?;
    let (client, path) = if list.all_tenants {
        query.add("tenant", list.gateway.tenant());
        (list.gateway.operator()?, "/v1/operator/events")
    } else {
        query.add("order", Some("newest"));
        (list.gateway.client()?, PATH)
    };
    let columns = ["ACCEPTED", "EVENT", "TYPE", "BYTES", "DELIVERIES"];
    let row = |event: &Value| {
        let tenant = event["tenant"].as_str().map(|tenant| format!("{tenant} "));
        [
            time(&event["accepted"]),
            format!("{}{}", tenant.unwrap_or_default(), text(&event["id"])),
            word(&event["type"]),
            word(&event["bytes"]),
            standings(&event["deliveries"]),
        ]
    };
    list::print(&client, (path, &query), &list.paging, list.json, (columns, row)).await
}

/// Payload of an event, with the digits of its numbers.
#[derive(Deserialize)]
struct Payload {
    data: Box<RawValue>,
}

/// Numbers of deliveries by status, without zeros.
fn standings(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten();
    let counts = counts.filter(|(_, count)| count.as_u64() != Some(0));
    let counts: Vec<_> = counts
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    }
}

async fn show(show: &One) -> Result<(), Failure> {
    let raw: Box<RawValue> = show.gateway.client()?.get(&show.path()).await?;
    if show.json {
        say(raw.get());
        return Ok(());
    }
    let event: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let optional = |name: &str| match &event[name] {
        Value::Null => String::new(),
        value => word(value),
    };
    facts(&[
        ("event", bold(text(&event["id"]))),
        ("type", optional("type")),
        ("status", optional("status")),
        ("reason", optional("reason")),
        ("created", time(&event["created"])),
        ("deliver to", optional("deliver_to")),
        ("metadata", optional("metadata")),
    ]);
    steps(&event["steps"]);
    say(bold("data"));
    let Payload { data } = serde_json::from_str(raw.get()).map_err(|error| Failure::of(&error))?;
    say(pretty(&data));
    let deliveries: Vec<_> = items(&event["deliveries"]).map(delivery).collect();
    if deliveries.is_empty() {
        say("no deliveries");
        return Ok(());
    }
    table(
        ["DELIVERY", "STATUS", "ATTEMPTS", "LAST OUTCOME", "NEXT ATTEMPT"],
        &deliveries,
    );
    Ok(())
}

fn delivery(delivery: &Value) -> [String; 5] {
    [
        word(&delivery["id"]),
        word(&delivery["status"]),
        word(&delivery["attempts"]),
        outcome(&delivery["last_outcome"], &delivery["last_status"]),
        time(&delivery["next_attempt"]),
    ]
}

async fn replay(replay: &Replay) -> Result<(), Failure> {
    let mut body = Object::default();
    body.set_some("subscription", replay.subscription.as_ref());
    let path = format!("{}/replay", replay.event.path());
    let client = replay.event.gateway.client()?;
    let made = client.submit(Method::POST, &path, &body).await?;
    if replay.event.json {
        say(made);
        return Ok(());
    }
    let mut deliveries = items(&made["deliveries"]).peekable();
    if deliveries.peek().is_none() {
        note("no active subscription wants it");
    }
    deliveries.for_each(|delivery| say(word(delivery)));
    Ok(())
}

impl One {
    fn path(&self) -> String {
        format!("{PATH}/{}", encoded(&self.id))
    }
}

/// Prints the steps of a chain, one line each.
pub(super) fn steps(steps: &Value) {
    for step in items(steps) {
        let changed = match joined(&step["changed"]) {
            changed if changed.is_empty() => String::new(),
            changed => format!(", changed {changed}"),
        };
        let failure = step["failure"].as_str().map(|failure| format!(" ({failure})"));
        say(format_args!(
            "{}  {} {}{}{changed} {}",
            dim("step"),
            text(&step["plugin"]),
            coloured(text(&step["result"])),
            failure.unwrap_or_default(),
            dim(&format!("{} µs", step["took_us"])),
        ));
    }
}

const PATH: &str = "/v1/events";
const DRY_RUN: &str = "/v1/events?dry_run=true";
