//! Set-up of the log: destination, filter and format.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::{Config, Format};

/// Error of the log's set-up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `telemetry.level` is not a filter.
    #[error("`{0}` is not a level or a filter")]
    Level(String, #[source] ParseError),
    /// A word of `telemetry.level` is no level.
    #[error(
        "`{0}` is not a level: there are error, warn, info, debug, trace and off; a module has its own as in `info,hookgate::delivery=debug`"
    )]
    Unknown(String),
    /// Somebody set up a log in this process before.
    #[error("this process has a log already")]
    Already,
}

/// Handle that changes the level of the process's log.
pub struct LogLevel(Box<dyn Fn(EnvFilter) -> bool + Send + Sync>);

/// A checked level or filter.
#[derive(Debug)]
pub struct LogFilter(EnvFilter);

/// Sends the process's log to the standard error from now on. Called once, by the binary.
///
/// # Errors
/// See `LogError`.
pub fn init(config: &Config) -> Result<LogLevel, LogError> {
    let filter = parse(&config.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match config.format {
        Format::Text => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let lines = lines
                .with_ansi(colours)
                .with_target(false)
                .with_filter_reloading();
            let handle = lines.reload_handle();
            lines.try_init().map_err(|_| LogError::Already)?;
            Ok(LogLevel(Box::new(move |filter| handle.reload(filter).is_ok())))
        }
        Format::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false);
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            lines.try_init().map_err(|_| LogError::Already)?;
            Ok(LogLevel(Box::new(move |filter| handle.reload(filter).is_ok())))
        }
    }
}

impl LogLevel {
    /// Logs by this filter from now on.
    pub fn set(&self, filter: LogFilter) {
        if !(self.0)(filter.0) {
            tracing::error!("log.level_not_set");
        }
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogLevel")
    }
}

impl LogFilter {
    /// Reads a level or filter.
    ///
    /// # Errors
    /// `LogError::Level`, `LogError::Unknown`.
    pub fn parse(level: &str) -> Result<Self, LogError> {
        parse(level).map(Self)
    }
}

/// Checks a level or filter.
///
/// # Errors
/// `LogError::Level`.
pub fn check_level(level: &str) -> Result<(), LogError> {
    parse(level).map(drop)
}

/// A bare word is a level: the library would take any other for the name of a module, and log all of that and nothing else.
fn parse(level: &str) -> Result<EnvFilter, LogError> {
    let words = level.split(',').map(str::trim);
    let bare = words.filter(|word| !word.contains(['=', '[']));
    let mut unknown = bare.filter(|word| !LEVELS.iter().any(|known| word.eq_ignore_ascii_case(known)));
    if let Some(word) = unknown.next() {
        return Err(LogError::Unknown(word.to_owned()));
    }
    let filter = match level {
        "off" => level.to_owned(),
        _ => format!("{QUIET},{level}"),
    };
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogError::Level(level.to_owned(), source))
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

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
            "INFO",
            "warn,hookgate::delivery=debug",
            "redis=debug,info",
            "off",
        ] {
            assert!(check_level(level).is_ok(), "{level}");
        }
        for level in ["hookgate=loud", "a=b=c", "inof", "", "info,hookgate", "verbose"] {
            assert!(check_level(level).is_err(), "{level}");
        }
        let error = check_level("inof").unwrap_err().to_string();
        assert!(error.contains("`inof`") && error.contains("debug"), "{error}");
    }
}
