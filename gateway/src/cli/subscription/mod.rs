//! `hookgate subscription`: subscriptions of a tenant.

mod create;
mod fields;
mod recover;
mod secret;
mod update;

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::access::AsTenant;
use super::block_on;
use super::body::Object;
use super::client::Client;
use super::list::{self, Paging, Query};
use super::output::{Failure, bold, green, red_out, say, yellow};
use super::show::{encoded, facts, joined, outcome, text, time, word};
use hookgate_domain::units::Span;

pub(super) use create::{Created, create};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List subscriptions, oldest first.
    #[command(after_help = "Example:\n  hookgate subscription list")]
    List(List),
    /// Show a subscription.
    #[command(after_help = "Example:\n  hookgate subscription show sub_01J0000000000000000000000A")]
    Show(One),
    /// Create a subscription, and show its signing secret.
    #[command(after_help = "Examples:
  hookgate subscription create https://example.com/hooks --events 'invoice.*,order.paid'
  hookgate subscription create https://example.com/hooks --filter '{\"/total\":{\"$gte\":100}}'")]
    Create(Box<create::Create>),
    /// Change fields of a subscription; what is not given stays as it is.
    #[command(after_help = "Examples:
  hookgate subscription update sub_01J0000000000000000000000A --endpoint https://example.com/new --events 'invoice.*'
  hookgate subscription update sub_01J0000000000000000000000A --clear filter,timeout

`subscription pause` and `resume` change its status, `rotate-secret` its secret.")]
    Update(Box<update::Update>),
    /// Delete a subscription. Its pending deliveries are cancelled.
    #[command(after_help = "Example:\n  hookgate subscription delete sub_01J0000000000000000000000A")]
    Delete(One),
    /// Disable a subscription: it receives no events until it is resumed.
    #[command(after_help = "Example:\n  hookgate subscription pause sub_01J0000000000000000000000A")]
    Pause(One),
    /// Activate a subscription, and count the events that it missed.
    #[command(after_help = "Example:\n  hookgate subscription resume sub_01J0000000000000000000000A")]
    Resume(One),
    /// Print the signing secret of a subscription, or its public key.
    #[command(
        after_help = "Example:\n  hookgate subscription secret sub_01J0000000000000000000000A > secret.txt"
    )]
    Secret(One),
    /// Rotate the signing secret of a subscription, and print the new one.
    #[command(after_help = "Examples:
  hookgate subscription rotate-secret sub_01J0000000000000000000000A --grace 24h > secret.txt
  hookgate subscription rotate-secret sub_01J0000000000000000000000A --secret-file secret.txt")]
    RotateSecret(secret::Rotate),
    /// Deliver again what a subscription missed: what died, was cancelled or was never sent.
    #[command(after_help = "Examples:
  hookgate subscription recover sub_01J0000000000000000000000A --since 1d --types 'invoice.*'
  hookgate subscription recover sub_01J0000000000000000000000A --dead

`job start recover` does it in the background, for all subscriptions that its filters find.")]
    Recover(recover::Recover),
    /// Send a test event to a subscription, and wait for its first attempt.
    #[command(after_help = "Examples:
  hookgate subscription test sub_01J0000000000000000000000A
  hookgate subscription test sub_01J0000000000000000000000A --type invoice.paid --data '{\"id\":\"in_1\"}'")]
    Test(Test),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct One {
    /// Id of the subscription.
    id: String,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Test {
    #[command(flatten)]
    one: One,
    /// Type of the event; default: `hookgate.test`.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Payload as JSON; default: a greeting.
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Maximum time to wait for the first attempt; `0s`: do not wait.
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    wait: Span,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => block_on(list(arguments)),
        Command::Show(arguments) => block_on(show(arguments)),
        Command::Create(arguments) => block_on(create::run(arguments)),
        Command::Update(arguments) => block_on(update::run(arguments)),
        Command::Delete(arguments) => block_on(delete(arguments)),
        Command::Pause(arguments) => block_on(pause(arguments)),
        Command::Resume(arguments) => block_on(resume(arguments)),
        Command::Secret(arguments) => block_on(secret::show(arguments)),
        Command::RotateSecret(arguments) => block_on(secret::rotate(arguments)),
        Command::Recover(arguments) => block_on(recover::run(arguments)),
        Command::Test(arguments) => block_on(test(arguments)),
    }
}

async fn list(list: &List) -> Result<(), Failure> {
    let client = list.gateway.client()?;
    let columns = ["ID", "STATUS", "EVENTS", "URL"];
    let row = |subscription: &Value| {
        [
            word(&subscription["id"]),
            status(subscription),
            joined(&subscription["events"]),
            word(&subscription["url"]),
        ]
    };
    let of = (PATH, &Query::default());
    list::print(&client, of, &list.paging, list.json, (columns, row)).await
}

async fn show(one: &One) -> Result<(), Failure> {
    let client = one.gateway.client()?;
    let raw: Box<RawValue> = client.get(&one.path()).await?;
    if one.json {
        say(raw.get());
    } else {
        print(&raw);
    }
    Ok(())
}

/// Filter of a subscription, with the digits of its numbers.
#[derive(Deserialize)]
struct Exact {
    filter: Option<Box<RawValue>>,
}

/// Prints a subscription.
fn print(raw: &RawValue) {
    let found: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let exact: Option<Exact> = serde_json::from_str(raw.get()).ok();
    let filter = exact
        .and_then(|exact| exact.filter)
        .map(|filter| filter.get().to_owned());
    let optional = |name: &str| match &found[name] {
        Value::Null => String::new(),
        value => word(value),
    };
    let shown = status(&found);
    facts(&[
        ("subscription", bold(text(&found["id"]))),
        ("url", optional("url")),
        ("events", joined(&found["events"])),
        ("filter", filter.unwrap_or_default()),
        (
            "status",
            if shown == "active" {
                green(&shown)
            } else {
                yellow(&shown)
            },
        ),
        ("mode", optional("mode")),
        ("payload", optional("payload")),
        ("owner", optional("owner")),
        ("description", optional("description")),
        ("headers", joined(&found["headers"])),
        ("timeout", optional("timeout")),
        ("retry", optional("retry")),
        ("created", time(&found["created"])),
    ]);
}

/// Status with its reason, and the pause of the endpoint.
fn status(subscription: &Value) -> String {
    let (disabled, pause) = (&subscription["disabled"], &subscription["pause"]);
    match (disabled["reason"].as_str(), pause["reason"].as_str()) {
        (Some("asked"), _) => "disabled".to_owned(),
        (Some(reason), _) => format!("disabled ({reason} since {})", time(&disabled["since"])),
        (None, Some(reason)) => format!("active (paused until {}, {reason})", time(&pause["until"])),
        (None, None) => word(&subscription["status"]),
    }
}

async fn delete(one: &One) -> Result<(), Failure> {
    one.gateway
        .client()?
        .ask(Method::DELETE, &one.path(), None)
        .await?;
    if !one.json {
        say(format_args!("{} is deleted", one.id));
    }
    Ok(())
}

async fn pause(one: &One) -> Result<(), Failure> {
    let path = format!("{}/disable", one.path());
    let changed = one.gateway.client()?.ask(Method::POST, &path, None).await?;
    if one.json {
        say(changed);
    } else {
        say(format_args!(
            "{} receives no events until `hookgate subscription resume`",
            one.id
        ));
    }
    Ok(())
}

async fn resume(one: &One) -> Result<(), Failure> {
    let path = format!("{}/activate", one.path());
    let changed = one.gateway.client()?.ask(Method::POST, &path, None).await?;
    if one.json {
        say(changed);
        return Ok(());
    }
    say(format_args!("{} is active", one.id));
    let missed = &changed["missed"];
    if missed.is_object() {
        let (since, more) = (time(&missed["since"]), missed["more"] == true);
        let events = match missed["events"].as_u64() {
            Some(events) => format!("{}{events}", if more { "at least " } else { "" }),
            None => "unknown".to_owned(),
        };
        say(format_args!("events missed since {since}: {events}"));
    }
    Ok(())
}

async fn test(test: &Test) -> Result<(), Failure> {
    let mut body = Object::default();
    body.set_some("type", test.kind.as_ref())
        .set_json("data", test.data.as_deref())?;
    let client = test.one.gateway.client()?;
    let path = format!("{}/test", test.one.path());
    let sent = client.submit(Method::POST, &path, &body).await?;
    let delivery = text(&sent["delivery"]);
    let shown = attempted(&client, delivery, test.wait.get()).await?;
    if test.one.json {
        say(if shown.is_null() { &sent } else { &shown });
    }
    let Some(attempt) = shown["attempts"].as_array().and_then(|attempts| attempts.first()) else {
        if !test.one.json {
            say(format_args!(
                "{delivery} is sent; see `hookgate delivery show {delivery}`"
            ));
        }
        return Ok(());
    };
    let result = outcome(&attempt["outcome"], &attempt["response_status"]);
    let is_good = matches!(text(&attempt["outcome"]), "delivered" | "shadowed");
    if !test.one.json {
        let shown = if is_good { green(&result) } else { red_out(&result) };
        say(format_args!("{shown} after {} ms", attempt["took_ms"]));
    }
    if is_good {
        return Ok(());
    }
    let failure = Failure::new(format!("the endpoint did not take the test event: {result}"));
    Err(match attempt["reason"].as_str() {
        Some(reason) => failure.hint(reason),
        None => failure,
    })
}

/// Waits for the first attempt of a delivery. Returns null if there was none in time.
async fn attempted(client: &Client, delivery: &str, wait: Duration) -> Result<Value, Failure> {
    let path = format!("/v1/deliveries/{}", encoded(delivery));
    let began = Instant::now();
    while began.elapsed() < wait {
        let shown = client.ask(Method::GET, &path, None).await?;
        let is_over = shown["attempts"].as_array().is_some_and(|made| !made.is_empty());
        if is_over || shown["status"] != "pending" {
            return Ok(shown);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(Value::Null)
}

impl One {
    fn path(&self) -> String {
        path(&self.id)
    }
}

/// Path of a subscription.
pub(super) fn path(id: &str) -> String {
    format!("{PATH}/{}", encoded(id))
}

const PATH: &str = "/v1/subscriptions";
/// Interval of looks at a delivery.
const LOOK: Duration = Duration::from_millis(100);
