//! The log of a plugin. The log of a call has a limit in bytes; the gateway counts and drops lines
//! beyond it.
//!
//! Never log values of the payload: the plugin's author reads the log, and may lack the right to
//! read the payload.

use crate::backend;

/// Severity of a log line.
///
/// ```
/// use hookgate_sdk::log::Level;
/// assert!(Level::Error > Level::Info);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Individual steps of the work.
    Trace,
    /// Details for debugging.
    Debug,
    /// Regular progress.
    Info,
    /// An unexpected but tolerable condition.
    Warn,
    /// An error.
    Error,
}

/// Writes one line.
///
/// ```
/// # use hookgate_sdk::{log, testing};
/// # testing::event("a.b").with(|_| {
/// log::log(log::Level::Trace, "step 3 of 4");
/// # });
/// ```
pub fn log(level: Level, message: &str) {
    backend::log(level, message);
}

/// Writes one line at [`Level::Debug`].
///
/// ```
/// # use hookgate_sdk::{log, testing};
/// # testing::event("a.b").with(|_| {
/// log::debug("no customer in the event");
/// # });
/// ```
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Writes one line at [`Level::Info`].
///
/// ```
/// # use hookgate_sdk::{log, testing};
/// # testing::event("a.b").with(|_| {
/// log::info("two texts redacted");
/// # });
/// ```
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Writes one line at [`Level::Warn`].
///
/// ```
/// # use hookgate_sdk::{log, testing};
/// # testing::event("a.b").with(|_| {
/// log::warn("the customer has no region");
/// # });
/// ```
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Writes one line at [`Level::Error`].
///
/// ```
/// # use hookgate_sdk::{log, testing};
/// # testing::event("a.b").with(|_| {
/// log::error("the table of regions is empty");
/// # });
/// ```
pub fn error(message: &str) {
    log(Level::Error, message);
}
