//! Checks data against a schema.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::{MOST_TOLD, SchemaProblem};

/// A schema that is ready to check data.
pub struct Check(Validator);

/// Where data does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the data: RFC 6901.
    pub pointer: String,
    /// What is wrong, in words that do not repeat the value.
    pub message: String,
}

impl Check {
    /// Compiles a schema.
    pub(super) fn new(schema: &Value) -> Result<Self, Vec<SchemaProblem>> {
        // Without backtracking a pattern's time is linear, whatever the text; the limits are bytes.
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .should_validate_formats(false)
            .build(schema);
        built.map(Self).map_err(|error| {
            let message = cut(error.to_string());
            vec![SchemaProblem::new(error.instance_path().as_str(), message)]
        })
    }

    /// Whether the data fits; otherwise where it does not: at least one place, and at most 20.
    ///
    /// # Errors
    /// The violations.
    pub fn data(&self, data: &Value) -> Result<(), Vec<Violation>> {
        if self.0.is_valid(data) {
            return Ok(());
        }
        // All of them are collected before the first is seen: of data with many values only the first is looked for.
        let violations = if values(data) <= MOST_COLLECTED {
            self.0
                .iter_errors(data)
                .take(MOST_TOLD)
                .map(Violation::from)
                .collect()
        } else {
            self.0
                .validate(data)
                .err()
                .into_iter()
                .map(Violation::from)
                .collect()
        };
        Err(violations)
    }
}

impl From<jsonschema::ValidationError<'_>> for Violation {
    fn from(error: jsonschema::ValidationError<'_>) -> Self {
        Self {
            pointer: error.instance_path().as_str().to_owned(),
            message: cut(error.masked_with("the value").to_string()),
        }
    }
}

/// Without the schema: it says nothing to a log.
impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check")
    }
}

fn values(data: &Value) -> usize {
    match data {
        Value::Array(elements) => 1 + elements.iter().map(values).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// A message that a person can read.
fn cut(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

pub(super) const PATTERN_BYTES: usize = 128 << 10;
const MOST_COLLECTED: usize = 10_000;
const LONGEST_MESSAGE: usize = 240;
