//! The value: what a JSON text says.

use std::fmt;

use compact_str::CompactString;

use super::{Number, Object};

/// A JSON value.
#[derive(Clone, PartialEq, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer whose text is exactly what its 64-bit value prints.
    Int(i64),
    /// Any other number, as it was written.
    Number(Number),
    /// A string, unescaped.
    Text(CompactString),
    /// An array.
    Array(Vec<Value>),
    /// An object, in the order of the document; no key twice.
    Object(Object),
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing.
    Absent,
    /// `null`
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number of any size.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Value {
    /// What it is; never `Kind::Absent`.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Boolean,
            Self::Int(_) | Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is an array or an object.
    pub fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The integer, if it was written as one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The members, to be changed, if it is an object.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The string by value; anything else comes back as it was.
    pub fn into_text(self) -> Result<CompactString, Value> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other),
        }
    }

    /// The elements by value; anything else comes back as it was.
    pub fn into_array(self) -> Result<Vec<Value>, Value> {
        match self {
            Self::Array(elements) => Ok(elements),
            other => Err(other),
        }
    }

    /// The members by value; anything else comes back as it was.
    pub fn into_object(self) -> Result<Object, Value> {
        match self {
            Self::Object(object) => Ok(object),
            other => Err(other),
        }
    }

    /// A member of an object; nothing for anything else.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// How deep arrays and objects nest: 0 for a scalar, 1 for `[]`.
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(object) => 1 + object.values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// Without the contents: they may be anyone's personal data.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("boolean"),
            Self::Int(_) | Self::Number(_) => f.write_str("number"),
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
            Self::Array(elements) => write!(f, "array of {}", elements.len()),
            Self::Object(object) => write!(f, "object of {}", object.len()),
        }
    }
}
