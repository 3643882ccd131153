//! One operator of a filter, held against what stands at the places that it is about.

use std::cmp::Ordering;

use super::Field;
use crate::document::{Pointer, Value};
use crate::domain::EventType;

/// An operator with its operand.
#[derive(PartialEq)]
pub(super) enum Check {
    /// Something stands there, or nothing does.
    Exists(bool),
    /// It is one of these.
    In(Vec<Value>),
    /// It is none of these.
    NotIn(Vec<Value>),
    /// It compares so to this number or text.
    Compares(Bound, Value),
    /// It is a text that begins so.
    StartsWith(String),
    /// It is a text that ends so.
    EndsWith(String),
}

/// On which side of its operand a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Whether what stands in the field passes. Of several places one is enough, but for what must not be: then none may.
pub(super) fn passes(check: &Check, field: &Field, kind: &EventType, data: &Value) -> bool {
    let any = |test: &dyn Fn(&Value) -> bool| match field {
        Field::Kind => test(&kind.as_str().into()),
        Field::At(pointer) => {
            let pointer = Pointer::parse(pointer).ok();
            pointer.and_then(|pointer| data.at(pointer)).is_some_and(test)
        }
        Field::Matching(patterns) => data.any_matching(patterns, MOST_PLACES, test),
    };
    match check {
        Check::Exists(wanted) => any(&|_| true) == *wanted,
        Check::NotIn(values) => !any(&|found| is_one_of(found, values)),
        check => any(&|found| check.holds_of(found)),
    }
}

impl Check {
    /// Whether one value passes.
    pub(super) fn holds_of(&self, found: &Value) -> bool {
        match self {
            Self::Exists(wanted) => *wanted,
            Self::In(values) => is_one_of(found, values),
            Self::NotIn(values) => !is_one_of(found, values),
            Self::Compares(bound, operand) => order(found, operand).is_some_and(|is| bound.allows(is)),
            Self::StartsWith(start) => found.as_str().is_some_and(|text| text.starts_with(start)),
            Self::EndsWith(end) => found.as_str().is_some_and(|text| text.ends_with(end)),
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

/// Numbers by what they denote, texts by their code points; nothing else has an order.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => a.compare_numbers(b),
    }
}

/// Of one kind and equal. The operands are scalars: an array or an object is never one of them.
fn is_one_of(found: &Value, values: &[Value]) -> bool {
    let equal = |value: &Value| found == value || order(found, value) == Some(Ordering::Equal);
    values.iter().any(equal)
}

/// How many places of an event a pattern is held against.
const MOST_PLACES: u32 = 1000;
