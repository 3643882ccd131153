//! Signing secrets: their text, and the key that it stands for.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::domain::Secret;

/// How a secret's text stands for key bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// `whsec_` and the base64 of 24 to 64 bytes (Standard Webhooks, "Signature scheme").
    Whsec,
    /// The text's own bytes.
    Text,
}

/// The bytes that sign. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// The text is not a secret of this form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSigningKey {
    /// Without its beginning.
    #[error("a signing secret begins with `whsec_`")]
    Prefix,
    /// Something else after it.
    #[error("a signing secret is `whsec_` followed by base64 (standard alphabet, with padding)")]
    NotBase64,
    /// A key that is too short to be safe or too long to be one.
    #[error("a signing secret is the base64 of 24 to 64 bytes; this one has {0}")]
    Length(usize),
    /// No text.
    #[error("a signing secret is not empty")]
    Empty,
}

impl SecretForm {
    /// The key that a secret stands for.
    ///
    /// # Errors
    /// A text out of this form. The error does not repeat it.
    pub fn key(self, secret: &Secret) -> Result<SigningKey, BadSigningKey> {
        let text = secret.reveal();
        match self {
            Self::Text if text.is_empty() => Err(BadSigningKey::Empty),
            Self::Text => Ok(SigningKey(text.as_bytes().to_vec())),
            Self::Whsec => {
                let digits = text.strip_prefix(PREFIX).ok_or(BadSigningKey::Prefix)?;
                let bytes = BASE64.decode(digits).map_err(|_| BadSigningKey::NotBase64)?;
                if LENGTHS.contains(&bytes.len()) {
                    Ok(SigningKey(bytes))
                } else {
                    Err(BadSigningKey::Length(bytes.len()))
                }
            }
        }
    }

    /// A new secret's text from 32 random bytes.
    pub fn generate(self, random: [u8; 32]) -> Secret {
        // Products that take any text take this one too.
        match self {
            Self::Whsec | Self::Text => Secret::new(&format!("{PREFIX}{}", BASE64.encode(random))),
        }
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

const PREFIX: &str = "whsec_";
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SigningKey, BadSigningKey> {
        SecretForm::Whsec.key(&Secret::new(text))
    }

    #[test]
    fn what_is_made_is_read() {
        let made = SecretForm::Whsec.generate([7; 32]);
        assert_eq!(made.reveal().len(), PREFIX.len() + 44);
        assert_eq!(key(made.reveal()).expect("valid").bytes(), [7; 32]);
    }

    #[test]
    fn bounds() {
        let of = |length: usize| format!("whsec_{}", BASE64.encode(vec![1; length]));
        assert!(key(&of(24)).is_ok() && key(&of(64)).is_ok());
        for (text, expected) in [
            (of(23), BadSigningKey::Length(23)),
            (of(65), BadSigningKey::Length(65)),
            ("whsec_".into(), BadSigningKey::Length(0)),
            ("whsec_not base64".into(), BadSigningKey::NotBase64),
            (of(24).replace("whsec_", "secret_"), BadSigningKey::Prefix),
            (String::new(), BadSigningKey::Prefix),
        ] {
            assert_eq!(key(&text), Err(expected), "{text}");
        }
        assert_eq!(SecretForm::Text.key(&Secret::new("")), Err(BadSigningKey::Empty));
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(shown, "Ok([signing key])");
    }
}
