//! `hookgate chain`: plugin chains of a tenant and of its subscriptions.

mod trial;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::access::AsTenant;
use super::block_on;
use super::body::{self, Object};
use super::client::Client;
use super::output::{Failure, say};
use super::show::{items, text, word};
use super::subscription;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the steps of a chain, and the version that each runs.
    #[command(after_help = "Examples:
  hookgate chain show
  hookgate chain show --subscription sub_01J0000000000000000000000A --json > chain.json")]
    Show(Show),
    /// Set all steps of a chain.
    #[command(after_help = "Examples:
  hookgate chain set --step 'redact={\"classes\":[\"confidential\"]}'
  hookgate chain set --step filter@^1='{\"when\":{\"/status\":\"live\"}}' --step redact
  hookgate chain set --file chain.json
  hookgate chain set --empty")]
    Set(Set),
    /// Try an event on a chain: show its verdict, what each step changes, and the resulting data.
    /// Nothing is stored or sent.
    #[command(after_help = "Examples:
  hookgate chain try --event event.json
  hookgate chain try --event-id evt_01J0000000000000000000000A --step 'redact={\"classes\":[\"restricted\"]}'
  hookgate event show evt_01J0000000000000000000000A --json | jq '{type, data}' | hookgate chain try --event -
  hookgate chain try --event event.json --subscription sub_01J0000000000000000000000A")]
    Try(trial::Try),
}

#[derive(Debug, Args)]
struct Show {
    /// Chain of this subscription, which its deliveries pass; default: the tenant's, which every
    /// event passes before it is stored.
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments that give the steps of a chain.
#[derive(Debug, Args)]
struct Steps {
    /// Step: a plugin's name, `@` and a version, `=` and its settings as JSON; may be repeated.
    #[arg(
        long,
        value_name = "PLUGIN[@VERSION][=SETTINGS]",
        conflicts_with_all = ["file", "empty"]
    )]
    step: Vec<String>,
    /// File of the chain as JSON, as `show --json` prints it; `-`: the standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "empty")]
    file: Option<PathBuf>,
    /// No steps: events pass as they are.
    #[arg(long)]
    empty: bool,
}

#[derive(Debug, Args)]
struct Set {
    #[command(flatten)]
    steps: Steps,
    #[command(flatten)]
    chain: Show,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Show(arguments) => block_on(show(arguments)),
        Command::Set(arguments) => block_on(set(arguments)),
        Command::Try(arguments) => block_on(trial::run(arguments)),
    }
}

async fn show(show: &Show) -> Result<(), Failure> {
    show.print(&show.gateway.client()?).await
}

async fn set(set: &Set) -> Result<(), Failure> {
    let Some(body) = set.steps.read()? else {
        let failure = Failure::new("no steps are given").misconfigured();
        return Err(failure.hint("give `--step`, `--file`, or `--empty` for a chain without steps"));
    };
    let client = set.chain.gateway.client()?;
    client.submit(Method::PUT, &set.chain.path(), &body).await?;
    set.chain.print(&client).await
}

impl Steps {
    /// Reads the chain that is given, if one is.
    ///
    /// # Errors
    /// Those of the file; text that is not JSON.
    fn read(&self) -> Result<Option<Box<RawValue>>, Failure> {
        if let Some(file) = &self.file {
            let chain = body::json(&body::read(Some(file))?);
            return chain.map(Some).map_err(|failure| failure.prefixed("the chain"));
        }
        if self.step.is_empty() && !self.empty {
            return Ok(None);
        }
        let steps: Result<Vec<_>, _> = self.step.iter().map(|text| step(text)).collect();
        let chain = to_raw_value(&IndexMap::from([("steps", steps?)]));
        chain.map(Some).map_err(|error| Failure::of(&error))
    }
}

/// Step of an argument.
fn step(argument: &str) -> Result<Object, Failure> {
    let (plugin, settings) = match argument.split_once('=') {
        Some((plugin, settings)) => (plugin, Some(settings)),
        None => (argument, None),
    };
    let (plugin, version) = match plugin.split_once('@') {
        Some((plugin, version)) => (plugin, Some(version)),
        None => (plugin, None),
    };
    let mut step = Object::default();
    step.set("plugin", plugin)
        .set_some("version", version)
        .set_json("settings", settings)?;
    Ok(step)
}

impl Show {
    fn path(&self) -> String {
        match &self.subscription {
            Some(id) => format!("{}/chain", subscription::path(id)),
            None => "/v1/chain".to_owned(),
        }
    }

    /// Reads the chain and prints it.
    async fn print(&self, client: &Client) -> Result<(), Failure> {
        let raw: Box<RawValue> = client.get(&self.path()).await?;
        if self.json {
            say(raw.get());
            return Ok(());
        }
        let chain: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let removed = super::show::joined(&chain["always_removed"]);
        if !removed.is_empty() {
            say(format_args!("the profile removes {removed}"));
        }
        let mut steps = items(&chain["steps"]).peekable();
        if steps.peek().is_none() {
            say("no steps: events pass as they are");
        }
        for (number, step) in steps.enumerate() {
            let version = match &step["version"] {
                Value::Null => String::new(),
                version => format!("@{}", word(version)),
            };
            let running = match step["running"]["version"].as_str() {
                Some(running) => format!("  runs {running}"),
                None => String::new(),
            };
            let canary = match step["canary"]["version"].as_str() {
                Some(canary) => format!("  canary {canary} of {}", step["canary"]["share"]),
                None => String::new(),
            };
            say(format_args!(
                "{}. {}{version} {}{running}{canary}  on failure: {}",
                number + 1,
                text(&step["plugin"]),
                step["settings"],
                text(&step["on_failure"]),
            ));
        }
        Ok(())
    }
}
