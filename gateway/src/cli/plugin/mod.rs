//! `hookgate plugin`: commands for plugin authors, from a new project to a component in a gateway.
//!
//! `new` writes a project and `build` compiles it (`toolchain`). `run`, `test` and `bench` call the
//! component through the same plugin host, under the same limits, as a gateway does (`local`). The
//! others are requests to a gateway (`remote`, `observe`).

mod bench;
mod build;
mod cases;
mod input;
mod local;
mod new;
mod observe;
mod remote;
mod run;
mod show;
pub(super) mod toolchain;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::Failure;
use super::{Settings, block_on};
use hookgate_plugin_host::Config;

pub(super) use show::{pretty, said, tried};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new project that builds and tests at once; it includes the SDK's sources.
    #[command(after_help = "Example:\n  hookgate plugin new drop-drafts")]
    New(new::Arguments),
    /// Compile the project in this directory to a component.
    #[command(after_help = "Example:\n  hookgate plugin build")]
    Build(build::Arguments),
    /// Run the component on an event, and show its verdict, changes and use of limits.
    #[command(after_help = "Examples:
  hookgate plugin run --event cases/masked.json
  hookgate plugin run --component plugin.wasm --event event.json --settings settings.json")]
    Run(run::Arguments),
    /// Run the component on every case of a folder, and show differences from the expectations.
    #[command(after_help = "Examples:
  hookgate plugin test
  hookgate plugin test --component plugin.wasm")]
    Test(cases::Arguments),
    /// Call the component many times, and measure the calls.
    #[command(after_help = "Example:\n  hookgate plugin bench --event cases/masked.json")]
    Bench(bench::Arguments),
    /// Upload the component to a gateway.
    #[command(after_help = "Examples:
  hookgate plugin push
  hookgate plugin push --component plugin.wasm")]
    Push(remote::Push),
    /// List the plugins that a gateway has for the tenant.
    #[command(after_help = "Example:\n  hookgate plugin list")]
    List(remote::List),
    /// Promote a plugin's canary to the version of its steps, in all of the tenant's chains.
    #[command(after_help = "Example:\n  hookgate plugin promote drop-drafts")]
    Promote(remote::Move),
    /// Stop a plugin's canaries; a step without one returns to its previous version.
    #[command(after_help = "Example:\n  hookgate plugin rollback drop-drafts")]
    Rollback(remote::Move),
    /// Show the results of a plugin's calls, by version.
    #[command(after_help = "Example:\n  hookgate plugin stats drop-drafts")]
    Stats(observe::Stats),
    /// Show a plugin's recent log lines and failed calls.
    #[command(after_help = "Example:\n  hookgate plugin logs drop-drafts --follow --level warn")]
    Logs(observe::Logs),
}

/// Arguments that select the component and its limits.
#[derive(Debug, Args)]
struct Subject {
    /// Directory of the project; its component is built first.
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "component")]
    project: PathBuf,
    /// Component to use instead of the project's.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Configuration with the limits (`plugins`); by default `hookgate.toml` in this directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Subject {
    /// Path of the component, after a build if necessary.
    fn component(&self) -> Result<PathBuf, Failure> {
        match &self.component {
            Some(file) => Ok(file.clone()),
            None => build::project(&self.project, None).map(|built| built.component),
        }
    }

    /// Limits of the selected configuration.
    fn limits(&self) -> Result<Config, Failure> {
        limits(self.config.clone())
    }
}

/// Limits of a configuration.
fn limits(file: Option<PathBuf>) -> Result<Config, Failure> {
    let settings = Settings {
        config: file,
        ..Settings::default()
    };
    Ok(settings.load()?.config.plugins)
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Test(arguments) => cases::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Push(arguments) => remote::push(arguments),
        Command::List(arguments) => remote::list(arguments),
        Command::Promote(arguments) => remote::promote(arguments),
        Command::Rollback(arguments) => remote::roll_back(arguments),
        Command::Stats(arguments) => observe::stats(arguments),
        Command::Logs(arguments) => observe::logs(arguments),
    }
}
