//! The test double's JSON tree: members keep their order, numbers keep their text.

use std::fmt;

use crate::{Kind, Scalar};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        super::parse::parse(text)
    }

    pub(super) fn from_scalar(scalar: &Scalar) -> Result<Self, String> {
        Ok(match scalar {
            Scalar::Null => Self::Null,
            Scalar::Boolean(value) => Self::Boolean(*value),
            Scalar::Integer(value) => Self::Number(value.to_string()),
            Scalar::Decimal(value) if value.is_finite() => Self::Number(print_decimal(*value)),
            Scalar::Decimal(_) => return Err("not a finite number".into()),
            Scalar::Text(text) => Self::Text(text.clone()),
            Scalar::RawNumber(text) => match Self::parse(text)? {
                number @ Self::Number(_) => number,
                _ => return Err("not a number".into()),
            },
        })
    }

    /// The scalar; `None` for an array or object.
    pub(super) fn to_scalar(&self) -> Option<Scalar> {
        Some(match self {
            Self::Null => Scalar::Null,
            Self::Boolean(value) => Scalar::Boolean(*value),
            Self::Text(text) => Scalar::Text(text.clone()),
            Self::Number(text) => number_of(text),
            Self::Array(_) | Self::Object(_) => return None,
        })
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }

    /// The child at an index: an element of an array or a member of an object.
    pub(super) fn child(&self, index: usize) -> Option<&Self> {
        match self {
            Self::Array(elements) => elements.get(index),
            Self::Object(members) => members.get(index).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn child_mut(&mut self, index: usize) -> Option<&mut Self> {
        match self {
            Self::Array(elements) => elements.get_mut(index),
            Self::Object(members) => members.get_mut(index).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Number of children.
    pub(super) fn children(&self) -> usize {
        match self {
            Self::Array(elements) => elements.len(),
            Self::Object(members) => members.len(),
            _ => 0,
        }
    }

    pub(super) fn remove_child(&mut self, index: usize) -> Option<Self> {
        match self {
            Self::Array(elements) if index < elements.len() => Some(elements.remove(index)),
            Self::Object(members) if index < members.len() => Some(members.remove(index).1),
            _ => None,
        }
    }

    pub(super) fn depth(&self) -> usize {
        let deepest = (0..self.children())
            .filter_map(|index| self.child(index))
            .map(Self::depth)
            .max();
        match self {
            Self::Array(_) | Self::Object(_) => 1 + deepest.unwrap_or(0),
            _ => 0,
        }
    }
}

/// Prints compact JSON text.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => f.write_str(&print_text(text)),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    write!(
                        f,
                        "{}{}:{value}",
                        if index == 0 { "" } else { "," },
                        print_text(key)
                    )?;
                }
                f.write_str("}")
            }
        }
    }
}

/// An integer if an `i64` prints the same text; a decimal if a float's shortest digits denote the
/// same number.
fn number_of(text: &str) -> Scalar {
    if let Ok(integer) = text.parse::<i64>()
        && integer.to_string() == text
    {
        return Scalar::Integer(integer);
    }
    match text.parse::<f64>() {
        Ok(decimal) if decimal.is_finite() && denotes(text) == denotes(&format!("{decimal:e}")) => {
            Scalar::Decimal(decimal)
        }
        _ => Scalar::RawNumber(text.into()),
    }
}

/// Normalises a number's text: sign, digits without zeros at the ends, and the power of ten before
/// them.
fn denotes(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole.trim_start_matches('-'), fraction].concat();
    let significant = digits.trim_start_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let point = i64::try_from(digits.len() - fraction.len()).ok()? - zeros;
    let exponent = exponent.parse::<i64>().ok()?.checked_add(point)?;
    let significant = significant.trim_end_matches('0');
    let exponent = if significant.is_empty() { 0 } else { exponent };
    Some((mantissa.starts_with('-'), significant.into(), exponent))
}

/// Prints a finite number as ECMAScript's `Number::toString` does.
fn print_decimal(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{value:e}");
    match scientific
        .split_once('e')
        .map(|(mantissa, exponent)| (mantissa, exponent.parse::<i32>().unwrap_or(0)))
    {
        Some((mantissa, exponent @ 21..)) => format!("{mantissa}e+{exponent}"),
        Some((mantissa, exponent @ ..-6)) => format!("{mantissa}e{exponent}"),
        _ => value.to_string(),
    }
}

/// Prints a string as the gateway does: `"`, `\` and control characters escaped, in the short form
/// if there is one.
fn print_text(text: &str) -> String {
    let mut printed = String::with_capacity(text.len() + 2);
    printed.push('"');
    for character in text.chars() {
        match character {
            '"' => printed.push_str("\\\""),
            '\\' => printed.push_str("\\\\"),
            '\n' => printed.push_str("\\n"),
            '\r' => printed.push_str("\\r"),
            '\t' => printed.push_str("\\t"),
            '\u{8}' => printed.push_str("\\b"),
            '\u{c}' => printed.push_str("\\f"),
            '\0'..='\u{1f}' => printed.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => printed.push(other),
        }
    }
    printed.push('"');
    printed
}
