//! Refusal of one row of an imported document.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{FieldError, Problem};

/// A row of a document that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedRow {
    /// Its line in the document, counted from 1.
    line: usize,
    /// `tenant`, `event_type`, `subscription` or `key`, or what stands there.
    kind: String,
    /// The tenant that it is about.
    tenant: String,
    /// What it calls itself; empty where it does not.
    id: String,
    /// The stable word of a problem.
    code: &'static str,
    /// What is wrong with it, by field: at least one.
    errors: Vec<FieldError>,
}

impl RefusedRow {
    /// The row on this line, and why it is refused.
    pub fn new(line: usize, problem: &Problem) -> Self {
        let errors = match problem.errors() {
            [] => vec![FieldError::new("", problem.detail())],
            errors => errors.to_vec(),
        };
        Self {
            line,
            kind: String::new(),
            tenant: String::new(),
            id: String::new(),
            code: problem.code().name(),
            errors,
        }
    }

    /// With what the row is about.
    #[must_use]
    pub fn about(self, kind: String, tenant: String, id: String) -> Self {
        Self {
            kind,
            tenant,
            id,
            ..self
        }
    }

    /// Its line in the document.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line {}", self.line)?;
        if !self.id.is_empty() {
            write!(f, " ({})", self.id)?;
        }
        let first = self.errors.first().map(ToString::to_string);
        write!(f, ": {}", first.unwrap_or_default())
    }
}
