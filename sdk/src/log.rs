//! The plugin's log. A call's log has a limit of bytes; what is over it is counted and dropped.
//!
//! Never write a payload's values here: the plugin's author reads the log, and may not be one who may read the payload.

use crate::backend;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step of the work.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What happened.
    Info,
    /// Something is odd.
    Warn,
    /// Something went wrong.
    Error,
}

/// Writes one line.
pub fn log(level: Level, message: &str) {
    backend::log(level, message);
}

/// Writes one line at [`Level::Debug`].
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Writes one line at [`Level::Info`].
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Writes one line at [`Level::Warn`].
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Writes one line at [`Level::Error`].
pub fn error(message: &str) {
    log(Level::Error, message);
}
