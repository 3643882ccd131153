//! Signing secrets: the format of their text, and the keys that they encode.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::file::{Encoding, SecretForm, SecretOwner};
use hookgate_domain::Secret;

/// Format of a profile's signing secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretScheme {
    pub(super) form: SecretForm,
    pub(super) prefix: String,
    pub(super) encoding: Encoding,
    /// Random bytes of a generated secret.
    pub(super) bytes: usize,
    /// Allowed numbers of key bytes in a given secret.
    pub(super) lengths: RangeInclusive<usize>,
    /// Owner of the secrets.
    pub owner: SecretOwner,
    /// Prefixes of Ed25519 keys; `None` if the profile has none.
    pub(super) ed25519: Option<KeyPrefixes>,
}

/// Prefixes of the texts of Ed25519 keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPrefixes {
    pub secret: String,
    pub public: String,
}

/// Signing key, hidden from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Kind);

/// Kind of a signing key.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Symmetric MAC key.
    Mac(Vec<u8>),
    /// Seed of an Ed25519 key (RFC 8032 §5.1.5).
    Pair([u8; 32]),
    /// Ed25519 public key, which verifies and cannot sign.
    Public([u8; 32]),
}

/// Error: the text is not a secret of this scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSigningKey {
    /// Missing prefix.
    #[error("a signing secret begins with `{0}`")]
    Prefix(String),
    /// Wrong encoding after the prefix.
    #[error("a signing secret is `{prefix}` followed by {}", match encoding {
        Encoding::Base64 => "base64 (standard alphabet, with padding)",
        Encoding::Hex => "hexadecimal digits",
    })]
    Digits {
        /// Expected prefix.
        prefix: String,
        /// Expected encoding after the prefix.
        encoding: Encoding,
    },
    /// Not an Ed25519 key.
    #[error("an Ed25519 key is `{0}` followed by the base64 of 32 bytes, or of 64 with the public key")]
    Ed25519(String),
    /// Key that is too short to be safe, or too long.
    #[error("the key of a signing secret has {least} to {most} bytes; this one has {has}")]
    Length {
        /// Number of bytes.
        has: usize,
        /// Minimum number of bytes.
        least: usize,
        /// Maximum number of bytes.
        most: usize,
    },
}

impl SecretScheme {
    /// Key of a secret.
    ///
    /// # Errors
    /// The text does not match this scheme. The error does not repeat it.
    pub fn key(&self, secret: &Secret) -> Result<SigningKey, BadSigningKey> {
        if let Some(prefixes) = self.ed25519.as_ref().filter(|_| self.is_ed25519(secret)) {
            return seed(prefixes, secret).map(|seed| SigningKey(Kind::Pair(seed)));
        }
        let bytes = match self.form {
            SecretForm::Text => secret.reveal().as_bytes().to_vec(),
            SecretForm::Encoded => self.decode(secret.reveal())?,
        };
        if self.lengths.contains(&bytes.len()) {
            Ok(SigningKey(Kind::Mac(bytes)))
        } else {
            Err(BadSigningKey::Length {
                has: bytes.len(),
                least: *self.lengths.start(),
                most: *self.lengths.end(),
            })
        }
    }

    /// Verification key of a receiver, from a secret or a public key.
    ///
    /// # Errors
    /// The text does not match this scheme. The error does not repeat it.
    pub fn verifying_key(&self, secret: &Secret) -> Result<SigningKey, BadSigningKey> {
        let public = self.ed25519.as_ref().map(|prefixes| prefixes.public.as_str());
        match public.and_then(|prefix| Some((prefix, secret.reveal().strip_prefix(prefix)?))) {
            None => self.key(secret),
            Some((prefix, digits)) => match BASE64.decode(digits).ok().and_then(|key| key.try_into().ok()) {
                Some(key) => Ok(SigningKey(Kind::Public(key))),
                None => Err(BadSigningKey::Ed25519(prefix.to_owned())),
            },
        }
    }

    /// Returns `true` if a secret is an Ed25519 key.
    pub fn is_ed25519(&self, secret: &Secret) -> bool {
        let prefixes = self.ed25519.as_ref();
        prefixes.is_some_and(|prefixes| secret.reveal().starts_with(&prefixes.secret))
    }

    /// Public key of an Ed25519 key, in the form for receivers; `None` for other secrets.
    pub fn public_key(&self, secret: &Secret) -> Option<String> {
        let prefixes = self.ed25519.as_ref().filter(|_| self.is_ed25519(secret))?;
        let public = public_of(&seed(prefixes, secret).ok()?);
        Some(format!("{}{}", prefixes.public, BASE64.encode(public)))
    }

    /// Generates an Ed25519 key from random bytes; `None` if the profile has no Ed25519 signatures.
    pub fn generate_ed25519(&self, random: [u8; 32]) -> Option<Secret> {
        let prefixes = self.ed25519.as_ref()?;
        Some(Secret::new(&format!(
            "{}{}",
            prefixes.secret,
            BASE64.encode(random)
        )))
    }

    /// Generates the text of a secret from as many of the random bytes as it needs.
    pub fn generate(&self, random: [u8; MOST_RANDOM]) -> Secret {
        let random = &random[..self.bytes.min(MOST_RANDOM)];
        let digits = match self.encoding {
            Encoding::Base64 => BASE64.encode(random),
            Encoding::Hex => hex::encode(random),
        };
        Secret::new(&format!("{}{digits}", self.prefix))
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, BadSigningKey> {
        let prefix = || self.prefix.clone();
        let digits = text
            .strip_prefix(&self.prefix)
            .ok_or_else(|| BadSigningKey::Prefix(prefix()))?;
        let bytes = match self.encoding {
            Encoding::Base64 => BASE64.decode(digits).ok(),
            Encoding::Hex => hex::decode(digits).ok(),
        };
        bytes.ok_or_else(|| BadSigningKey::Digits {
            prefix: prefix(),
            encoding: self.encoding,
        })
    }
}

impl SigningKey {
    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }

    /// Bytes of a MAC key.
    pub(super) fn mac(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Mac(bytes) => Some(bytes),
            Kind::Pair(_) | Kind::Public(_) => None,
        }
    }
}

impl Kind {
    /// Public key of an Ed25519 key.
    pub fn public(&self) -> Option<[u8; 32]> {
        match self {
            Self::Mac(_) => None,
            Self::Pair(seed) => Some(public_of(seed)),
            Self::Public(key) => Some(*key),
        }
    }
}

/// Reads the seed of a text with 32 bytes, or with 64 bytes that end with the public key.
fn seed(prefixes: &KeyPrefixes, secret: &Secret) -> Result<[u8; 32], BadSigningKey> {
    let bad = || BadSigningKey::Ed25519(prefixes.secret.clone());
    let digits = secret.reveal().strip_prefix(&prefixes.secret).ok_or_else(bad)?;
    let bytes = BASE64.decode(digits).map_err(|_| bad())?;
    let (seed, public) = bytes.split_first_chunk::<32>().ok_or_else(bad)?;
    if public.is_empty() || *public == public_of(seed) {
        Ok(*seed)
    } else {
        Err(bad())
    }
}

fn public_of(seed: &[u8; 32]) -> [u8; 32] {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
    let public = pair.public_key().as_ref();
    public.try_into().expect("a public key has 32 bytes")
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[signing key]")
    }
}

/// Maximum number of random bytes for a generated secret.
pub const MOST_RANDOM: usize = 64;
/// Maximum number of bytes in a given secret.
pub(super) const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn whsec() -> SecretScheme {
        SecretScheme {
            form: SecretForm::Encoded,
            prefix: "whsec_".into(),
            encoding: Encoding::Base64,
            bytes: 32,
            lengths: 24..=64,
            owner: SecretOwner::Subscription,
            ed25519: Some(KeyPrefixes {
                secret: "whsk_".into(),
                public: "whpk_".into(),
            }),
        }
    }

    fn key(text: &str) -> Result<SigningKey, BadSigningKey> {
        whsec().key(&Secret::new(text))
    }

    #[test]
    fn what_is_made_is_read() {
        let made = whsec().generate([7; 64]);
        assert_eq!(made.reveal().len(), "whsec_".len() + 44);
        assert_eq!(key(made.reveal()).expect("valid").mac(), Some(&[7; 32][..]));
        let hex = SecretScheme {
            encoding: Encoding::Hex,
            ..whsec()
        };
        let made = hex.generate([0xab; 64]);
        assert_eq!(made.reveal(), format!("whsec_{}", "ab".repeat(32)));
        assert_eq!(hex.key(&made).expect("valid").mac(), Some(&[0xab; 32][..]));
    }

    #[test]
    fn the_whole_text_is_the_key() {
        let text = SecretScheme {
            form: SecretForm::Text,
            lengths: 1..=512,
            ..whsec()
        };
        let key = text.key(&Secret::new("whsec_xyz789...")).expect("valid");
        assert_eq!(key.mac(), Some(&b"whsec_xyz789..."[..]));
        assert!(text.key(&Secret::new("")).is_err());
    }

    #[test]
    fn bounds() {
        let of = |length: usize| format!("whsec_{}", BASE64.encode(vec![1; length]));
        let digits = BadSigningKey::Digits {
            prefix: "whsec_".into(),
            encoding: Encoding::Base64,
        };
        let length = |has| BadSigningKey::Length {
            has,
            least: 24,
            most: 64,
        };
        let prefix = BadSigningKey::Prefix("whsec_".into());
        assert!(key(&of(24)).is_ok() && key(&of(64)).is_ok());
        for (text, expected) in [
            (of(23), length(23)),
            (of(65), length(65)),
            ("whsec_".into(), length(0)),
            ("whsec_not base64".into(), digits),
            (of(24).replace("whsec_", "secret_"), prefix.clone()),
            (String::new(), prefix),
        ] {
            assert_eq!(key(&text), Err(expected), "{text}");
        }
    }

    #[test]
    fn ed25519_keys() {
        let scheme = whsec();
        let made = scheme.generate_ed25519([7; 32]).expect("the scheme has them");
        assert!(made.reveal().starts_with("whsk_") && made.reveal().len() == 5 + 44);
        let public = scheme.public_key(&made).expect("it has one");
        assert!(public.starts_with("whpk_") && public.len() == 5 + 44);
        let verifying = scheme.verifying_key(&Secret::new(&public)).expect("it is one");
        assert_eq!(
            verifying.kind().public(),
            scheme.key(&made).expect("valid").kind().public()
        );
        assert!(
            scheme.key(&Secret::new(&public)).is_err(),
            "a public key is no secret"
        );
        let longer = format!("whsk_{}", BASE64.encode([7; 64]));
        for text in ["whsk_", "whsk_?", "whsk_AAAA", longer.as_str()] {
            let refused = scheme.key(&Secret::new(text));
            assert_eq!(refused, Err(BadSigningKey::Ed25519("whsk_".into())), "{text}");
        }
        let none = SecretScheme {
            ed25519: None,
            ..whsec()
        };
        assert!(none.generate_ed25519([7; 32]).is_none() && none.public_key(&made).is_none());
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(shown, "Ok([signing key])");
    }
}
