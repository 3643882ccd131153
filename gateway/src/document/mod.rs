//! JSON as the gateway holds it: parsed once, read and changed in place by pointers and patterns, printed once.

use compact_str::CompactString;

/// A JSON document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    root: Value,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer whose text is exactly what its 64-bit value prints.
    Int(i64),
    /// Any other number, as it was written.
    Number(CompactString),
    /// A string, unescaped.
    Text(CompactString),
    /// An array.
    Array(Vec<Value>),
    /// An object, in the order of the document; no key twice.
    Object(Vec<(CompactString, Value)>),
}
