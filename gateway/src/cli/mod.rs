//! Command line of the binary, and its error output.
//!
//! Data is written to the standard output, everything else to the standard error. An error is
//! printed as `error: …` with a `hint: …` where there is one. Exit codes: 0 success, 1 failure, 2
//! the command line or the configuration is invalid and nothing was started.

mod access;
mod api;
mod apply;
mod attempt;
mod backup;
mod body;
mod chain;
mod client;
mod config;
mod context;
mod delivery;
mod demo;
mod doctor;
mod event;
mod export;
mod feed;
mod import;
mod job;
mod keys;
mod link;
mod list;
mod listen;
mod notify;
mod output;
mod plugin;
mod receiver;
#[cfg(test)]
mod receivers_page;
mod rehearsal;
mod serve;
mod shell;
mod show;
mod store;
mod subscription;
mod tail;
mod temporary;
mod tenant;
mod verify;

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

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
    #[command(after_help = "Examples:
  hookgate serve
  hookgate serve --config /etc/hookgate/hookgate.toml --listen 0.0.0.0:8080")]
    Serve(serve::Arguments),
    /// Show the main functions end to end on this machine, without other services.
    #[command(after_help = "Example:\n  hookgate demo --once")]
    Demo(demo::Arguments),
    /// List, show, create and delete tenants and their keys, for the operator.
    Tenant(tenant::Arguments),
    /// List, show, create, change, delete, pause, resume, recover and test subscriptions, and rotate
    /// their secrets.
    Subscription(subscription::Arguments),
    /// Show, set and try plugin chains.
    Chain(chain::Arguments),
    /// Send, list, show and replay events.
    Event(event::Arguments),
    /// Read the events of a tenant in their order, oldest first.
    #[command(after_help = "Examples:
  hookgate feed --since 1h --types 'invoice.*'
  hookgate feed --follow --json | jq .data")]
    Feed(feed::Arguments),
    /// List, show, retry and cancel deliveries.
    Delivery(delivery::Arguments),
    /// Start bulk jobs, which act on all that a filter finds; list, show, pause, resume and cancel them.
    Job(job::Arguments),
    /// Create links that sign their users in to the portal or the dashboard.
    Link(link::Links),
    /// End sessions of the portal and the dashboard.
    Session(link::Sessions),
    /// Call any route of the API, and print its answer.
    Api(api::Arguments),
    /// List attempts.
    Attempt(attempt::Arguments),
    /// Show what is accepted, attempted and given up, as it happens.
    #[command(after_help = "Examples:
  hookgate tail
  hookgate tail --events dead,attempted --status-class 5xx --json")]
    Tail(tail::Arguments),
    /// Manage contexts: gateways and keys by name, in place of exported variables.
    Context(context::Arguments),
    /// Make a backup of the embedded store of a running gateway.
    #[command(after_help = "Example:\n  hookgate backup")]
    Backup(backup::Backup),
    /// Replace the embedded store by a backup, while no gateway runs on it.
    #[command(after_help = "Example:\n  hookgate restore backup.redb --data-dir /var/lib/hookgate --replace")]
    Restore(backup::Restore),
    /// Look for damage in the embedded store, or take what is whole of it, while no gateway runs on it.
    Store(store::Arguments),
    /// Write tenants with their subscriptions, secrets, keys and event types to a file: to move them, or to keep them.
    #[command(after_help = "Examples:
  hookgate export --output tenants.ndjson
  hookgate export --tenant acme --output acme.ndjson
  hookgate export --dir tenants                  # files for `hookgate apply`")]
    Export(export::Arguments),
    /// Import a file of `export`. Nothing is deleted, and a repetition changes nothing.
    #[command(after_help = "Examples:
  hookgate import tenants.ndjson --dry-run
  hookgate import tenants.ndjson")]
    Import(import::Arguments),
    /// Make tenants as a directory of files describes them; a repetition changes nothing.
    #[command(after_help = "Examples:
  hookgate export --dir tenants
  hookgate apply -f tenants --plan
  hookgate apply -f tenants --prune")]
    Apply(apply::Arguments),
    /// Manage the keys that seal secrets in the store.
    Keys(keys::Arguments),
    /// Receive deliveries on this machine, verify and show them, and pass them on to an application.
    #[command(after_help = "Examples:
  hookgate listen --subscribe 'invoice.*' --forward http://127.0.0.1:3000/webhooks
  hookgate listen --port 9000 --secret whsec_…

While it runs, these lines can be typed: `r NUMBER` sends a delivery to --forward again, `l` lists
the deliveries, `q` ends.")]
    Listen(listen::Arguments),
    /// Verify a received request, and explain a failure. Exit code 0: it is genuine, 1: it is not.
    #[command(
        after_help = "Example:\n  hookgate verify body.json --headers-from headers.txt --secret whsec_…"
    )]
    Verify(verify::Arguments),
    /// Create, build, test and upload plugins.
    Plugin(plugin::Arguments),
    /// Check this machine's toolchain, configuration, data directory and store, and suggest fixes.
    #[command(after_help = "Examples:\n  hookgate doctor\n  hookgate doctor --ready")]
    Doctor(doctor::Arguments),
    /// Show, check or explain the configuration.
    Config(config::Arguments),
    /// Print completions for a shell.
    #[command(after_help = "Examples:
  hookgate completions bash > ~/.local/share/bash-completion/completions/hookgate
  hookgate completions zsh > ~/.zfunc/_hookgate")]
    Completions(shell::Completions),
    /// Write manual pages to a directory.
    #[command(after_help = "Example:\n  hookgate man ~/.local/share/man/man1")]
    Man(shell::Man),
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
        Command::Tenant(arguments) => tenant::run(&arguments),
        Command::Subscription(arguments) => subscription::run(&arguments),
        Command::Chain(arguments) => chain::run(&arguments),
        Command::Event(arguments) => event::run(&arguments),
        Command::Feed(arguments) => feed::run(&arguments),
        Command::Delivery(arguments) => delivery::run(&arguments),
        Command::Job(arguments) => job::run(&arguments),
        Command::Link(arguments) => link::run(&arguments),
        Command::Session(arguments) => link::run_session(&arguments),
        Command::Api(arguments) => api::run(&arguments),
        Command::Attempt(arguments) => attempt::run(&arguments),
        Command::Tail(arguments) => tail::run(&arguments),
        Command::Context(arguments) => context::run(&arguments),
        Command::Backup(arguments) => backup::back_up(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Apply(arguments) => apply::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Plugin(arguments) => plugin::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Completions(arguments) => shell::completions(&arguments, Cli::command()),
        Command::Man(arguments) => shell::man(&arguments, Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs a future to its end on a new runtime.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_an_example_in_its_help() {
        let mut missing = Vec::new();
        let mut left = vec![(String::new(), Cli::command())];
        while let Some((path, command)) = left.pop() {
            let path = format!("{path} {}", command.get_name());
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let has_example = help.contains(&format!("\n {path}"));
            if command.get_subcommands().next().is_none() && !has_example {
                missing.push(path.clone());
            }
            let subcommands = command.get_subcommands().cloned();
            left.extend(subcommands.map(|command| (path.clone(), command)));
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn command_line_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
