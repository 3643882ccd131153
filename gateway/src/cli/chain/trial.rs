//! `hookgate chain try`: dry run of a chain at the gateway.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use http::Method;
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::super::body::{self, Object};
use super::super::client::Client;
use super::super::output::{Failure, bold, say};
use super::super::plugin::{said, tried};
use super::{Show, Steps};
use crate::api::TriedView;

#[derive(Debug, Args)]
pub(super) struct Try {
    /// Event: a file of JSON with `type` and `data`, or a plugin's case; `-`: the standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "event_id")]
    event: Option<PathBuf>,
    /// Stored event in place of a file, as the chain left it when it was accepted.
    #[arg(long, value_name = "ID", conflicts_with = "event")]
    event_id: Option<String>,
    #[command(flatten)]
    steps: Steps,
    /// Phase of the chain; default: `delivery` with `--subscription`, otherwise `ingress`.
    #[arg(long)]
    phase: Option<Phase>,
    #[command(flatten)]
    chain: Show,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Phase {
    Ingress,
    Delivery,
}

pub(super) async fn run(arguments: &Try) -> Result<(), Failure> {
    let given = arguments.steps.read()?;
    let event = arguments.event.as_deref().map(event).transpose()?;
    let client = arguments.chain.gateway.client()?;
    let chain = match given {
        None if arguments.chain.subscription.is_some() => Some(client.get(&arguments.chain.path()).await?),
        // Without steps, the gateway runs the tenant's chain.
        given => given,
    };
    let mut body = Object::default();
    body.set_some("event", event.as_ref())
        .set_some("event_id", arguments.event_id.as_ref())
        .set_some("steps", chain.as_deref().map(steps).transpose()?.as_ref())
        .set("phase", arguments.phase());
    let view = ask(&client, &body, arguments.chain.json).await?;
    if view.said.verdict != "failed" {
        return Ok(());
    }
    let kind = view.said.code.as_deref().unwrap_or_default();
    Err(Failure::new(format!("the chain failed ({kind})")))
}

/// Runs the event and prints the result.
async fn ask(client: &Client, body: &Object, as_json: bool) -> Result<TriedView, Failure> {
    let raw: Box<RawValue> = client.submit_as(Method::POST, PATH, body).await?;
    let view: TriedView = serde_json::from_str(raw.get()).map_err(|error| Failure::of(&error))?;
    if as_json {
        say(raw.get());
        return Ok(view);
    }
    let by = view.ended_by.as_ref().map(|plugin| format!(" ({plugin})"));
    say(format_args!(
        "{}  {}{}",
        bold("chain"),
        said(&view.said),
        by.unwrap_or_default()
    ));
    tried(&view);
    Ok(view)
}

/// Event of a file. A case has it in `event`.
fn event(file: &Path) -> Result<Box<RawValue>, Failure> {
    let named = |failure: Failure| failure.prefixed("the event");
    let event = body::json(&body::read(Some(file))?).map_err(named)?;
    Ok(member(&event, "event").unwrap_or(event))
}

/// Steps of a chain, as `show --json` prints it.
fn steps(chain: &RawValue) -> Result<Box<RawValue>, Failure> {
    member(chain, "steps").ok_or_else(|| {
        let failure = Failure::new("the chain has no `steps`").misconfigured();
        failure.hint("write it as `hookgate chain show --json` does")
    })
}

/// Member of a JSON object, with the digits of its numbers.
fn member(object: &RawValue, name: &str) -> Option<Box<RawValue>> {
    let members: Option<IndexMap<String, Box<RawValue>>> = serde_json::from_str(object.get()).ok();
    members?.swap_remove(name)
}

impl Try {
    fn phase(&self) -> &'static str {
        match (self.phase, &self.chain.subscription) {
            (Some(Phase::Delivery), _) | (None, Some(_)) => "delivery",
            (Some(Phase::Ingress), _) | (None, None) => "ingress",
        }
    }
}

const PATH: &str = "/v1/chain/try";
