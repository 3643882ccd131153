//! Fields of API keys in requests and imported rows.

use super::Api;
use crate::http::{Code, FieldError, Problem};
use hookgate_domain::BadScopes;

/// Parses the digest of a key, which must not be the operator's.
pub(super) fn digest(api: &Api, text: &str) -> Result<[u8; 32], Problem> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| {
        let told = "a digest is SHA-256 of the key: 64 hexadecimal digits";
        invalid("/digest", told)
    })?;
    if api.auth.is_operators(&digest) {
        return Err(invalid("/digest", "this key is taken"));
    }
    Ok(digest)
}

/// Problem for invalid scopes.
pub(super) fn bad_scopes(bad: &BadScopes) -> Problem {
    let pointer = match bad {
        BadScopes::None => "/scopes".to_owned(),
        BadScopes::Unknown(index) => format!("/scopes/{index}"),
    };
    Problem::fields(
        Code::InvalidField,
        vec![FieldError::new(pointer, bad.to_string())],
    )
}

/// Problem for an invalid field.
pub(super) fn invalid(pointer: &str, told: impl Into<String>) -> Problem {
    Problem::fields(Code::InvalidField, vec![FieldError::new(pointer, told)])
}
