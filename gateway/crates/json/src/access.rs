//! The operations that read.

use super::walk::{Next, Pairs, visit};
use super::{Allowance, BadPointer, Document, Kind, PatternSet, Pointer, Scalar, Value};
use super::{BadNumber, ParseError, ParseErrorKind, pattern::BadPattern};
use crate::budget::{TooMuchWork, WorkBudget};

/// Why an operation was refused. Nothing was changed, but where it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The pointer or pattern is not one, or names the whole document where that cannot be.
    #[error("not a pointer or pattern that can be used here")]
    BadPointer,
    /// Nothing stands there.
    #[error("nothing stands there")]
    Absent,
    /// Something of another kind stands there.
    #[error("something of another kind stands there")]
    WrongKind(Kind),
    /// Settings and metadata cannot be changed.
    #[error("the document is read-only")]
    ReadOnly,
    /// The document would grow over its limit of size or depth.
    #[error("the document would grow over its limit")]
    Limit,
    /// It takes more work than it may; what was changed so far stays.
    #[error("the operation takes too much work with this document")]
    Work,
    /// It would give out more bytes than it may.
    #[error("the operation would give out too many bytes")]
    Output,
    /// Its deadline has passed; what was changed so far stays.
    #[error("the operation took too long")]
    Overdue,
    /// The text given is not JSON; what is wrong and where.
    #[error("the text is not JSON: {0}")]
    BadJson(String),
}

impl Document {
    /// The kind of what stands at a pointer.
    pub fn kind_of(&self, pointer: &str) -> Kind {
        self.stands_at(pointer).map_or(Kind::Absent, Value::kind)
    }

    /// Members of an object, elements of an array, bytes of a text; nothing for anything else.
    pub fn length(&self, pointer: &str) -> Option<u32> {
        let length = match self.stands_at(pointer).ok()? {
            Value::Object(object) => object.len(),
            Value::Array(elements) => elements.len(),
            Value::Text(text) => text.len(),
            _ => return None,
        };
        u32::try_from(length).ok()
    }

    /// Up to `max` keys of the object at a pointer from the `offset`th on, in order.
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

    /// The scalar at a pointer.
    pub fn get(&self, pointer: &str, allowance: &Allowance<'_>) -> Result<Scalar, AccessError> {
        let value = self.stands_at(pointer)?;
        match value {
            Value::Text(text) => allowance.output(text.len())?,
            Value::Number(number) => {
                // It is decoded digit by digit.
                allowance.work(number.as_str().len() as u64)?;
                allowance.output(number.as_str().len())?;
            }
            _ => {}
        }
        value
            .to_scalar()
            .ok_or_else(|| AccessError::WrongKind(value.kind()))
    }

    /// The scalars at several pointers; nothing where no scalar stands.
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
            // Each step is a look-up, and a step has two bytes at least in all but the oddest pointers.
            allowance.work(pointer.len() as u64 + 1)?;
            match self.get(pointer, allowance) {
                Ok(scalar) => Ok(Some(scalar)),
                Err(error) if error.is_limit_of_allowance() => Err(error),
                Err(_) => Ok(None),
            }
        };
        pointers.iter().map(get).collect()
    }

    /// The subtree at a pointer as compact JSON text.
    pub fn get_json(&self, pointer: &str, allowance: &Allowance<'_>) -> Result<String, AccessError> {
        let value = self.stands_at(pointer)?;
        let bytes = value.printed_len();
        allowance.output(bytes)?;
        let mut text = Vec::with_capacity(bytes);
        value.print(&mut text);
        Ok(String::from_utf8(text).expect("the printer writes whole strings and ASCII"))
    }

    /// Pointers of up to `max` places that a pattern matches, in the order of the document.
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
    /// Whether a place that the patterns match passes a test; only the first `max` of them are looked at, in the order of
    /// the document.
    ///
    /// # Errors
    /// When it takes more work than there is, or the test says so.
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
    /// Tells a limit of the [`Allowance`] from an answer about the document.
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

/// Bytes that a text in a list takes beside its own.
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
