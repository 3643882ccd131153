//! Command line of the binary, and its error output.
//!
//! Data is written to the standard output, everything else to the standard error. An error is
//! printed as `error: …` with a `hint: …` where there is one. Exit codes: 0 success, 1 failure, 2
//! the command line or the configuration is invalid and nothing was started.

mod backup;
mod client;
mod config;
mod demo;
mod doctor;
mod event;
mod export;
mod import;
mod keys;
mod listen;
mod notify;
mod output;
mod plugin;
mod receiver;
#[cfg(test)]
mod receivers_page;
mod rehearsal;
mod serve;
mod store;
mod temporary;
mod verify;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Flags, Loaded, Refused, load};
use output::Failure;

/// A webhook gateway that runs each tenant's WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "hookgate", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Arguments),
    /// Show the main functions end to end on this machine, without other services.
    Demo(demo::Arguments),
    /// Send events.
    Event(event::Arguments),
    /// Make a backup of the embedded store of a running gateway.
    Backup(backup::Backup),
    /// Replace the embedded store by a backup, while no gateway runs on it.
    Restore(backup::Restore),
    /// Look for damage in the embedded store, or take what is whole of it, while no gateway runs on it.
    Store(store::Arguments),
    /// Write tenants with their subscriptions, secrets, keys and event types to a file: to move them, or to keep them.
    Export(export::Arguments),
    /// Import a file of `export`. Nothing is deleted, and a repetition changes nothing.
    Import(import::Arguments),
    /// Manage the keys that seal secrets in the store.
    Keys(keys::Arguments),
    /// Receive deliveries on this machine, verify and show them.
    Listen(listen::Arguments),
    /// Verify a received request, and explain a failure. Exit code 0: it is genuine, 1: it is not.
    Verify(verify::Arguments),
    /// Create, build, test and upload plugins.
    Plugin(plugin::Arguments),
    /// Check this machine's toolchain, configuration, data directory and store, and suggest fixes.
    Doctor(doctor::Arguments),
    /// Show, check or explain the configuration.
    Config(config::Arguments),
}

/// Flags of every command with a configuration.
#[derive(Debug, Clone, Default, Args)]
struct Settings {
    /// Configuration file; by default `hookgate.toml` in the working directory.
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Address and port to listen on (`server.listen`).
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// URL of the store of events (`store.url`).
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Directory of the gateway's secrets and, without another store, its events (`data_dir`).
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

impl Settings {
    fn load(&self) -> Result<Loaded, Failure> {
        Ok(self.reload()?)
    }

    /// Loads the configuration again; the environment is that of the process's start.
    fn reload(&self) -> Result<Loaded, Refused> {
        let values = [
            ("server.listen", &self.listen),
            ("store.url", &self.store),
            ("data_dir", &self.data_dir),
        ];
        let values = values
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)));
        let flags = Flags {
            file: self.config.clone(),
            values: values.collect(),
        };
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            // Names or values that are not UTF-8 are not hookgate's.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        load(&flags, &environment.collect())
    }
}

/// Runs the command of the arguments.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Backup(arguments) => backup::back_up(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::Event(arguments) => event::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Plugin(arguments) => plugin::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
