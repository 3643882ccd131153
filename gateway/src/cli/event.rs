//! `hookgate event`: sends events from the command line.

use std::io::Read as _;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value};

use super::client::{Address, Client};
use super::output::{Failure, say};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send one event, and print the gateway's response as JSON.
    Send(Send),
}

#[derive(Debug, Args)]
struct Send {
    /// Type of the event, such as `invoice.paid`.
    kind: String,
    /// Payload as JSON; `-` or nothing: from the standard input.
    data: Option<String>,
    #[command(flatten)]
    gateway: Address,
    /// API key of the tenant.
    #[arg(long, env = "HG_KEY", hide_env_values = true)]
    key: String,
    /// Id of the event, if the producer has one.
    #[arg(long)]
    id: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Send(send) = &arguments.command;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(deliver(send))
}

async fn deliver(send: &Send) -> Result<(), Failure> {
    let text = match send.data.as_deref() {
        Some(text) if text != "-" => text.to_owned(),
        Some(_) | None => read_input()?,
    };
    let data: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the payload is not JSON: {error}")))?;
    let mut event = Map::from_iter([
        ("type".to_owned(), send.kind.clone().into()),
        ("data".to_owned(), data),
    ]);
    if let Some(id) = &send.id {
        event.insert("id".to_owned(), id.clone().into());
    }
    let client = Client::new(&send.gateway, &send.key)?;
    let answer = client
        .ask(Method::POST, "/v1/events", Some(&Value::Object(event)))
        .await?;
    say(answer);
    Ok(())
}

fn read_input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::of(&error))?;
    Ok(text)
}
