//! `Idempotency-Key` header: a repeated request with the same key takes effect once.

use http::HeaderMap;

use super::{Code, Problem};

/// Name of the header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Idempotency key in the headers, if there is one.
///
/// # Errors
/// `invalid_parameter` for a key that is empty, over 255 bytes, or not visible ASCII.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let valid = |key: &&str| {
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
    };
    match value.to_str().ok().filter(valid) {
        Some(key) => Ok(Some(key)),
        None => Err(Problem::new(
            Code::InvalidParameter,
            "The header `Idempotency-Key` is 1 to 255 characters of visible ASCII.",
        )),
    }
}

const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for (value, valid) in [
            ("order-1", true),
            ("a b", true),
            ("", false),
            (&"k".repeat(256), false),
            ("é", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                IDEMPOTENCY_KEY,
                http::HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
            assert_eq!(
                idempotency_key(&headers).is_ok_and(|key| key == Some(value)),
                valid,
                "{value}"
            );
        }
        assert!(
            idempotency_key(&HeaderMap::new())
                .expect("none is fine")
                .is_none()
        );
    }
}
