//! API keys and signing secrets: generation and digests.

use rand::RngExt;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

use hookgate_contract::profile::{MOST_RANDOM, SecretScheme};
use hookgate_domain::Secret;
use hookgate_domain::subscription::SigningSecret;

/// Generates an API key: its profile's prefix and 43 letters and digits.
/// That is 256 bits from the system's generator.
pub fn new_api_key(prefix: &str) -> Secret {
    Secret::new(&format!(
        "{prefix}{}",
        Alphanumeric.sample_string(&mut rand::rng(), KEY_CHARACTERS)
    ))
}

/// Generates a signing secret in the profile's form, of random bytes from the system's generator.
pub(super) fn new_signing_secret(scheme: &SecretScheme) -> Secret {
    let random: [u8; MOST_RANDOM] = rand::rng().random();
    scheme.generate(random)
}

/// Generates an Ed25519 key in the profile's form; `None` if the profile has none.
pub(super) fn new_ed25519_secret(scheme: &SecretScheme) -> Option<Secret> {
    scheme.generate_ed25519(rand::rng().random())
}

/// Generates the next signing secret, of the same kind as the one before.
pub(super) fn next_signing_secret(scheme: &SecretScheme, before: Option<&SigningSecret>) -> Secret {
    let ed25519 = before.filter(|before| scheme.is_ed25519(&before.secret));
    let made = ed25519.and_then(|_| new_ed25519_secret(scheme));
    made.unwrap_or_else(|| new_signing_secret(scheme))
}

/// Digest of a key: its stored form, and the key of look-ups.
/// A fast hash suffices: keys have 256 bits of entropy and cannot be guessed.
pub fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Hint of a new key: as many characters behind its prefix as for any other prefix.
pub(super) fn hint_behind(prefix: &str, key: &str) -> String {
    let shown = prefix.chars().count() + HINT_CHARACTERS - PREFIX.len();
    key.chars().take(shown).chain(['…']).collect()
}

/// Hint of a key: its first characters, to tell keys apart; none of a short key.
pub(super) fn hint(key: &str) -> String {
    if key.len() < 2 * HINT_CHARACTERS + SHORTEST_KEY {
        return NO_HINT.to_owned();
    }
    key.chars().take(HINT_CHARACTERS).chain(['…']).collect()
}

/// Hint of a key that is too short to show any of it.
pub(super) const NO_HINT: &str = "…";

/// Minimum length of a key that was not generated here, in bytes.
pub(super) const SHORTEST_KEY: usize = 16;

/// Random characters of a key: log2(62^43) = 256.03 bits.
const KEY_CHARACTERS: usize = 43;
const HINT_CHARACTERS: usize = 7;
/// Prefix of keys without a profile.
pub const PREFIX: &str = "hg_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_different_and_hinted() {
        let (one, two) = (new_api_key(PREFIX), new_api_key(PREFIX));
        assert_ne!(one, two);
        assert_eq!(one.reveal().len(), 46);
        assert_eq!(hint(one.reveal()).chars().count(), 8);
        assert_eq!(hint("chosen-key-123456"), "…");
        let own = new_api_key("sk_live_");
        assert!(own.reveal().starts_with("sk_live_") && own.reveal().len() == 51);
        assert_eq!(hint_behind("sk_live_", own.reveal()).chars().count(), 13);
        assert_eq!(hint_behind(PREFIX, one.reveal()), hint(one.reveal()));
    }
}
