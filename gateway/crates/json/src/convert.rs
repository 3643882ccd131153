//! Conversions between [`Value`], plain Rust values and `serde_json` (used for settings and views).

use compact_str::CompactString;
use serde_json::value::RawValue;

use super::{Document, Limits, Object, Value};

impl Value {
    /// Converts to a `serde_json::Value`, for views.
    ///
    /// A number that is not an `i64`, `u64` or `f64` loses digits, and one beyond the range of
    /// `f64` becomes the largest float. Use [`Value::to_raw`] where the text must be preserved.
    pub fn to_serde(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Int(number) => (*number).into(),
            Self::Number(number) => match number.as_str().parse() {
                Ok(number) => serde_json::Value::Number(number),
                Err(_) if number.as_str().starts_with('-') => f64::MIN.into(),
                Err(_) => f64::MAX.into(),
            },
            Self::Text(text) => text.as_str().into(),
            Self::Array(elements) => elements.iter().map(Self::to_serde).collect(),
            Self::Object(object) => object
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_serde()))
                .collect(),
        }
    }

    /// Converts to a raw value that `serde_json` prints byte for byte.
    pub fn to_raw(&self) -> Box<RawValue> {
        RawValue::from_string(self.to_json()).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Serde;
        match value {
            Serde::Null => Self::Null,
            Serde::Bool(truth) => Self::Bool(truth),
            Serde::Number(number) => Self::number(&number.to_string()).unwrap_or_default(),
            Serde::String(text) => Self::Text(text.into()),
            Serde::Array(elements) => Self::Array(elements.into_iter().map(Self::from).collect()),
            Serde::Object(members) => Self::Object(members.into_iter().collect()),
        }
    }
}

impl From<serde_json::Value> for Document {
    fn from(value: serde_json::Value) -> Self {
        Self::from_value(value.into(), Limits::default())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<CompactString> for Value {
    fn from(text: CompactString) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Self::Array(elements)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

/// `None` becomes `null`.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
