//! Read operations of a [`Document`]: kind, length, keys, scalars, subtrees and pattern searches.

use super::walk::{Next, Pairs, visit};
use super::{Allowance, BadPointer, Document, Kind, PatternSet, Pointer, Scalar, Value};
use super::{BadNumber, ParseError, ParseErrorKind, pattern::BadPattern};
use crate::budget::{TooMuchWork, WorkBudget};

/// Reason for which an operation was refused.
///
/// The document is unchanged, except where a variant states otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Malformed or inapplicable pointer or pattern.
    ///
    /// Includes one that names the whole document in an operation that does not allow it.
    #[error("not a pointer or pattern that can be used here")]
    BadPointer,
    /// No value at the pointer.
    #[error("nothing stands there")]
    Absent,
    /// A value of another kind at the pointer.
    #[error("something of another kind stands there")]
    WrongKind(Kind),
    /// Settings and metadata are read-only.
    #[error("the document is read-only")]
    ReadOnly,
    /// The document would exceed its limit of size or depth.
    #[error("the document would grow over its limit")]
    Limit,
    /// The work limit of the [`Allowance`] is exceeded; changes made so far remain.
    #[error("the operation takes too much work with this document")]
    Work,
    /// The output limit of the [`Allowance`] is exceeded.
    #[error("the operation would give out too many bytes")]
    Output,
    /// The deadline of the [`Allowance`] has passed; changes made so far remain.
    #[error("the operation took too long")]
    Overdue,
    /// The given text is not valid JSON; holds the error and its position.
    #[error("the text is not JSON: {0}")]
    BadJson(String),
}

impl Document {
    /// Kind of the value at a pointer; [`Kind::Absent`] if there is none.
    pub fn kind_of(&self, pointer: &str) -> Kind {
        self.stands_at(pointer).map_or(Kind::Absent, Value::kind)
    }

    /// Number of members of an object, elements of an array or bytes of a text.
    ///
    /// `None` for other kinds.
    pub fn length(&self, pointer: &str) -> Option<u32> {
        let length = match self.stands_at(pointer).ok()? {
            Value::Object(object) => object.len(),
            Value::Array(elements) => elements.len(),
            Value::Text(text) => text.len(),
            _ => return None,
        };
        u32::try_from(length).ok()
    }

    /// Up to `max` keys of the object at a pointer, in document order, starting at index `offset`.
    pub fn keys(
        &self,
        pointer: &str,
        offset: u32,
        max: u32,
        allowance: &Allowance<'_>,
    ) -> Result<Vec<String>, AccessError> {
        match self.stands_at(pointer)? {
            Value::Object(object) => {
                let window = || object.keys_from(count(offset)).take(count(max));
                let mut bytes = 0;
                for key in window() {
                    allowance.work(1)?;
                    bytes += TEXT_BYTES + key.len();
                }
                allowance.output(bytes)?;
                Ok(window().map(str::to_owned).collect())
            }
            other => Err(AccessError::WrongKind(other.kind())),
        }
    }

    /// Scalar at a pointer.
    pub fn get(&self, pointer: &str, allowance: &Allowance<'_>) -> Result<Scalar, AccessError> {
        let value = self.stands_at(pointer)?;
        match value {
            Value::Text(text) => allowance.output(text.len())?,
            Value::Number(number) => {
                // Decoding costs one unit per digit.
                allowance.work(number.as_str().len() as u64)?;
                allowance.output(number.as_str().len())?;
            }
            _ => {}
        }
        value
            .to_scalar()
            .ok_or_else(|| AccessError::WrongKind(value.kind()))
    }

    /// Scalars at several pointers; `None` where the value is absent or not a scalar.
    ///
    /// # Errors
    /// A limit of the allowance, and nothing else.
    pub fn get_many<T: AsRef<str>>(
        &self,
        pointers: &[T],
        allowance: &Allowance<'_>,
    ) -> Result<Vec<Option<Scalar>>, AccessError> {
        allowance.output(pointers.len().saturating_mul(size_of::<Option<Scalar>>()))?;
        let get = |pointer: &T| {
            let pointer = pointer.as_ref();
            // Each step is one look-up and, except in unusual pointers, has at least two bytes.
            allowance.work(pointer.len() as u64 + 1)?;
            match self.get(pointer, allowance) {
                Ok(scalar) => Ok(Some(scalar)),
                Err(error) if error.is_limit_of_allowance() => Err(error),
                Err(_) => Ok(None),
            }
        };
        pointers.iter().map(get).collect()
    }

    /// Subtree at a pointer as compact JSON text.
    pub fn get_json(&self, pointer: &str, allowance: &Allowance<'_>) -> Result<String, AccessError> {
        let value = self.stands_at(pointer)?;
        let bytes = value.printed_len();
        allowance.output(bytes)?;
        let mut text = Vec::with_capacity(bytes);
        value.print(&mut text);
        Ok(String::from_utf8(text).expect("the printer writes whole strings and ASCII"))
    }

    /// Pointers of up to `max` places that a pattern matches, in document order.
    pub fn find(
        &self,
        patterns: &PatternSet,
        max: u32,
        allowance: &Allowance<'_>,
    ) -> Result<Vec<String>, AccessError> {
        let mut found = Vec::new();
        if max > 0 {
            visit(&self.root, patterns, Pairs::AsTheyAre, allowance, |pointer, _| {
                allowance.output(TEXT_BYTES + pointer.len())?;
                allowance.work_on_text(pointer.len())?;
                found.push(pointer.to_owned());
                Ok(if found.len() < count(max) {
                    Next::Inside
                } else {
                    Next::Stop
                })
            })?;
        }
        Ok(found)
    }

    fn stands_at(&self, pointer: &str) -> Result<&Value, AccessError> {
        self.root.at(Pointer::parse(pointer)?).ok_or(AccessError::Absent)
    }
}

impl Value {
    /// Returns `true` if one of the matching places passes a test.
    ///
    /// Tests at most the first `max` places, in document order.
    ///
    /// # Errors
    /// The search exceeds the work budget, or the test does.
    pub fn any_matching(
        &self,
        patterns: &PatternSet,
        max: u32,
        work: &WorkBudget,
        mut test: impl FnMut(&Self) -> Result<bool, TooMuchWork>,
    ) -> Result<bool, TooMuchWork> {
        let (mut seen, mut passed) = (0, Ok(false));
        let allowance = Allowance::default().with_work(work);
        let walked = visit(self, patterns, Pairs::AsTheyAre, &allowance, |_, value| {
            passed = test(value);
            seen += 1;
            Ok(if passed != Ok(false) || seen >= max {
                Next::Stop
            } else {
                Next::Inside
            })
        });
        match walked {
            Err(_) if passed == Ok(false) => Err(work.exceeded()),
            _ => passed,
        }
    }
}

impl AccessError {
    /// Distinguishes a limit of the [`Allowance`] from an answer about the document.
    pub fn is_limit_of_allowance(&self) -> bool {
        match self {
            Self::Work | Self::Output | Self::Overdue => true,
            Self::BadPointer
            | Self::Absent
            | Self::WrongKind(_)
            | Self::ReadOnly
            | Self::Limit
            | Self::BadJson(_) => false,
        }
    }
}

/// Bytes that a text in a list takes in addition to its content.
const TEXT_BYTES: usize = size_of::<String>();

fn count(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl From<BadPointer> for AccessError {
    fn from(_: BadPointer) -> Self {
        Self::BadPointer
    }
}

impl From<BadPattern> for AccessError {
    fn from(bad: BadPattern) -> Self {
        match bad {
            BadPattern::Malformed => Self::BadPointer,
            BadPattern::TooMany => Self::Limit,
        }
    }
}

impl From<BadNumber> for AccessError {
    fn from(bad: BadNumber) -> Self {
        Self::BadJson(bad.to_string())
    }
}

impl From<ParseError> for AccessError {
    fn from(error: ParseError) -> Self {
        match error.kind {
            ParseErrorKind::TooDeep { .. } | ParseErrorKind::TooLarge { .. } => Self::Limit,
            _ => Self::BadJson(error.to_string()),
        }
    }
}
