//! Who is calling: the key in a request's headers, and whose it is.

use http::{HeaderMap, header};

use super::{Code, Problem};

/// Names the tenant that the operator acts for.
pub const TENANT_HEADER: &str = "hookgate-tenant";

/// The key in `Authorization: Bearer KEY` (RFC 6750) or `X-API-Key: KEY`.
///
/// # Errors
/// `key_missing`.
pub fn key_of(headers: &HeaderMap) -> Result<&str, Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let bearer = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer
        .or_else(|| text(X_API_KEY).map(str::trim))
        .filter(|key| !key.is_empty())
        .ok_or_else(|| {
            Problem::new(
                Code::KeyMissing,
                "The request has neither `Authorization: Bearer KEY` nor `X-API-Key`.",
            )
        })
}

const X_API_KEY: header::HeaderName = header::HeaderName::from_static("x-api-key");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_key_may_stand() {
        for (name, value, expected) in [
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer  abc ", Some("abc")),
            ("authorization", "Basic abc", None),
            ("authorization", "Bearer ", None),
            ("authorization", "abc", None),
            ("x-api-key", "abc", Some("abc")),
            ("x-api-key", "", None),
            ("x-key", "abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            assert_eq!(key_of(&headers).ok(), expected, "{name}: {value}");
        }
    }
}
