//! Filters: conditions of a subscription on an event's type and data, in addition to its patterns.
//!
//! Pure.
//!
//! A condition is a JSON object. Its members are `type`, pointers (`/status`) and patterns
//! (`/items/*/sku`) with their checks, and `$and`, `$or`, `$not` with nested conditions; all
//! members must hold. The shipped plugin `filter` has the same language; `wit/filter-cases.json`
//! defines the results for both. `read` compiles a filter, `check` applies a compiled test to an
//! event.

mod check;
mod read;

use std::fmt;
use std::sync::Arc;

use crate::EventType;
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, PatternSet, Value};

use check::{Check, passes};

/// Compiled filter, cheap to clone. Filters with equal text are equal.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    text: String,
    condition: Condition,
}

/// Size limits of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// Maximum bytes of the compact text.
    pub bytes: usize,
    /// Maximum nesting depth of conditions, including the outermost.
    pub depth: usize,
    /// Maximum number of operators; a plain value counts as one.
    pub tests: usize,
}

/// Problem of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterProblem {
    /// Position in the filter, as a JSON pointer.
    pub pointer: String,
    /// Description of the problem, with the probable intention.
    pub message: String,
}

/// Event to which a filter is applied.
struct Subject<'e> {
    kind: &'e EventType,
    data: &'e Value,
    work: &'e WorkBudget,
}

/// Conjunction of parts.
struct Condition(Vec<Part>);

enum Part {
    /// All of these conditions hold.
    All(Vec<Condition>),
    /// One of these conditions holds.
    Any(Vec<Condition>),
    /// This condition does not hold.
    Not(Condition),
    /// The values of a field pass each check.
    Test(Field, Vec<Check>),
}

/// Field of an event that is checked.
enum Field {
    /// Event type.
    Kind,
    /// One place of the data, by its pointer.
    At(String),
    /// Several places of the data, by a pattern.
    Matching(PatternSet),
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// All problems of the filter.
    pub fn read(given: &Value, limits: FilterLimits) -> Result<Self, Vec<FilterProblem>> {
        read::read(given, limits)
    }

    /// Compiles a filter from its JSON text.
    ///
    /// # Errors
    /// All problems of the filter.
    pub fn parse(text: &str, limits: FilterLimits) -> Result<Self, Vec<FilterProblem>> {
        let parsed = Document::parse(text.as_bytes(), Default::default());
        let document = parsed.map_err(|error| {
            vec![FilterProblem {
                pointer: String::new(),
                message: error.to_string(),
            }]
        })?;
        Self::read(document.root(), limits)
    }

    /// Returns `true` if an event with this type and data passes the filter.
    ///
    /// # Errors
    /// The evaluation exceeds the work budget.
    pub fn passes(&self, kind: &EventType, data: &Value, work: &WorkBudget) -> Result<bool, TooMuchWork> {
        let event = Subject { kind, data, work };
        self.0.condition.holds(&event)
    }

    /// Compact JSON text of the filter.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl FilterLimits {
    /// No limits, for a filter that was accepted earlier, possibly under other limits.
    pub const NONE: Self = Self {
        bytes: usize::MAX,
        depth: hookgate_json::Limits::MAX_DEPTH,
        tests: usize::MAX,
    };
}

impl Condition {
    fn holds(&self, event: &Subject<'_>) -> Result<bool, TooMuchWork> {
        all(&self.0, |part| part.holds(event))
    }
}

impl Part {
    fn holds(&self, event: &Subject<'_>) -> Result<bool, TooMuchWork> {
        event.work.charge(1)?;
        match self {
            Self::All(conditions) => all(conditions, |c| c.holds(event)),
            Self::Any(conditions) => all(conditions, |c| Ok(!c.holds(event)?)).map(|none| !none),
            Self::Not(condition) => Ok(!condition.holds(event)?),
            Self::Test(field, checks) => all(checks, |check| passes(check, field, event)),
        }
    }
}

fn all<T>(parts: &[T], holds: impl Fn(&T) -> Result<bool, TooMuchWork>) -> Result<bool, TooMuchWork> {
    for part in parts {
        if !holds(part)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter of {} bytes", self.0.text.len())
    }
}

impl fmt::Display for FilterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}

#[cfg(test)]
mod tests;
