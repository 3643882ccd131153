//! Equality of JSON Schema: numbers by value, objects regardless of member order.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Decimal, Value};

/// Checks whether two values are equal.
///
/// # Errors
/// The comparison exceeds the work budget.
pub(super) fn equal(a: &Value, b: &Value, work: &WorkBudget) -> Result<bool, TooMuchWork> {
    work.charge(1)?;
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Int(_) | Value::Number(_), Value::Int(_) | Value::Number(_)) => {
            work.charge_len(bytes(a) + bytes(b))?;
            // Numbers whose exponents are out of range are compared by their text.
            a == b || a.compare_numbers(b) == Some(std::cmp::Ordering::Equal)
        }
        (Value::Text(a), Value::Text(b)) => {
            work.charge_len(a.len().min(b.len()) / BYTES_A_UNIT)?;
            a == b
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !equal(a, b, work)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(a), Value::Object(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.iter() {
                work.charge_len(1 + key.len() / BYTES_A_UNIT)?;
                let Some(b) = b.get(key) else { return Ok(false) };
                if !equal(a, b, work)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

/// Checks whether a value equals one of these. A number is decoded once for all comparisons.
///
/// # Errors
/// The comparison exceeds the work budget.
pub(super) fn is_one_of(value: &Value, others: &[Value], work: &WorkBudget) -> Result<bool, TooMuchWork> {
    let number = match value {
        Value::Number(_) => {
            work.charge_len(bytes(value))?;
            Decimal::of(value)
        }
        _ => None,
    };
    for other in others {
        let is = match (&number, other) {
            (Some(number), Value::Int(_) | Value::Number(_)) => {
                work.charge_len(1 + bytes(other))?;
                Decimal::of(other).as_ref() == Some(number)
            }
            _ => equal(value, other, work)?,
        };
        if is {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Checks whether all elements differ.
///
/// # Errors
/// The comparison exceeds the work budget.
pub(super) fn all_differ(elements: &[Value], work: &WorkBudget) -> Result<bool, TooMuchWork> {
    let state = RandomState::new();
    let mut alike: HashMap<u64, Vec<&Value>> = HashMap::new();
    for element in elements {
        let others = alike.entry(digest(element, &state, work)?).or_default();
        for other in others.iter() {
            if equal(element, other, work)? {
                return Ok(false);
            }
        }
        others.push(element);
    }
    Ok(true)
}

/// Digest of a value; equal values have equal digests.
fn digest(value: &Value, state: &RandomState, work: &WorkBudget) -> Result<u64, TooMuchWork> {
    work.charge_len(1 + bytes(value))?;
    let mut hasher = state.build_hasher();
    value.kind().hash(&mut hasher);
    match value {
        Value::Null => {}
        Value::Bool(truth) => truth.hash(&mut hasher),
        Value::Int(_) | Value::Number(_) => Decimal::of(value).hash(&mut hasher),
        Value::Text(text) => text.hash(&mut hasher),
        Value::Array(elements) => {
            for element in elements {
                digest(element, state, work)?.hash(&mut hasher);
            }
        }
        Value::Object(object) => {
            let mut sum = 0_u64;
            for (key, child) in object.iter() {
                work.charge_len(1 + key.len() / BYTES_A_UNIT)?;
                sum = sum.wrapping_add(state.hash_one((key, digest(child, state, work)?)));
            }
            sum.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::Number(number) => number.as_str().len(),
        Value::Text(text) => text.len() / BYTES_A_UNIT,
        _ => 1,
    }
}

/// Number of text bytes that are processed for one unit of work.
const BYTES_A_UNIT: usize = 16;
