//! Decodes replies. An unexpected reply is `Unavailable`, because the outcome is unknown.

use bytes::Bytes;
use redis::Value;

use crate::StoreError;
use hookgate_domain::Timestamp;

/// An array's items.
pub(super) fn array(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(unexpected("an array")),
    }
}

/// Names and values: a map in the newer protocol, and a list in the older.
pub(super) fn pairs(value: Value) -> Result<Vec<(Value, Value)>, StoreError> {
    match value {
        Value::Map(pairs) => Ok(pairs),
        other => {
            let mut items = array(other)?.into_iter();
            Ok(std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect())
        }
    }
}

/// Bytes, or that there are none.
pub(super) fn optional(value: Value) -> Result<Option<Bytes>, StoreError> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        Value::SimpleString(text) => Ok(Some(text.into())),
        Value::Okay => Ok(Some(Bytes::from_static(b"OK"))),
        _ => Err(unexpected("bytes")),
    }
}

/// Bytes.
pub(super) fn bytes(value: Value) -> Result<Bytes, StoreError> {
    optional(value)?.ok_or_else(|| unexpected("bytes"))
}

/// Text.
pub(super) fn text(value: Value) -> Result<String, StoreError> {
    String::from_utf8(bytes(value)?.into()).map_err(|_| unexpected("text"))
}

/// Non-negative number, sent as an integer or as text.
pub(super) fn number(value: Value) -> Result<u64, StoreError> {
    match value {
        Value::Int(number) => u64::try_from(number).map_err(|_| unexpected("a number")),
        other => text(other)?.parse().map_err(|_| unexpected("a number")),
    }
}

/// A sorted set's score that is a time in µs. Scores come as the shortest text of a double.
pub(super) fn score(value: Value) -> Result<Option<Timestamp>, StoreError> {
    let Some(bytes) = optional(value)? else {
        return Ok(None);
    };
    let number: f64 = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| unexpected("a score"))?;
    if !(0.0..=9_007_199_254_740_992.0).contains(&number) {
        return Err(unexpected("a time"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 2^53 it is exact"
    )]
    Ok(Some(Timestamp::from_micros(number as u64)))
}

/// The two numbers of TIME.
pub(super) fn time(value: Value) -> Result<Timestamp, StoreError> {
    let mut parts = array(value)?.into_iter();
    let (Some(seconds), Some(micros)) = (parts.next(), parts.next()) else {
        return Err(unexpected("a time"));
    };
    Ok(Timestamp::from_micros(
        number(seconds)? * 1_000_000 + number(micros)?,
    ))
}

/// Error for a reply of the wrong type.
pub(super) fn unexpected(wanted: &str) -> StoreError {
    StoreError::Unavailable(format!("the server's reply is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_exact_in_any_spelling() {
        for (text, micros) in [
            ("1700000000000001", 1_700_000_000_000_001),
            ("1.7000000000000011e+15", 1_700_000_000_000_001),
            ("0", 0),
        ] {
            let value = Value::BulkString(text.into());
            assert_eq!(
                score(value).expect("a time"),
                Some(Timestamp::from_micros(micros)),
                "{text}"
            );
        }
        for text in ["", "x", "-1", "nan", "inf"] {
            assert!(score(Value::BulkString(text.into())).is_err(), "{text}");
        }
        assert_eq!(score(Value::Nil).expect("nothing"), None);
    }
}
