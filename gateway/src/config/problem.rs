//! What is wrong with a configuration, where, and how to mend it.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// The key, dotted, where it is about one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// Which line, counted from 1.
        line: Option<usize>,
    },
    /// In an environment variable.
    Environment(String),
    /// On the command line.
    Flag,
    /// Nowhere: it is the built-in value.
    Default,
}

/// The configuration was refused; nothing was started.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is refused")]
pub struct Refused(pub Vec<Problem>);

impl Problem {
    /// About a key, wherever it stands.
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
