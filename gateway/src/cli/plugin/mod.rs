//! `hookgate plugin`: a plugin author's way, from nothing to a component in a gateway.
//!
//! `new` writes a project, `build` compiles it (`toolchain`), `run`, `test` and `bench` call the component through the same host,
//! under the same limits, as a gateway does (`local`), and the others speak to a gateway (`remote`, `observe`).

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

use super::Settings;
use super::output::Failure;
use hookgate_plugin_host::Config;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new project that builds and tests at once; the SDK's sources come with it.
    New(new::Arguments),
    /// Compile the project in this directory to a component.
    Build(build::Arguments),
    /// Run the component on an event, and show what it did and used.
    Run(run::Arguments),
    /// Run the component on every case of a folder, and show where it does something else than expected.
    Test(cases::Arguments),
    /// Call the component many times, and show how long the calls take.
    Bench(bench::Arguments),
    /// Upload the component to a gateway.
    Push(remote::Push),
    /// List the plugins that a gateway has for the tenant.
    List(remote::List),
    /// Make the version that a plugin's canary runs the one that its steps run, in all of the tenant's chains.
    Promote(remote::Move),
    /// Call a plugin's canaries off; where a step has none, go back to the version before.
    Rollback(remote::Move),
    /// Show what a plugin's calls came to, by version.
    Stats(observe::Stats),
    /// Show what a plugin wrote lately, and how its calls failed.
    Logs(observe::Logs),
}

/// Which component, and under which limits.
#[derive(Debug, Args)]
struct Subject {
    /// The project; its component is built first.
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "component")]
    project: PathBuf,
    /// A component in place of the project's.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// The configuration whose limits hold (`plugins`); `hookgate.toml` in the working directory where none is given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Subject {
    /// Where the component is, after it was built.
    fn component(&self) -> Result<PathBuf, Failure> {
        match &self.component {
            Some(file) => Ok(file.clone()),
            None => build::project(&self.project, None).map(|built| built.component),
        }
    }

    /// The limits.
    fn limits(&self) -> Result<Config, Failure> {
        limits(self.config.clone())
    }
}

/// The limits of a configuration.
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

/// Does something that waits.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(work)
}
