//! Checks data against a schema.

use serde_json::Value as Json;

use super::SchemaProblem;
use super::evaluate;
use super::program::Program;
use super::read::Patterns;
use hookgate_json::Value;
use hookgate_json::budget::{TooMuchWork, WorkBudget};

/// A schema that is ready to check data.
pub struct Check(Program);

/// Where data does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the data: RFC 6901; cut where it is very long.
    pub pointer: String,
    /// What is wrong, in words that do not repeat the value.
    pub message: String,
}

/// Holds a schema against the meta-schema.
pub(super) fn sound(schema: &Json) -> Result<(), Vec<SchemaProblem>> {
    jsonschema::draft202012::meta::validate(schema).map_err(|error| {
        let message = cut(error.to_string());
        vec![SchemaProblem::new(error.instance_path().as_str(), message)]
    })
}

impl Check {
    /// Compiles a schema that is sound.
    pub(super) fn new(schema: &Value, patterns: &Patterns) -> Self {
        Self(Program::new(schema, patterns))
    }

    /// Where the data does not fit, at most 20 places; none: it fits.
    ///
    /// # Errors
    /// When finding out takes more work than there is.
    pub fn data(&self, data: &Value, work: &WorkBudget) -> Result<Vec<Violation>, TooMuchWork> {
        evaluate::violations(&self.0, data, work)
    }
}

/// Without the schema: it says nothing to a log.
impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check")
    }
}

/// A message that a person can read.
fn cut(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

const LONGEST_MESSAGE: usize = 240;
