//! Cursors: a position as text that only its tenant can use. Pure.
//!
//! The text contains a MAC (HMAC-SHA-256, RFC 2104, truncated to 8 bytes) of the position, the
//! tenant and the list, so that only cursors that the gateway returned are accepted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use hookgate_domain::TenantId;
use hookgate_store::FeedPosition;

/// Position in a tenant's list that is ordered like its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Position in the feed.
    pub position: FeedPosition,
    /// Number of items at the position that were returned already; 0 for the feed itself.
    pub given: u32,
}

/// Key of the cursors' MACs, the same in all gateways of a store. Not shown by `Debug`.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// Creates the key from a derived key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }
}

/// Error: the text is not a cursor of this tenant and list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not given out for this list")]
pub struct BadCursor;

impl Cursor {
    /// Creates the cursor of a position at which no item was returned.
    pub fn at(position: FeedPosition) -> Self {
        Self { position, given: 0 }
    }

    /// Encodes the cursor for a tenant and a list.
    pub fn to_text(self, key: &CursorKey, tenant: &TenantId, list: &str) -> String {
        let bytes = self.to_bytes();
        let mut all = bytes.to_vec();
        all.extend_from_slice(&mac(key, &bytes, tenant, list).finalize().into_bytes()[..CHECK]);
        URL_SAFE_NO_PAD.encode(all)
    }

    /// Decodes the text that `to_text` returned for the same tenant and list.
    ///
    /// # Errors
    /// The text is not a cursor of this tenant and list.
    pub fn from_text(text: &str, key: &CursorKey, tenant: &TenantId, list: &str) -> Result<Self, BadCursor> {
        if text.len() > MAX_TEXT {
            return Err(BadCursor);
        }
        let all = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let (bytes, code) = all.split_first_chunk::<BYTES>().ok_or(BadCursor)?;
        if code.len() != CHECK {
            return Err(BadCursor);
        }
        // In constant time.
        mac(key, bytes, tenant, list)
            .verify_truncated_left(code)
            .map_err(|_| BadCursor)?;
        Ok(Self::from_bytes(bytes))
    }

    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&self.position.major.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.position.minor.to_be_bytes());
        bytes[16..].copy_from_slice(&self.given.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        let number =
            |range: std::ops::Range<usize>| bytes[range].iter().fold(0_u64, |n, &b| (n << 8) | u64::from(b));
        let position = FeedPosition {
            major: number(0..8),
            minor: number(8..16),
        };
        Self {
            position,
            given: u32::try_from(number(16..20)).unwrap_or(u32::MAX),
        }
    }
}

fn mac(key: &CursorKey, bytes: &[u8; BYTES], tenant: &TenantId, list: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of every length");
    mac.update(bytes);
    // Names of tenants and lists contain no zero byte.
    for part in [tenant.as_str(), "\0", list] {
        mac.update(part.as_bytes());
    }
    mac
}

const BYTES: usize = 20;
const CHECK: usize = 8;
/// Maximum length of a cursor in characters.
const MAX_TEXT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CursorKey = CursorKey::new([7; 32]);

    #[test]
    fn only_its_own_tenant_and_list_read_it() {
        let tenant = |name: &str| name.parse::<TenantId>().expect("a name");
        for (major, minor, given) in [(0, 0, 0), (1, 2, 3), (u64::MAX, u64::MAX, u32::MAX)] {
            let cursor = Cursor {
                position: FeedPosition { major, minor },
                given,
            };
            let text = cursor.to_text(&KEY, &tenant("acme"), "events");
            assert_eq!(
                Cursor::from_text(&text, &KEY, &tenant("acme"), "events"),
                Ok(cursor)
            );
            assert!(Cursor::from_text(&text, &KEY, &tenant("other"), "events").is_err());
            let other = CursorKey::new([8; 32]);
            assert!(Cursor::from_text(&text, &other, &tenant("acme"), "events").is_err());
            assert!(Cursor::from_text(&text, &KEY, &tenant("acme"), "deliveries").is_err());
            for wrong in [
                "",
                "x",
                "nonsense",
                &text[1..],
                &text[..text.len() - 1],
                &text.to_lowercase(),
                &format!("{text}A"),
            ] {
                assert!(
                    Cursor::from_text(wrong, &KEY, &tenant("acme"), "events").is_err(),
                    "{wrong}"
                );
            }
        }
    }
}
