//! Redactions: replacements for confidential values.

use compact_str::CompactString;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::allowance::units_of_text;
use super::{Number, Value};

/// Replacement for a redacted value.
#[derive(Clone, Copy)]
pub enum Redaction<'a> {
    /// Removes the member or element.
    Remove,
    /// Replaces the value by this text.
    Mask(&'a str),
    /// Masks all characters except the last `n` with `*`, preserving the length.
    ///
    /// A text or number of at most `n` characters is masked completely, since it would otherwise be
    /// shown in full. Any other value becomes a single `*`.
    KeepLast(u8),
    /// Replaces the value by `label:digest`.
    ///
    /// The digest is the first 16 hexadecimal digits of the HMAC-SHA256 of the value's compact JSON
    /// text under the key. Equal values have equal digests for every label, and `1` differs from
    /// `"1"`.
    Pseudonym {
        /// Kind of the value, for readers.
        label: &'a str,
        /// Tenant's key.
        key: &'a [u8],
    },
}

impl Redaction<'_> {
    /// Replacement for a value; `None` if it is removed.
    pub(super) fn replacement(&self, value: &Value) -> Option<Value> {
        let text = match *self {
            Self::Remove => return None,
            Self::Mask(mask) => mask.into(),
            Self::KeepLast(count) => keep_last(value, usize::from(count)),
            Self::Pseudonym { label, key } => format!("{label}:{}", digest(value, key)).into(),
        };
        Some(Value::Text(text))
    }

    /// Units of work for the replacement of a value, including the printed or copied text.
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

    /// Maximum growth of a value, in bytes.
    pub(super) fn growth(&self) -> usize {
        // A character can print as six bytes: `\u0000`.
        match *self {
            Self::Remove => 0,
            Self::Mask(mask) => 2 + 6 * mask.len(),
            // `1` becomes `"*"`.
            Self::KeepLast(_) => 2,
            Self::Pseudonym { label, .. } => 2 + 6 * label.len() + 1 + DIGEST_DIGITS,
        }
    }
}

/// Units of work for a digest of an empty text.
const DIGEST_UNITS: u64 = 32;

/// Units of work to measure or print a value, without its children.
///
/// The children are not counted: a document is measured once per replacement, which happens once.
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

/// Omits the mask, the label and the key.
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
