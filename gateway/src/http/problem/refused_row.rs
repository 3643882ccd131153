//! Refusal of one row of an imported document.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{FieldError, Problem};

/// Refused row of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedRow {
    /// Line in the document, from 1.
    line: usize,
    /// Kind: `tenant`, `event_type`, `subscription`, `key`, or the row's own text.
    kind: String,
    /// Tenant that the row is about.
    tenant: String,
    /// Id that the row gives; empty where it has none.
    id: String,
    /// Code of the problem.
    code: &'static str,
    /// Problems by field, at least one.
    errors: Vec<FieldError>,
}

impl RefusedRow {
    /// Refused row on this line, with its problem.
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

    /// Sets the subject of the row.
    #[must_use]
    pub fn about(self, kind: String, tenant: String, id: String) -> Self {
        Self {
            kind,
            tenant,
            id,
            ..self
        }
    }

    /// Line in the document.
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
