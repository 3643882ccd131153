//! Assertions of a schema about a value itself: its type, size and digits, without its children.

use std::cmp::Ordering;

use super::program::{Keyword, Kind};
use super::same::{all_differ, is_one_of};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Decimal, Object, Value};

/// Checks one keyword against a value; returns the violation, if there is one.
///
/// `None` if the value conforms, or the keyword does not apply to its kind.
///
/// # Errors
/// The check exceeds the work budget.
pub(super) fn wrong(
    keyword: &Keyword,
    value: &Value,
    work: &WorkBudget,
) -> Result<Option<String>, TooMuchWork> {
    Ok(match (keyword, value) {
        (Keyword::Type(kinds), _) => {
            let fits = is_of(work, kinds, value)?;
            (!fits).then(|| {
                let words: Vec<_> = kinds.iter().map(|kind| format!("\"{}\"", kind.word())).collect();
                format!("the value is not of type {}", words.join(" or "))
            })
        }
        (Keyword::Enum(values), _) => {
            let fits = is_one_of(value, values, work)?;
            (!fits).then(|| "the value is not one of those that are allowed".to_owned())
        }
        (Keyword::Bound(bound, operand), Value::Int(_) | Value::Number(_)) => {
            let fits = compare(work, value, operand)?.is_some_and(|order| bound.allows(order));
            (!fits).then(|| format!("the value is not {} {}", bound.words(), shown(operand)))
        }
        (Keyword::MultipleOf(divisor), Value::Int(_) | Value::Number(_)) => {
            let fits = match decimal(work, value)? {
                Some(number) => number.is_multiple_of(divisor, work)?,
                None => false,
            };
            (!fits).then(|| "the value is not a multiple of what `multipleOf` says".to_owned())
        }
        (Keyword::MaxLength(most), Value::Text(text)) => {
            let over = characters(work, text)? > *most;
            over.then(|| format!("the text has more than {most} characters"))
        }
        (Keyword::MinLength(least), Value::Text(text)) => {
            let under = characters(work, text)? < *least;
            under.then(|| format!("the text has fewer than {least} characters"))
        }
        (Keyword::Pattern(pattern), Value::Text(text)) => {
            let fits = pattern.is_match(text, work)?;
            (!fits).then(|| "the text does not match the pattern".to_owned())
        }
        (Keyword::Unique, Value::Array(elements)) => {
            let fits = all_differ(elements, work)?;
            (!fits).then(|| "two of its elements are equal".to_owned())
        }
        (keyword, Value::Array(elements)) => size_of(keyword, elements.len(), "elements"),
        (keyword, Value::Object(object)) => asked_of(work, keyword, object)?,
        _ => None,
    })
}

fn asked_of(work: &WorkBudget, keyword: &Keyword, object: &Object) -> Result<Option<String>, TooMuchWork> {
    let missing = |names: &[String]| -> Result<Option<String>, TooMuchWork> {
        work.charge_len(names.len())?;
        let missing = names.iter().find(|name| !object.contains_key(name));
        Ok(missing.map(|name| format!("the member `{}` is missing", cut(name))))
    };
    match keyword {
        Keyword::Required(names) => missing(names),
        Keyword::DependentRequired(lists) => {
            for (name, names) in lists {
                work.charge(1)?;
                if object.contains_key(name)
                    && let Some(wrong) = missing(names)?
                {
                    return Ok(Some(wrong));
                }
            }
            Ok(None)
        }
        keyword => Ok(size_of(keyword, object.len(), "members")),
    }
}

fn is_of(work: &WorkBudget, kinds: &[Kind], value: &Value) -> Result<bool, TooMuchWork> {
    for kind in kinds {
        let is = match (kind, value) {
            (Kind::Null, Value::Null)
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::Number, Value::Int(_) | Value::Number(_))
            | (Kind::Integer, Value::Int(_))
            | (Kind::String, Value::Text(_))
            | (Kind::Array, Value::Array(_))
            | (Kind::Object, Value::Object(_)) => true,
            // A number whose exponent is out of range is an integer if the exponent is positive.
            (Kind::Integer, Value::Number(number)) => decimal(work, value)?
                .map_or_else(|| !number.as_str().contains("e-"), |number| number.is_integer()),
            _ => false,
        };
        if is {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare(work: &WorkBudget, value: &Value, operand: &Value) -> Result<Option<Ordering>, TooMuchWork> {
    let ((Value::Number(_), _) | (_, Value::Number(_))) = (value, operand) else {
        return Ok(value.compare_numbers(operand));
    };
    work.charge_len(digits(value) + digits(operand))?;
    Ok(value.compare_numbers(operand))
}

fn decimal(work: &WorkBudget, value: &Value) -> Result<Option<Decimal>, TooMuchWork> {
    work.charge_len(digits(value))?;
    Ok(Decimal::of(value))
}

fn characters(work: &WorkBudget, text: &str) -> Result<u64, TooMuchWork> {
    work.charge_len(1 + text.len() / BYTES_A_UNIT)?;
    Ok(text.chars().count() as u64)
}

fn size_of(keyword: &Keyword, len: usize, of: &str) -> Option<String> {
    let len = len as u64;
    match (keyword, of) {
        (Keyword::MaxItems(most), "elements") | (Keyword::MaxProperties(most), "members") => {
            (len > *most).then(|| format!("it has more than {most} {of}"))
        }
        (Keyword::MinItems(least), "elements") | (Keyword::MinProperties(least), "members") => {
            (len < *least).then(|| format!("it has fewer than {least} {of}"))
        }
        _ => None,
    }
}

/// Displayed text of a schema's operand.
fn shown(operand: &Value) -> String {
    cut(&operand.to_json()).into_owned()
}

/// Truncates a long text.
pub(super) fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Cost of decoding a number, in units of work.
fn digits(value: &Value) -> usize {
    match value {
        Value::Number(number) => number.as_str().len(),
        _ => 1,
    }
}

/// Number of text bytes that are processed for one unit of work.
pub(super) const BYTES_A_UNIT: usize = 16;
const LONGEST_NAME: usize = 128;
