//! API keys and signing secrets: how they are made and recognised.

use rand::RngExt;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

use hookgate_contract::profile::{MOST_RANDOM, SecretScheme};
use hookgate_domain::Secret;
use hookgate_domain::subscription::SigningSecret;

/// A new API key: its profile's prefix and 43 letters and digits, 256 bits from the system's generator.
pub fn new_api_key(prefix: &str) -> Secret {
    Secret::new(&format!(
        "{prefix}{}",
        Alphanumeric.sample_string(&mut rand::rng(), KEY_CHARACTERS)
    ))
}

/// A new signing secret as a profile has them, of random bytes from the system's generator.
pub(super) fn new_signing_secret(scheme: &SecretScheme) -> Secret {
    let random: [u8; MOST_RANDOM] = rand::rng().random();
    scheme.generate(random)
}

/// A new Ed25519 key as a profile has them; none where it has none.
pub(super) fn new_ed25519_secret(scheme: &SecretScheme) -> Option<Secret> {
    scheme.generate_ed25519(rand::rng().random())
}

/// A new signing secret of the kind of the one before.
pub(super) fn next_signing_secret(scheme: &SecretScheme, before: Option<&SigningSecret>) -> Secret {
    let ed25519 = before.filter(|before| scheme.is_ed25519(&before.secret));
    let made = ed25519.and_then(|_| new_ed25519_secret(scheme));
    made.unwrap_or_else(|| new_signing_secret(scheme))
}

/// What is kept of a key, and looked up by. A fast hash is enough: keys have 256 bits, there is nothing to guess.
pub fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// As many characters of a new key as of any, behind its prefix.
pub(super) fn hint_behind(prefix: &str, key: &str) -> String {
    let shown = prefix.chars().count() + HINT_CHARACTERS - PREFIX.len();
    key.chars().take(shown).chain(['…']).collect()
}

/// The first characters of a key, to tell keys apart without knowing them; of a short key none at all.
pub(super) fn hint(key: &str) -> String {
    if key.len() < 2 * HINT_CHARACTERS + SHORTEST_KEY {
        return NO_HINT.to_owned();
    }
    key.chars().take(HINT_CHARACTERS).chain(['…']).collect()
}

/// What is shown of a key of which nothing may be.
pub(super) const NO_HINT: &str = "…";

/// A key that somebody chose must be at least so long, in bytes.
pub(super) const SHORTEST_KEY: usize = 16;

/// log2(62^43) = 256.03.
const KEY_CHARACTERS: usize = 43;
const HINT_CHARACTERS: usize = 7;
/// Of keys of no profile.
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
