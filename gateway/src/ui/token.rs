//! Texts of codes and tokens: random characters with a MAC of the gateway. Pure.
//!
//! The MAC (HMAC-SHA-256, RFC 2104, truncated to 8 bytes) is checked before the store is read, so that
//! requests with invented tokens cost no read.

use hmac::{Hmac, KeyInit, Mac};
use rand::distr::{Alphanumeric, SampleString};
use sha2::Sha256;

use hookgate_domain::Secret;

/// Key of the MACs of codes and tokens, the same in all gateways of a store. Not shown by `Debug`.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// Creates the key from a derived key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Creates a text: the prefix, [`RANDOM`] random characters, and their MAC in hexadecimal digits.
    pub(super) fn create(&self, prefix: &str) -> Secret {
        let random = Alphanumeric.sample_string(&mut rand::rng(), RANDOM);
        let mac = self.mac(prefix, &random).finalize().into_bytes();
        Secret::new(&format!("{prefix}{random}{}", hex::encode(&mac[..MAC / 2])))
    }

    /// Returns `true` if a gateway with this key created the text.
    pub(super) fn created(&self, prefix: &str, text: &str) -> bool {
        let parts = text
            .strip_prefix(prefix)
            .filter(|rest| has_form(rest))
            .map(|rest| rest.split_at(RANDOM));
        let Some((random, mac)) = parts else {
            return false;
        };
        // In constant time.
        hex::decode(mac).is_ok_and(|mac| self.mac(prefix, random).verify_truncated_left(&mac).is_ok())
    }

    fn mac(&self, prefix: &str, random: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        for part in [prefix, "\0", random] {
            mac.update(part.as_bytes());
        }
        mac
    }
}

/// Returns `true` if a text has the form of a code, which is that of a token without its prefix.
pub(super) fn has_form(text: &str) -> bool {
    text.len() == RANDOM + MAC && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Random characters: log2(62^43) = 256.03 bits.
const RANDOM: usize = 43;
/// Hexadecimal digits of the MAC.
const MAC: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_key_created_is_accepted() {
        let key = TokenKey::new([7; 32]);
        let secret = key.create("hgs_");
        let text = secret.reveal();
        assert!(has_form(&text[4..]), "{text}");
        assert!(key.created("hgs_", text));
        assert_ne!(key.create("hgs_").reveal(), text);
        assert!(!TokenKey::new([8; 32]).created("hgs_", text));
        // A code is no token, and a token no code.
        assert!(!key.created("", &text[4..]));
        assert!(!key.created("hgs_", &format!("hgs_{}", key.create("").reveal())));
        for at in 4..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).expect("ASCII");
            assert!(!key.created("hgs_", &other), "{at}");
        }
        let long = format!("{text}0");
        for wrong in ["", "hgs_", "hgs_é", &text[..text.len() - 1], &text[1..], &long] {
            assert!(!key.created("hgs_", wrong), "{wrong}");
        }
    }
}
