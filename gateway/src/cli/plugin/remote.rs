//! `hookgate plugin push` and `list`: towards a gateway.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::Method;

use super::build;
use crate::cli::client::Client;
use crate::cli::output::{Failure, bold, dim, say};

/// Which gateway, and who asks.
#[derive(Debug, Args)]
struct Gateway {
    /// The gateway.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "HG_URL")]
    url: String,
    /// The tenant's key.
    #[arg(long, env = "HG_KEY", hide_env_values = true)]
    key: String,
}

#[derive(Debug, Args)]
pub(super) struct Push {
    #[command(flatten)]
    gateway: Gateway,
    /// The project; its component is built first.
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "component")]
    project: PathBuf,
    /// A component in place of the project's.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// The name that chains call it; the one that the component says of itself where none is given.
    #[arg(long)]
    name: Option<String>,
    /// The gateway's answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    gateway: Gateway,
    /// The gateway's answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Gateway {
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.url, &self.key)
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
        Some(name) => format!(
            "/v1/plugins?name={}",
            percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
        ),
        None => "/v1/plugins".to_owned(),
    };
    let pushed =
        super::block_on(client.send_bytes(Method::POST, &path, "application/wasm", Bytes::from(bytes)))?;
    if arguments.json {
        say(pushed);
        return Ok(());
    }
    let newest = &pushed["versions"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    say(format_args!(
        "{} {} is there: {}",
        text(&pushed["name"]),
        text(&newest["version"]),
        text(&newest["digest"])
    ));
    Ok(())
}

pub(super) fn list(arguments: &List) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let plugins = super::block_on(client.ask(Method::GET, "/v1/plugins?limit=500", None))?;
    if arguments.json {
        say(plugins);
        return Ok(());
    }
    for plugin in plugins["data"].as_array().into_iter().flatten() {
        let whose = if plugin["shipped"] == true {
            "shipped"
        } else {
            "own"
        };
        say(format_args!(
            "{} {}",
            bold(plugin["name"].as_str().unwrap_or_default()),
            dim(whose)
        ));
        for version in plugin["versions"].as_array().into_iter().flatten() {
            let text = |name: &str| version[name].as_str().unwrap_or_default();
            let digest = text("digest");
            say(format_args!(
                "  {} {} {}",
                text("version"),
                dim(digest.get(..12).unwrap_or(digest)),
                text("summary")
            ));
        }
    }
    Ok(())
}
