//! The log's set-up: where lines go and how they look.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::{Config, Format};

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `telemetry.level` is not a filter.
    #[error("telemetry.level `{0}` is not a level (error, warn, info, debug, trace) or a filter")]
    Level(String, #[source] ParseError),
    /// Somebody set up a log in this process before.
    #[error("this process has a log already")]
    Already,
}

/// Sends the process's log to the standard error from now on. Called once, by the binary.
///
/// # Errors
/// See `LogError`.
pub fn init(config: &Config) -> Result<(), LogError> {
    let filter = parse(&config.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match config.format {
        Format::Text => lines
            .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .with_target(false)
            .try_init(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
    }
    .map_err(|_| LogError::Already)
}

/// Checks a level or filter.
///
/// # Errors
/// `LogError::Level`.
pub(crate) fn check_level(level: &str) -> Result<(), LogError> {
    parse(level).map(drop)
}

fn parse(level: &str) -> Result<EnvFilter, LogError> {
    let filter = match level {
        "" | "off" => level.to_owned(),
        _ => format!("{QUIET},{level}"),
    };
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogError::Level(level.to_owned(), source))
}

/// The Redis client warns at each try to reach a server that is away; the store tells when that begins and when it is over. A filter
/// that names it has its way.
const QUIET: &str = "redis=error";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for level in [
            "info",
            "warn,hookgate::delivery=debug",
            "redis=debug,info",
            "off",
            "",
        ] {
            assert!(check_level(level).is_ok(), "{level}");
        }
        for level in ["hookgate=loud", "a=b=c"] {
            assert!(check_level(level).is_err(), "{level}");
        }
    }
}
