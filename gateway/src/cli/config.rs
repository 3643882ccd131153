//! `hookgate config`: show, check or explain the configuration.

use clap::{Args, Subcommand};

use super::Settings;
use super::output::{Failure, note, say};
use super::rehearsal::rehearse;
use crate::config::{print, reference, schema};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the effective configuration as TOML, with the source of each value. Secrets are
    /// hidden.
    #[command(after_help = "Example:\n  hookgate config print --config hookgate.toml")]
    Print(Settings),
    /// Check the configuration as `serve` does before it listens, files, plugins and their settings included; nothing is left behind.
    /// Exit code 2: it is refused.
    #[command(after_help = "Example:\n  hookgate config check --config /etc/hookgate/hookgate.toml")]
    Check(Settings),
    /// Print the JSON Schema of the configuration file, for editors.
    #[command(after_help = "Example:\n  hookgate config schema > hookgate.schema.json")]
    Schema,
    /// Print the reference page.
    #[command(after_help = "Example:\n  hookgate config reference > configuration.md")]
    Reference,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Print(settings) => {
            let printed = print(&settings.load()?).map_err(|error| Failure::of(&error))?;
            say(printed.trim_end());
        }
        Command::Check(settings) => {
            let loaded = settings.load()?;
            loaded.renamed_keys().iter().for_each(note);
            for step in rehearse(&loaded)? {
                note(format_args!(
                    "{step} and its settings are not checked: the plugin is in the store"
                ));
            }
            match &loaded.file {
                Some(file) => say(format_args!("{} holds", file.display())),
                None => say("the built-in configuration, the environment and the flags hold"),
            }
        }
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&schema()).map_err(|error| Failure::of(&error))?;
            say(schema);
        }
        Command::Reference => say(reference().trim_end()),
    }
    Ok(())
}
