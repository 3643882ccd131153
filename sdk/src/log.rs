//! The plugin's log. A call's log has a limit of bytes; what is over it is counted and dropped.
//!
//! Never write a payload's values here: the plugin's author reads the log, and may not be one who may read the payload.

use crate::backend;

/// How loud a line is.
///
/// ```
/// use hookgate_sdk::log::Level;
/// assert!(Level::Error > Level::Info);
/// ```
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
