//! A secret in the configuration: written in the file, or named there and kept in the environment or in a file of its own.

use std::borrow::Cow;
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use hookgate_domain::Secret;

/// A secret text, `env:NAME` for one that stands in an environment variable, or `file:PATH` for one that a file holds (without
/// the line break at its end). Shown nowhere: it serialises to `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// A secret that is not where the configuration says.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// The environment variable is not there.
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("the file {} cannot be read: {reason}", file.display())]
    Unreadable {
        /// Path of the file.
        file: PathBuf,
        /// Error message of the system.
        reason: String,
    },
    /// The file is empty, or larger than any secret.
    #[error("the file {} is empty or larger than {} KiB", file.display(), LARGEST_FILE >> 10)]
    NoSecret {
        /// Path of the file.
        file: PathBuf,
    },
}

impl SecretText {
    /// Reads the secret.
    ///
    /// # Errors
    /// `env:NAME` without such a variable, `file:PATH` without a readable file.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        Ok(Secret::new(&resolve(&self.0)?))
    }
}

/// Text that `env:NAME` or `file:PATH` stands for; any other text itself.
pub(super) fn resolve(text: &str) -> Result<Cow<'_, str>, SecretError> {
    if let Some(name) = text.strip_prefix(ENVIRONMENT) {
        let value = std::env::var(name);
        return value
            .map(Cow::Owned)
            .map_err(|_| SecretError::NotSet(name.to_owned()));
    }
    match text.strip_prefix(FILE) {
        Some(path) => read(path.into()).map(Cow::Owned),
        None => Ok(Cow::Borrowed(text)),
    }
}

/// Tells whether the text names a place of a secret, and so holds none.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with(ENVIRONMENT) || text.starts_with(FILE)
}

fn read(file: PathBuf) -> Result<String, SecretError> {
    let mut text = String::new();
    let opened = std::fs::File::open(&file);
    let read = opened.and_then(|opened| opened.take(LARGEST_FILE + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(SecretError::Unreadable {
            file,
            reason: error.to_string(),
        }),
        Ok(_) if text.len() as u64 > LARGEST_FILE || text.trim_end().is_empty() => {
            Err(SecretError::NoSecret { file })
        }
        Ok(_) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Accepts numbers and booleans too: an environment variable that looks like one is still a string.
impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "a text")]
        enum Scalar {
            Text(String),
            Number(i64),
            Truth(bool),
        }
        Ok(Self(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        }))
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if is_reference(&self.0) {
            &self.0
        } else {
            "[secret]"
        })
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A secret, `env:NAME` or `file:PATH`.", "examples": ["file:/run/secrets/acme-key"] })
    }
}

const ENVIRONMENT: &str = "env:";
const FILE: &str = "file:";
/// Bytes of the largest file of a secret.
const LARGEST_FILE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_nowhere() {
        let secret: SecretText = serde_json::from_str("\"hg_abc\"").unwrap();
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[secret]\"");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.resolve(), Ok(Secret::new("hg_abc")));
    }

    #[test]
    fn read_from_the_environment() {
        let there: SecretText = serde_json::from_str("\"env:PATH\"").unwrap();
        assert!(!there.resolve().unwrap().reveal().is_empty());
        let missing: SecretText = serde_json::from_str("\"env:HG_NO_SUCH_VARIABLE\"").unwrap();
        assert_eq!(
            missing.resolve(),
            Err(SecretError::NotSet("HG_NO_SUCH_VARIABLE".to_owned()))
        );
    }

    #[test]
    fn read_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let text = format!("file:{}", path.display());
        let secret: SecretText = serde_json::from_value(text.clone().into()).unwrap();
        assert_eq!(
            serde_json::to_value(&secret).unwrap(),
            text,
            "a place is no secret"
        );
        let missing = secret.resolve().unwrap_err().to_string();
        assert!(missing.contains(&path.display().to_string()), "{missing}");
        for (content, expected) in [
            ("hg_abc\n", Some("hg_abc")),
            ("one\ntwo\r\n", Some("one\ntwo")),
            ("\n", None),
            (&"x".repeat(70_000), None),
        ] {
            std::fs::write(&path, content).unwrap();
            let resolved = secret.resolve();
            assert_eq!(resolved.ok().as_ref().map(Secret::reveal), expected);
        }
    }
}
