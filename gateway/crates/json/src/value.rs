//! JSON value: the in-memory form of a JSON text.

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
    /// Any other number, with its text as it was written.
    Number(Number),
    /// A string, unescaped.
    Text(CompactString),
    /// An array.
    Array(Vec<Value>),
    /// An object: members in document order, with unique keys.
    Object(Object),
}

/// Kind of a value at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No value.
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
    /// Kind of the value; never `Kind::Absent`.
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

    /// Returns `true` for `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns `true` for an array or an object.
    pub fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Boolean value; `None` for other kinds.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Integer value; `None` unless it was written as an integer that fits into an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// String value; `None` for other kinds.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Elements of an array; `None` for other kinds.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Members of an object; `None` for other kinds.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Mutable members of an object; `None` for other kinds.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Converts into the string; the error is the unchanged value.
    pub fn into_text(self) -> Result<CompactString, Value> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other),
        }
    }

    /// Converts into the elements; the error is the unchanged value.
    pub fn into_array(self) -> Result<Vec<Value>, Value> {
        match self {
            Self::Array(elements) => Ok(elements),
            other => Err(other),
        }
    }

    /// Converts into the members; the error is the unchanged value.
    pub fn into_object(self) -> Result<Object, Value> {
        match self {
            Self::Object(object) => Ok(object),
            other => Err(other),
        }
    }

    /// Member of an object; `None` for other kinds.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// Nesting depth of arrays and objects: 0 for a scalar, 1 for `[]`.
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(object) => 1 + object.values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// Omits the contents: they can be personal data.
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
