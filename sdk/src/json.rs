//! Types of the document interface: kinds of values, errors of operations, and redactions.

/// Kind of the value at a place of a document.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{"items":[]}"#).with(|event| {
/// assert_eq!(event.data().kind_of("/items"), hookgate_sdk::Kind::Array);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No value.
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A value that is neither an array nor an object.
///
/// ```
/// use hookgate_sdk::Scalar;
/// assert_eq!(Scalar::from("a"), Scalar::Text("a".into()));
/// assert_eq!(Scalar::from(5_i64), Scalar::Integer(5));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Scalar {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction or exponent that fits 64 bits.
    Integer(i64),
    /// A number that a 64-bit float holds exactly.
    Decimal(f64),
    /// Any other number, as its text.
    RawNumber(String),
    /// A string.
    Text(String),
}

impl Scalar {
    /// The string; `None` for another scalar.
    ///
    /// ```
    /// assert_eq!(hookgate_sdk::Scalar::from("a").as_str(), Some("a"));
    /// ```
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Decimal(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// Error of an operation. The document is unchanged.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{}"#).with(|event| {
/// assert_eq!(event.data().get("/n"), Err(hookgate_sdk::AccessError::Absent));
/// # });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessError {
    /// The pointer or pattern is invalid.
    BadPointer,
    /// There is no value at the pointer.
    Absent,
    /// The value at the pointer is of another kind.
    WrongKind(Kind),
    /// Settings and metadata cannot be changed.
    ReadOnly,
    /// The document would exceed its limit of size or depth.
    Limit,
    /// The text given is not JSON; describes the error and its position.
    BadJson(String),
}

impl AccessError {
    /// The error as one sentence, without any value of the document.
    ///
    /// ```
    /// assert_eq!(hookgate_sdk::AccessError::ReadOnly.message(), "the document is read-only");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::BadPointer => "the pointer or pattern is not valid",
            Self::Absent => "nothing stands at the pointer",
            Self::WrongKind(_) => "a value of another kind stands at the pointer",
            Self::ReadOnly => "the document is read-only",
            Self::Limit => "the document would grow over its limit",
            Self::BadJson(message) => message,
        }
    }
}

impl core::fmt::Display for AccessError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for AccessError {}

/// Replacement of a redacted value.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{"email":"a@b.example"}"#).with(|event| {
/// let how = hookgate_sdk::Redaction::Mask("***".into());
/// event.data().redact(&["/email"], &how).unwrap();
/// assert_eq!(event.data().get_str("/email").unwrap(), "***");
/// # });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redaction {
    /// Removes the member or element.
    Remove,
    /// Replaces the value by this text.
    Mask(String),
    /// Replaces all characters by `*`, except this many at the end.
    KeepLast(u8),
    /// Replaces the value by this label and a digest of it under a key that no plugin sees. Equal
    /// values have equal pseudonyms.
    Pseudonym(String),
}
