//! Problems of a profile, each with its key and a remedy.
//!
//! The reader of the file adds the line number.

use std::fmt;

/// One problem of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Dotted key: `profiles.acme.signature.content`.
    pub key: String,
    /// Description of the problem.
    pub message: String,
    /// Instruction to fix it.
    pub hint: Option<String>,
}

/// Problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    prefix: String,
    found: Vec<Problem>,
}

impl Problems {
    /// Creates a list for keys below this one.
    pub fn below(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            found: Vec::new(),
        }
    }

    pub fn add(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Problem {
            key: format!("{}.{key}", self.prefix),
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    /// Returns the value, or records a problem.
    pub fn take<T, E: ToString>(&mut self, key: &str, result: Result<T, E>, hint: &str) -> Option<T> {
        result
            .map_err(|error| self.add(key, error.to_string(), hint))
            .ok()
    }

    pub fn into_found(self) -> Vec<Problem> {
        self.found
    }
}

/// `KEY: MESSAGE; HINT`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}
