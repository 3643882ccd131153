//! `hookgate keys`: manages the keys that seal secrets in the store of a running gateway.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::access::AsOperator;
use super::client::Client;
use super::output::{Failure, note, say};
use hookgate_registry::seal::{id_on_line, new_key};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate a key and print it, a line for `auth.sealing_keys` or `secrets.key`. Needs no
    /// gateway.
    #[command(after_help = "Example:\n  hookgate keys new > sealing.key")]
    New,
    /// Show the ids of the gateway's keys, and the number of secrets sealed with each.
    #[command(after_help = "Example:\n  hookgate keys list")]
    List(Gateway),
    /// Reseal every secret with the newest key; if all are, with a new key. An interrupted run can
    /// be repeated.
    #[command(after_help = "Example:\n  hookgate keys rotate --alone")]
    Rotate(Rotate),
    /// Remove a key that seals no secret.
    #[command(after_help = "Example:\n  hookgate keys remove 3f2a9c01")]
    Remove(Remove),
}

#[derive(Debug, Args)]
struct Gateway {
    #[command(flatten)]
    gateway: AsOperator,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    gateway: Gateway,
    /// Confirm that no other gateway uses the same Redis.
    /// Then a key may be generated that only this gateway has.
    #[arg(long)]
    alone: bool,
}

#[derive(Debug, Args)]
struct Remove {
    /// Id of the key, as `list` shows it.
    id: String,
    #[command(flatten)]
    gateway: Gateway,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    match &arguments.command {
        Command::New => {
            let key = new_key();
            say(key.reveal());
            let id = id_on_line(key.reveal()).unwrap_or_default();
            note(format_args!("its id is {id}"));
            Ok(())
        }
        Command::List(gateway) => runtime.block_on(list(gateway)),
        Command::Rotate(rotate) => runtime.block_on(rotated(rotate)),
        Command::Remove(remove) => runtime.block_on(removed(remove)),
    }
}

async fn list(gateway: &Gateway) -> Result<(), Failure> {
    let answer = gateway.client()?.ask(Method::GET, PATH, None).await?;
    if gateway.json {
        say(answer);
        return Ok(());
    }
    for key in answer["data"].as_array().into_iter().flatten() {
        let sealed = key["sealed"].as_u64().unwrap_or_default();
        let about = match (key["seals"] == true, key["at_hand"] == true, sealed) {
            (true, _, _) => "seals",
            (false, false, _) => "MISSING HERE: put it back",
            (false, true, 0) => "can be dropped",
            (false, true, _) => "opens only; still needed",
        };
        say(format_args!("{}  {sealed:>6} secrets  {about}", text(&key["id"])));
    }
    Ok(())
}

async fn rotated(rotate: &Rotate) -> Result<(), Failure> {
    let gateway = &rotate.gateway;
    let body = json!({ "alone": rotate.alone });
    let path = format!("{PATH}/rotate");
    let answer = gateway.client()?.ask(Method::POST, &path, Some(&body)).await?;
    if gateway.json {
        say(answer);
        return Ok(());
    }
    let made = if answer["made"] == true {
        "the new key"
    } else {
        "the key"
    };
    say(format_args!(
        "{} secrets of {} tenants were sealed anew; {made} {} seals everything",
        answer["resealed"],
        answer["tenants"],
        text(&answer["key"])
    ));
    for old in answer["unused"].as_array().into_iter().flatten() {
        say(format_args!(
            "the key {0} is needed no more: `hookgate keys remove {0}`, once no backup is needed that has it",
            text(old)
        ));
    }
    Ok(())
}

async fn removed(remove: &Remove) -> Result<(), Failure> {
    let path = format!("{PATH}/{}", remove.id);
    remove.gateway.client()?.ask(Method::DELETE, &path, None).await?;
    if !remove.gateway.json {
        say(format_args!("the key {} is dropped", remove.id));
    }
    Ok(())
}

impl Gateway {
    fn client(&self) -> Result<Client, Failure> {
        self.gateway.client()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

const PATH: &str = "/v1/sealing-keys";
