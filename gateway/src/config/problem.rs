//! Problems of a configuration: description, place and fix.

use std::fmt;
use std::path::PathBuf;

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Place of the value.
    pub place: Place,
    /// The dotted key, if the problem concerns one.
    pub key: Option<String>,
    /// Description of the problem.
    pub message: String,
    /// Description of the fix.
    pub hint: Option<String>,
}

/// Place of a configuration value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File {
        /// Path of the file.
        path: PathBuf,
        /// Line in the file, counted from 1.
        line: Option<usize>,
    },
    /// An environment variable.
    Environment(String),
    /// The command line.
    Flag,
    /// No place: the built-in value.
    Default,
}

/// The configuration was refused; nothing was started.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is refused")]
pub struct Refused(pub Vec<Problem>);

impl Problem {
    /// Creates a problem of a key in whichever layer it is set.
    pub(super) fn of(key: impl Into<String>, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            place: Place::Default,
            key: Some(key.into()),
            message: message.into(),
            hint,
        }
    }
}

impl From<hookgate_contract::profile::Problem> for Problem {
    fn from(found: hookgate_contract::profile::Problem) -> Self {
        Self::of(found.key, found.message, found.hint)
    }
}

/// `FILE:LINE: KEY: MESSAGE`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Default => {}
            place => write!(f, "{place}: ")?,
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "{variable}"),
            Self::Flag => f.write_str("command line"),
            Self::Default => f.write_str("default"),
        }
    }
}
