//! Cursors: a position as text that its tenant can send back and nobody else can use. Pure.
//!
//! The text carries a digest of the position, the tenant and what is listed. It keeps no secret (a tenant may read every
//! position of its own lists); it tells a cursor that was cut, changed or taken from elsewhere from one that was given out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::TenantId;
use crate::store::FeedPosition;

/// A place in one of a tenant's lists that are ordered like its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The position.
    pub position: FeedPosition,
    /// How many things at the position were given out already; 0 for the feed itself.
    pub given: u32,
}

/// The text is not a cursor of this tenant and list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not given out for this list")]
pub struct BadCursor;

impl Cursor {
    /// At a position, with nothing given out.
    pub fn at(position: FeedPosition) -> Self {
        Self { position, given: 0 }
    }

    /// As text, for a tenant and the list of this name.
    pub fn to_text(self, tenant: &TenantId, list: &str) -> String {
        let bytes = self.to_bytes();
        let mut all = bytes.to_vec();
        all.extend_from_slice(&check(&bytes, tenant, list));
        URL_SAFE_NO_PAD.encode(all)
    }

    /// From the text that `to_text` made for the same tenant and list.
    ///
    /// # Errors
    /// Any other text.
    pub fn from_text(text: &str, tenant: &TenantId, list: &str) -> Result<Self, BadCursor> {
        let all = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let (bytes, digest) = all.split_first_chunk::<BYTES>().ok_or(BadCursor)?;
        if digest != check(bytes, tenant, list) {
            return Err(BadCursor);
        }
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

fn check(bytes: &[u8; BYTES], tenant: &TenantId, list: &str) -> [u8; CHECK] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    // Neither a tenant's name nor a list's has a zero byte in it.
    for part in [tenant.as_str(), "\0", list] {
        hash.update(part.as_bytes());
    }
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash.finalize()[..CHECK]);
    check
}

const BYTES: usize = 20;
const CHECK: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_tenant_and_list_read_it() {
        let tenant = |name: &str| name.parse::<TenantId>().expect("a name");
        for (major, minor, given) in [(0, 0, 0), (1, 2, 3), (u64::MAX, u64::MAX, u32::MAX)] {
            let cursor = Cursor {
                position: FeedPosition { major, minor },
                given,
            };
            let text = cursor.to_text(&tenant("acme"), "events");
            assert_eq!(Cursor::from_text(&text, &tenant("acme"), "events"), Ok(cursor));
            assert!(Cursor::from_text(&text, &tenant("other"), "events").is_err());
            assert!(Cursor::from_text(&text, &tenant("acme"), "deliveries").is_err());
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
                    Cursor::from_text(wrong, &tenant("acme"), "events").is_err(),
                    "{wrong}"
                );
            }
        }
    }
}
