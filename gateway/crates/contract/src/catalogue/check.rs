//! Checks event data against a schema.

use serde_json::Value as Json;

use super::SchemaProblem;
use super::evaluate;
use super::program::Program;
use super::read::Patterns;
use hookgate_json::Value;
use hookgate_json::budget::{TooMuchWork, WorkBudget};

/// Compiled schema, ready to check data.
pub struct Check(Program);

/// Violation of a schema by data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the data; truncated if it is very long.
    pub pointer: String,
    /// Description of the violation, without the value.
    pub message: String,
}

/// Validates a schema against the meta-schema.
pub(super) fn sound(schema: &Json) -> Result<(), Vec<SchemaProblem>> {
    jsonschema::draft202012::meta::validate(schema).map_err(|error| {
        let message = cut(error.to_string());
        vec![SchemaProblem::new(error.instance_path().as_str(), message)]
    })
}

impl Check {
    /// Compiles a valid schema.
    pub(super) fn new(schema: &Value, patterns: &Patterns) -> Self {
        Self(Program::new(schema, patterns))
    }

    /// Checks data; returns at most 20 violations, none if the data conforms.
    ///
    /// # Errors
    /// The check exceeds the work budget.
    pub fn data(&self, data: &Value, work: &WorkBudget) -> Result<Vec<Violation>, TooMuchWork> {
        evaluate::violations(&self.0, data, work)
    }
}

/// Omits the schema, which is of no use in a log.
impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check")
    }
}

/// Truncates a message to a readable length.
fn cut(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

const LONGEST_MESSAGE: usize = 240;
