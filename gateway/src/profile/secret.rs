//! Signing secrets: their text, and the key that it stands for.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::file::{Encoding, SecretForm, SecretOwner};
use crate::domain::Secret;

/// What a profile's signing secrets look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretScheme {
    pub(super) form: SecretForm,
    pub(super) prefix: String,
    pub(super) encoding: Encoding,
    /// Random bytes of a generated one.
    pub(super) bytes: usize,
    /// Key bytes of a given one.
    pub(super) lengths: RangeInclusive<usize>,
    /// Whose they are.
    pub owner: SecretOwner,
}

/// The bytes that sign. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// The text is not a secret of this scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSigningKey {
    /// Without its beginning.
    #[error("a signing secret begins with `{0}`")]
    Prefix(String),
    /// Something else after it.
    #[error("a signing secret is `{prefix}` followed by {}", match encoding {
        Encoding::Base64 => "base64 (standard alphabet, with padding)",
        Encoding::Hex => "hexadecimal digits",
    })]
    Digits {
        /// What it begins with.
        prefix: String,
        /// What follows.
        encoding: Encoding,
    },
    /// A key that is too short to be safe or too long to be one.
    #[error("the key of a signing secret has {least} to {most} bytes; this one has {has}")]
    Length {
        /// What it has.
        has: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
}

impl SecretScheme {
    /// The key that a secret stands for.
    ///
    /// # Errors
    /// A text out of this scheme. The error does not repeat it.
    pub fn key(&self, secret: &Secret) -> Result<SigningKey, BadSigningKey> {
        let bytes = match self.form {
            SecretForm::Text => secret.reveal().as_bytes().to_vec(),
            SecretForm::Encoded => self.decode(secret.reveal())?,
        };
        if self.lengths.contains(&bytes.len()) {
            Ok(SigningKey(bytes))
        } else {
            Err(BadSigningKey::Length {
                has: bytes.len(),
                least: *self.lengths.start(),
                most: *self.lengths.end(),
            })
        }
    }

    /// A new secret's text from random bytes, of which it takes as many as it needs.
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
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[signing key]")
    }
}

/// The most random bytes that a generated secret takes.
pub const MOST_RANDOM: usize = 64;
/// The most bytes that a given secret may have.
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
        }
    }

    fn key(text: &str) -> Result<SigningKey, BadSigningKey> {
        whsec().key(&Secret::new(text))
    }

    #[test]
    fn what_is_made_is_read() {
        let made = whsec().generate([7; 64]);
        assert_eq!(made.reveal().len(), "whsec_".len() + 44);
        assert_eq!(key(made.reveal()).expect("valid").bytes(), [7; 32]);
        let hex = SecretScheme {
            encoding: Encoding::Hex,
            ..whsec()
        };
        let made = hex.generate([0xab; 64]);
        assert_eq!(made.reveal(), format!("whsec_{}", "ab".repeat(32)));
        assert_eq!(hex.key(&made).expect("valid").bytes(), [0xab; 32]);
    }

    #[test]
    fn the_whole_text_is_the_key() {
        let text = SecretScheme {
            form: SecretForm::Text,
            lengths: 1..=512,
            ..whsec()
        };
        let key = text.key(&Secret::new("whsec_xyz789...")).expect("valid");
        assert_eq!(key.bytes(), b"whsec_xyz789...");
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
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(shown, "Ok([signing key])");
    }
}
