//! What becomes of a value that is redacted.

use compact_str::CompactString;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::allowance::units_of_text;
use super::{Number, Value};

/// What becomes of a value that is redacted.
#[derive(Clone, Copy)]
pub enum Redaction<'a> {
    /// The member or element goes.
    Remove,
    /// The value becomes this text.
    Mask(&'a str),
    /// All but the last so many characters become `*`, as many as there were. A text or number that has no more than
    /// those is masked whole: it would be shown whole. Any other value becomes one `*`.
    KeepLast(u8),
    /// The value becomes `label:digest`. The digest is the first 16 hexadecimal digits of the HMAC-SHA256 of the value's
    /// compact JSON text under the key: equal values get equal digests whatever the label, and `1` is not `"1"`.
    Pseudonym {
        /// What kind of value it was, for readers.
        label: &'a str,
        /// The tenant's key.
        key: &'a [u8],
    },
}

impl Redaction<'_> {
    /// What the value becomes; nothing when it goes.
    pub(super) fn replacement(&self, value: &Value) -> Option<Value> {
        let text = match *self {
            Self::Remove => return None,
            Self::Mask(mask) => mask.into(),
            Self::KeepLast(count) => keep_last(value, usize::from(count)),
            Self::Pseudonym { label, key } => format!("{label}:{}", digest(value, key)).into(),
        };
        Some(Value::Text(text))
    }

    /// The work that a replacement of the value takes, with what is printed or copied for it.
    pub(super) fn units(&self, value: &Value) -> u64 {
        match *self {
            Self::Remove => 1,
            Self::Mask(mask) => units_of_text(mask.len()) + units_of_value(value),
            Self::KeepLast(_) => 4 * units_of_value(value),
            Self::Pseudonym { label, .. } => {
                DIGEST_UNITS + units_of_text(label.len()) + 4 * units_of_value(value)
            }
        }
    }

    /// How many bytes a value grows by at most.
    pub(super) fn growth(&self) -> usize {
        // A character can print as six: `\u0000`.
        match *self {
            Self::Remove => 0,
            Self::Mask(mask) => 2 + 6 * mask.len(),
            // `1` becomes `"*"`.
            Self::KeepLast(_) => 2,
            Self::Pseudonym { label, .. } => 2 + 6 * label.len() + 1 + DIGEST_DIGITS,
        }
    }
}

/// The work of a digest of nothing.
const DIGEST_UNITS: u64 = 32;

/// Units of work to measure or to print a value. Its parts are left out: a document is measured as often as the
/// operation replaces it, which is once.
fn units_of_value(value: &Value) -> u64 {
    units_of_text(match value {
        Value::Text(text) => text.len(),
        Value::Number(number) => number.as_str().len(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Array(_) | Value::Object(_) => 0,
    })
}

const DIGEST_DIGITS: usize = 16;

fn keep_last(value: &Value, count: usize) -> CompactString {
    match value {
        Value::Text(text) => keep_last_of(text, count),
        Value::Int(number) => keep_last_of(itoa::Buffer::new().format(*number), count),
        Value::Number(number) => keep_last_of(Number::as_str(number), count),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => "*".into(),
    }
}

fn keep_last_of(text: &str, count: usize) -> CompactString {
    let characters = text.chars().count();
    let kept = if characters > count { count } else { 0 };
    let hidden = characters - kept;
    std::iter::repeat_n('*', hidden)
        .chain(text.chars().skip(hidden))
        .collect()
}

fn digest(value: &Value, key: &[u8]) -> String {
    let mut text = Vec::new();
    value.print(&mut text);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(&text);
    let mut digits = hex::encode(mac.finalize().into_bytes());
    digits.truncate(DIGEST_DIGITS);
    digits
}

/// Without the mask, the label and the key.
impl std::fmt::Debug for Redaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Remove => "Remove",
            Self::Mask(_) => "Mask",
            Self::KeepLast(_) => "KeepLast",
            Self::Pseudonym { .. } => "Pseudonym",
        })
    }
}
