//! `hookgate plugin push`, `list`, `promote` and `rollback`: requests to a gateway.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::Value;

use super::build;
use crate::cli::access::AsTenant;
use crate::cli::client::Client;
use crate::cli::output::{Failure, say, table};

/// Arguments that select the gateway and the tenant's key.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    #[command(flatten)]
    tenant: AsTenant,
}

#[derive(Debug, Args)]
pub(super) struct Push {
    #[command(flatten)]
    gateway: Gateway,
    /// Directory of the project; its component is built first.
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "component")]
    project: PathBuf,
    /// Component to upload instead of the project's.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Name of the plugin in chains; by default the one that the component declares.
    #[arg(long)]
    name: Option<String>,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    gateway: Gateway,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Move {
    /// Name of the plugin in chains.
    name: String,
    #[command(flatten)]
    gateway: Gateway,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

impl Gateway {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.tenant.client()
    }
}

pub(super) fn push(arguments: &Push) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let file = match &arguments.component {
        Some(file) => file.clone(),
        None => build::project(&arguments.project, None)?.component,
    };
    let bytes =
        std::fs::read(&file).map_err(|error| Failure::of(&error).prefixed(&file.display().to_string()))?;
    let path = match &arguments.name {
        Some(name) => format!("/v1/plugins?name={}", encoded(name)),
        None => "/v1/plugins".to_owned(),
    };
    let pushed =
        super::block_on(client.send_bytes(Method::POST, &path, "application/wasm", Bytes::from(bytes)))?;
    if arguments.json {
        say(pushed);
        return Ok(());
    }
    let uploaded = &pushed["uploaded"];
    say(format_args!(
        "{} {} is there: {}",
        text(&pushed["name"]),
        text(&uploaded["version"]),
        text(&uploaded["digest"])
    ));
    steps(&pushed);
    Ok(())
}

/// Promotes the plugin's canaries.
pub(super) fn promote(arguments: &Move) -> Result<(), Failure> {
    moved(arguments, "promote")
}

/// Stops the plugin's canaries, or returns to the previous versions.
pub(super) fn roll_back(arguments: &Move) -> Result<(), Failure> {
    moved(arguments, "rollback")
}

fn moved(arguments: &Move, what: &str) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let path = format!("/v1/plugins/{}/{what}", encoded(&arguments.name));
    let moved = super::block_on(client.ask(Method::POST, &path, None))?;
    if arguments.json {
        say(moved);
    } else {
        steps(&moved);
    }
    Ok(())
}

/// Prints the outcome of each step, one line each, with the reasons of a refused move.
fn steps(answer: &Value) {
    for step in answer["steps"].as_array().into_iter().flatten() {
        let what = match (step["canary"] == true, step["moved"] == true) {
            (false, true) => "runs",
            (true, true) => "has no canary any more, runs",
            (_, false) => "does not take",
        };
        let before = step["from"].as_str().map(|from| format!(", before {from}"));
        say(format_args!(
            "step {} of {} {what} {}{}",
            step["step"],
            text(&step["chain"]),
            text(&step["to"]),
            before.unwrap_or_default()
        ));
        for refused in step["refused"].as_array().into_iter().flatten() {
            say(format_args!(
                "  {} {}",
                text(&refused["pointer"]),
                text(&refused["message"])
            ));
        }
    }
}

/// Percent-encodes a part of a path or a query.
pub(super) fn encoded(name: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn list(arguments: &List) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let plugins = super::block_on(client.ask(Method::GET, "/v1/plugins?limit=500", None))?;
    if arguments.json {
        say(plugins);
        return Ok(());
    }
    let mut rows = Vec::new();
    for plugin in plugins["data"].as_array().into_iter().flatten() {
        for version in plugin["versions"].as_array().into_iter().flatten() {
            let digest = text(&version["digest"]);
            rows.push([
                text(&plugin["name"]).to_owned(),
                text(&version["version"]).to_owned(),
                digest.get(..12).unwrap_or(digest).to_owned(),
                text(&plugin["owner"]).to_owned(),
                text(&version["breaker"]).to_owned(),
                text(&version["summary"]).to_owned(),
            ]);
        }
    }
    table(
        ["PLUGIN", "VERSION", "DIGEST", "OWNER", "BREAKER", "SUMMARY"],
        &rows,
    );
    Ok(())
}
