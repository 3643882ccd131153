//! What is wrong with a profile, at which key, and how to mend it. Whoever read the file knows the line.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, dotted: `profiles.acme.signature.content`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    prefix: String,
    found: Vec<Problem>,
}

impl Problems {
    /// For keys below this one.
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

    /// The value, or nothing and a problem more.
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
