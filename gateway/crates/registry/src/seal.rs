//! Encryption of secrets at rest, with a key that the store never has.
//!
//! # Motivation
//! Subscriptions' secrets and header values must be readable again, to sign and to send. A copy of
//! the store (a backup, a Redis that others can read) must not reveal them.
//!
//! # Method
//! XChaCha20-Poly1305 with a random 24-byte nonce, so that the number of texts under one key is not
//! limited. Each text is bound to its location (tenant and entry): it does not open at another one.
//! A ring has several keys, each with an id that is part of the sealed text; the first key seals,
//! all keys open. A key is rotated by prepending a new one and resealing everything (`keyring`).
//! The ring can be replaced while the gateway runs; every clone uses the new one.
//!
//! Stored form: `v1.KEYID.BASE64URL(nonce ‖ ciphertext ‖ tag)`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand::RngExt;
use sha2::{Digest, Sha256};

use hookgate_domain::Secret;

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    ring: Arc<ArcSwap<Ring>>,
}

/// Key ring: at least one key; the first one seals.
#[derive(Clone)]
pub struct Ring(Arc<[SealingKey]>);

struct SealingKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// Error of opening a sealed text, or of parsing a key ring.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// The ring has no key of this id.
    #[error("no sealing key with the id `{0}` is in the ring")]
    KeyUnknown(String),
    /// The text was modified, or belongs to another location.
    #[error("the sealed text was changed, or belongs to another place")]
    Broken,
    /// The text does not have the form of a sealed text.
    #[error("the text is not a sealed one")]
    Malformed,
    /// A line of the ring's text is not a key.
    #[error("a sealing key is 32 bytes in base64 (44 characters); line {0} is not")]
    BadKey(usize),
    /// The ring has no keys.
    #[error("there is no sealing key")]
    NoKey,
}

impl Sealer {
    /// Creates a sealer with this ring.
    pub fn new(ring: Ring) -> Self {
        Self {
            ring: Arc::new(ArcSwap::from_pointee(ring)),
        }
    }

    /// Generates a ring of one random key, and its text to be stored.
    pub fn generate() -> (Self, Secret) {
        let text = new_key();
        let ring = text.reveal().parse().expect("a new key is one");
        (Self::new(ring), text)
    }

    /// Current ring.
    pub fn ring(&self) -> Ring {
        Ring::clone(&self.ring.load())
    }

    /// Replaces the ring, in every clone.
    pub fn replace(&self, ring: Ring) {
        self.ring.store(Arc::new(ring));
    }

    /// Seals a text for a location.
    pub fn seal(&self, place: &str, secret: &Secret) -> String {
        let ring = self.ring.load();
        let key = &ring.0[0];
        let nonce: [u8; NONCE_BYTES] = rand::rng().random();
        let payload = Payload {
            msg: secret.reveal().as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a text in memory is shorter than the cipher's limit of 256 GiB");
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        format!("v1.{}.{}", key.id, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a text that was sealed for this location.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, place: &str, sealed: &str) -> Result<Secret, SealError> {
        let (id, text) = parts(sealed)?;
        let ring = self.ring.load();
        let key = ring.0.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| SealError::KeyUnknown(id.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Malformed)?;
        let (nonce, msg) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::Malformed)?;
        let payload = Payload {
            msg,
            aad: place.as_bytes(),
        };
        let opened = key.cipher.decrypt(&XNonce::from(*nonce), payload);
        let opened = opened.map_err(|_| SealError::Broken)?;
        let text = std::str::from_utf8(&opened).map_err(|_| SealError::Malformed)?;
        Ok(Secret::new(text))
    }

    /// Id of the key that sealed a text.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn key_of(sealed: &str) -> Result<&str, SealError> {
        parts(sealed).map(|(id, _)| id)
    }
}

impl Ring {
    /// Ids of the keys, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// Id of the sealing key.
    pub fn sealing(&self) -> &str {
        &self.0[0].id
    }

    /// Returns `true` if the ring has a key of this id.
    pub fn has(&self, id: &str) -> bool {
        self.ids().any(|own| own == id)
    }
}

/// Generates a key in the form of a ring's text: 32 bytes from the system's generator, in base64.
pub fn new_key() -> Secret {
    let bytes: [u8; 32] = rand::rng().random();
    Secret::new(&STANDARD.encode(bytes))
}

/// Id of the key on a line of a ring's text: a prefix of its SHA-256. `None` for a line without a
/// key.
pub fn id_on_line(line: &str) -> Option<String> {
    let bytes: [u8; 32] = STANDARD.decode(line.trim()).ok()?.try_into().ok()?;
    Some(SealingKey::new(bytes).id)
}

fn parts(sealed: &str) -> Result<(&str, &str), SealError> {
    let rest = sealed.strip_prefix("v1.").ok_or(SealError::Malformed)?;
    rest.split_once('.').ok_or(SealError::Malformed)
}

/// Text form: one key per line, each 32 bytes in base64, the sealing one first.
/// Empty lines and lines that begin with `#` are skipped.
impl FromStr for Ring {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut ring = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
            ring.push(SealingKey::new(bytes.ok_or(SealError::BadKey(index + 1))?));
        }
        if ring.is_empty() {
            return Err(SealError::NoKey);
        }
        Ok(Self(ring.into()))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.ring.load(), f)
    }
}

/// Shows the ids of the keys only.
impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl SealingKey {
    fn new(bytes: [u8; 32]) -> Self {
        let id = hex::encode(&Sha256::digest(bytes)[..4]);
        let cipher = XChaCha20Poly1305::new(&Key::from(bytes));
        Self { id, cipher }
    }
}

const NONCE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_where_it_belongs_and_unchanged() {
        let (sealer, _) = Sealer::generate();
        let secret = Secret::new("whsec_abc");
        let sealed = sealer.seal("acme/sub_1/secret", &secret);
        assert!(!sealed.contains("whsec"));
        assert_ne!(sealed, sealer.seal("acme/sub_1/secret", &secret));
        assert_eq!(sealer.open("acme/sub_1/secret", &sealed), Ok(secret));
        assert_eq!(
            sealer.open("globex/sub_1/secret", &sealed),
            Err(SealError::Broken)
        );
        let mut changed = sealed.clone();
        let last = if changed.pop() == Some('A') { 'Q' } else { 'A' };
        changed.push(last);
        assert!(sealer.open("acme/sub_1/secret", &changed).is_err());
        for text in ["", "v1.", "v2.x.y", "plain"] {
            assert_eq!(sealer.open("", text), Err(SealError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_rotated_ring_opens_the_old_and_seals_with_the_new() {
        let (old, old_text) = Sealer::generate();
        let (new, new_text) = Sealer::generate();
        let sealed = old.seal("p", &Secret::new("s"));
        let text = format!("# newest first\n{}\n\n{}\n", new_text.reveal(), old_text.reveal());
        let clone = old.clone();
        old.replace(text.parse().unwrap());
        assert_eq!(clone.open("p", &sealed), Ok(Secret::new("s")));
        let again = clone.seal("p", &Secret::new("s"));
        assert_eq!(Sealer::key_of(&again), Ok(new.ring().sealing()));
        assert_eq!(new.open("p", &again), Ok(Secret::new("s")));
        assert!(matches!(new.open("p", &sealed), Err(SealError::KeyUnknown(_))));
        let ids: Vec<_> = text.lines().filter_map(id_on_line).collect();
        assert_eq!(clone.ring().ids().collect::<Vec<_>>(), ids);
        assert!(!format!("{clone:?}").contains(new_text.reveal()));
    }

    #[test]
    fn rings_that_are_none() {
        assert_eq!("".parse::<Ring>().unwrap_err(), SealError::NoKey);
        assert_eq!("# x\nabc".parse::<Ring>().unwrap_err(), SealError::BadKey(2));
    }
}
