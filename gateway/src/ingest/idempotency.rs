//! `Idempotency-Key` of a producer: a repeated request with the same key is accepted once.

use http::HeaderMap;
use sha2::{Digest, Sha256};

use hookgate_domain::Timestamp;
use hookgate_store::Idempotency;

use super::format::Format;

/// Name that a store keeps a key of a tenant under which was made then.
pub fn stored_key(key: &str, since: Timestamp) -> String {
    format!("{:x}.{key}", since.as_micros())
}

/// The key with what tells this request from another: its form, its CloudEvents attributes and its bytes. `since`: when the tenant
/// was made; one that was deleted and made again has other keys.
pub(super) fn of(
    key: &str,
    since: Timestamp,
    format: Format,
    headers: &HeaderMap,
    body: &[u8],
) -> Idempotency {
    let mut hash = Sha256::new();
    hash.update([format as u8]);
    if format == Format::Binary {
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("ce-"))
        {
            hash.update(name.as_str());
            hash.update([0]);
            hash.update(value.as_bytes());
            hash.update([0]);
        }
    }
    hash.update(body);
    Idempotency {
        key: stored_key(key, since),
        fingerprint: hash.finalize().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_requests_apart() {
        let mut one = HeaderMap::new();
        one.insert("ce-id", "1".parse().expect("a value"));
        let mut two = HeaderMap::new();
        two.insert("ce-id", "2".parse().expect("a value"));
        let print = |format, headers: &HeaderMap, body: &str| {
            of("k", Timestamp::from_micros(1), format, headers, body.as_bytes()).fingerprint
        };
        assert_eq!(print(Format::Native, &one, "a"), print(Format::Native, &two, "a"));
        assert_ne!(print(Format::Native, &one, "a"), print(Format::Native, &one, "b"));
        assert_ne!(
            print(Format::Native, &one, "a"),
            print(Format::Structured, &one, "a")
        );
        assert_ne!(print(Format::Binary, &one, "a"), print(Format::Binary, &two, "a"));
    }
}
