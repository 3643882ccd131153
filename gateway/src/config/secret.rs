//! A secret in the configuration: written in the file, or a reference to an environment variable.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use hookgate_domain::Secret;

/// A secret string, or `env:NAME` for one in an environment variable. Never shown: it serialises to
/// `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// The environment variable of a secret is not set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the environment variable `{0}` is not set")]
pub struct NotSet(String);

impl SecretText {
    /// Reads the secret.
    ///
    /// # Errors
    /// `env:NAME` without such a variable.
    pub fn resolve(&self) -> Result<Secret, NotSet> {
        match self.0.strip_prefix(ENVIRONMENT) {
            None => Ok(Secret::new(&self.0)),
            Some(name) => match std::env::var(name) {
                Ok(text) => Ok(Secret::new(&text)),
                Err(_) => Err(NotSet(name.to_owned())),
            },
        }
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
        let named = self.0.starts_with(ENVIRONMENT);
        serializer.serialize_str(if named { &self.0 } else { "[secret]" })
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A secret, or `env:NAME`.", "examples": ["env:ACME_KEY"] })
    }
}

const ENVIRONMENT: &str = "env:";

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
        assert_eq!(missing.resolve(), Err(NotSet("HG_NO_SUCH_VARIABLE".to_owned())));
    }
}
