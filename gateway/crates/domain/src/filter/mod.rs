//! Filters: conditions on an event's type and data that a subscription has beside its patterns. Pure.
//!
//! A condition is a JSON object: `type`, pointers (`/status`) and patterns (`/items/*/sku`) with what they are to be, and `$and`,
//! `$or`, `$not` with conditions; all of it must hold. The shipped plugin `filter` means the same by the same words, which
//! `wit/filter-cases.json` pins for both. `read` compiles, `check` holds a compiled test against an event.

mod check;
mod read;

use std::fmt;
use std::sync::Arc;

use crate::EventType;
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, PatternSet, Value};

use check::{Check, passes};

/// A compiled filter, cheap to clone. Equal to another that is written the same.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    text: String,
    condition: Condition,
}

/// How large a filter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// Bytes of its compact text.
    pub bytes: usize,
    /// Conditions inside each other, the outermost counted.
    pub depth: usize,
    /// Operators in all; a plain value is one.
    pub tests: usize,
}

/// Something wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterProblem {
    /// Where in the filter: a JSON pointer.
    pub pointer: String,
    /// What is wrong there, and what was probably meant.
    pub message: String,
}

/// The event that a filter is held against.
struct Subject<'e> {
    kind: &'e EventType,
    data: &'e Value,
    work: &'e WorkBudget,
}

/// What must hold, all of it.
struct Condition(Vec<Part>);

enum Part {
    /// Each of these.
    All(Vec<Condition>),
    /// One of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Condition),
    /// What stands somewhere passes each check.
    Test(Field, Vec<Check>),
}

/// Where to look.
enum Field {
    /// The event's type.
    Kind,
    /// One place of its data, by a pointer.
    At(String),
    /// Places of its data.
    Matching(PatternSet),
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(given: &Value, limits: FilterLimits) -> Result<Self, Vec<FilterProblem>> {
        read::read(given, limits)
    }

    /// Compiles a filter from its JSON text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
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

    /// Whether an event with this type and data is wanted.
    ///
    /// # Errors
    /// When finding out takes more work than there is.
    pub fn passes(&self, kind: &EventType, data: &Value, work: &WorkBudget) -> Result<bool, TooMuchWork> {
        let event = Subject { kind, data, work };
        self.0.condition.holds(&event)
    }

    /// Its compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl FilterLimits {
    /// For one that was taken before, under whatever limits.
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
