//! Checks of a filter: one operator, applied to the values at its field.

use std::cell::OnceCell;
use std::cmp::Ordering;

use super::{Field, Subject};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Decimal, Kind, Pointer, Value};

/// Operator with its operand.
#[derive(PartialEq)]
pub(super) enum Check {
    /// A value is present (`true`) or absent (`false`).
    Exists(bool),
    /// The value is one of these.
    In(Vec<Value>),
    /// The value is none of these.
    NotIn(Vec<Value>),
    /// The value is on this side of a number or text.
    Compares(Bound, Value),
    /// The value is a text with this prefix.
    StartsWith(String),
    /// The value is a text with this suffix.
    EndsWith(String),
}

/// Required side of the operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Returns `true` if the values in the field pass.
///
/// Of several values one must pass. For a negative check all must.
pub(super) fn passes(check: &Check, field: &Field, event: &Subject<'_>) -> Result<bool, TooMuchWork> {
    match check {
        Check::Exists(wanted) => Ok(any(field, event, &|_| Ok(true))? == *wanted),
        Check::NotIn(values) => Ok(!any(field, event, &|found| is_one_of(found, values, event.work))?),
        check => any(field, event, &|found| check.holds_of(found, event.work)),
    }
}

fn any(
    field: &Field,
    event: &Subject<'_>,
    test: &dyn Fn(&Value) -> Result<bool, TooMuchWork>,
) -> Result<bool, TooMuchWork> {
    match field {
        Field::Kind => test(&event.kind.as_str().into()),
        Field::At(pointer) => {
            event.work.charge_len(pointer.len())?;
            let pointer = Pointer::parse(pointer).ok();
            pointer
                .and_then(|pointer| event.data.at(pointer))
                .map_or(Ok(false), test)
        }
        Field::Matching(patterns) => event.data.any_matching(patterns, MOST_PLACES, event.work, test),
    }
}

impl Check {
    /// Returns `true` if one value passes.
    pub(super) fn holds_of(&self, found: &Value, work: &WorkBudget) -> Result<bool, TooMuchWork> {
        match self {
            Self::Exists(wanted) => Ok(*wanted),
            Self::In(values) => is_one_of(found, values, work),
            Self::NotIn(values) => Ok(!is_one_of(found, values, work)?),
            Self::Compares(bound, operand) => {
                work.charge_len(size(operand))?;
                let found = Found::new(found, work);
                Ok(found.order(operand)?.is_some_and(|is| bound.allows(is)))
            }
            Self::StartsWith(start) => {
                work.charge_len(1 + start.len() / BYTES_A_UNIT)?;
                Ok(found.as_str().is_some_and(|text| text.starts_with(start)))
            }
            Self::EndsWith(end) => {
                work.charge_len(1 + end.len() / BYTES_A_UNIT)?;
                Ok(found.as_str().is_some_and(|text| text.ends_with(end)))
            }
        }
    }
}

impl Bound {
    pub(super) fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
        }
    }
}

/// Orders numbers by value and texts by code points; `None` for other pairs.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => a.compare_numbers(b),
    }
}

/// Value of an event during comparisons with operands; a number is decoded once for all of them.
struct Found<'e> {
    value: &'e Value,
    work: &'e WorkBudget,
    decimal: OnceCell<Option<Decimal>>,
}

impl<'e> Found<'e> {
    fn new(value: &'e Value, work: &'e WorkBudget) -> Self {
        Self {
            value,
            work,
            decimal: OnceCell::new(),
        }
    }

    fn order(&self, operand: &Value) -> Result<Option<Ordering>, TooMuchWork> {
        let numbers = self.value.kind() == Kind::Number && operand.kind() == Kind::Number;
        if !numbers || matches!((self.value, operand), (Value::Int(_), Value::Int(_))) {
            return Ok(order(self.value, operand));
        }
        if self.decimal.get().is_none() {
            self.work.charge_len(size(self.value))?;
        }
        let own = self.decimal.get_or_init(|| Decimal::of(self.value));
        let other = Decimal::of(operand);
        Ok(own.as_ref().zip(other).map(|(own, other)| own.compare(&other)))
    }

    /// Returns `true` for values of one kind that are equal.
    ///
    /// Operands are scalars, so an array or object never is.
    fn equals(&self, operand: &Value) -> Result<bool, TooMuchWork> {
        Ok(self.value == operand || self.order(operand)? == Some(Ordering::Equal))
    }
}

fn is_one_of(found: &Value, values: &[Value], work: &WorkBudget) -> Result<bool, TooMuchWork> {
    let found = Found::new(found, work);
    for value in values {
        work.charge_len(size(value))?;
        if found.equals(value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Cost of comparing with a value, or of decoding it.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => 1 + text.len() / BYTES_A_UNIT,
        Value::Number(number) => 1 + number.as_str().len(),
        _ => 1,
    }
}

/// Maximum number of places that a pattern is tested against.
const MOST_PLACES: u32 = 1000;
/// Number of bytes that are compared for one unit of work.
const BYTES_A_UNIT: usize = 16;
