//! `hookgate backup` and `hookgate restore`: copies of the embedded store.
//! A backup is made while a gateway runs, and restored while no gateway runs.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::Method;
use serde_json::Value;

use super::Settings;
use super::access::AsOperator;
use super::output::{Failure, note, say};
use hookgate_store::{StoreUrl, embedded};

#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    gateway: AsOperator,
    /// Print the gateway's last response as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// File of the backup.
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// Replace an existing store, which is renamed to `hookgate.redb.replaced`.
    #[arg(long)]
    replace: bool,
}

pub(super) fn back_up(arguments: &Backup) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(make(arguments))
}

async fn make(arguments: &Backup) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let mut state = client.ask(Method::POST, PATH, None).await?;
    let name = text(&state["running"]["name"]).to_owned();
    let shows = std::io::stderr().is_terminal();
    while state["running"]["name"] == *name {
        if shows {
            let copied = state["running"]["copied"].as_u64().unwrap_or_default();
            note(format_args!("{name}: {} MiB copied", copied >> 20));
        }
        tokio::time::sleep(LOOK).await;
        state = client.ask(Method::GET, PATH, None).await?;
    }
    let last = &state["last"];
    if last["name"] == *name
        && let Some(error) = last["error"].as_str()
    {
        return Err(Failure::new(format!("the backup {name} failed: {error}")));
    }
    if arguments.json {
        say(state);
        return Ok(());
    }
    let file = state["data"].as_array().into_iter().flatten();
    let bytes = file.clone().find(|file| file["name"] == *name);
    let bytes = bytes.and_then(|file| file["bytes"].as_u64()).unwrap_or_default();
    say(format_args!(
        "{}/{name} ({bytes} bytes)",
        text(&state["directory"])
    ));
    note(
        "keep the sealing keys (`secrets.key` of the data directory, or auth.sealing_keys) with it: its secrets open with them alone",
    );
    Ok(())
}

pub(super) fn restore(arguments: &Restore) -> Result<(), Failure> {
    let config = arguments.settings.load()?.config;
    let StoreUrl::Embedded(directory) = config.store_url() else {
        let failure = Failure::new("store.url names a Redis: only an embedded store is restored by this");
        return Err(
            failure.hint("put the append-only file or the snapshot back as Redis' documentation says")
        );
    };
    let restored = embedded::restore(&arguments.file, &directory, arguments.replace);
    restored.map_err(|error| {
        Failure::of(&error)
            .hint("nothing was changed; `--replace` puts a backup in the place of a store that is there")
    })?;
    say(format_args!(
        "{} is the store in {}: start the gateway",
        arguments.file.display(),
        directory.display()
    ));
    note("what was delivered after the backup was made is delivered again, with the same ids");
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

const PATH: &str = "/v1/backup";
const LOOK: Duration = Duration::from_millis(200);
