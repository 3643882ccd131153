//! Which store, by its address.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::store::group;

/// Where events are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `embedded:DIR`, `redis://…`, `rediss://…` (TLS) or `redis+cluster://…`. Left out: embedded, in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<StoreUrl>,
    /// How single operations are put together before they go to the store.
    pub commit: group::Config,
}

/// A store's address.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this machine.
    Embedded(PathBuf),
    /// A Redis, or a Redis Cluster by one of its nodes.
    Redis(Url),
}

/// The text is not a store's address.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a store; write embedded:DIR, redis://HOST:PORT/, rediss://HOST:PORT/ or redis+cluster://HOST:PORT/"
)]
pub struct BadStoreUrl(String);

impl FromStr for StoreUrl {
    type Err = BadStoreUrl;

    fn from_str(text: &str) -> Result<Self, BadStoreUrl> {
        if let Some(dir) = text.strip_prefix("embedded:") {
            return if dir.is_empty() {
                Err(BadStoreUrl(text.to_owned()))
            } else {
                Ok(Self::Embedded(dir.into()))
            };
        }
        // A text that fails may hold a password: only its scheme is said again.
        let scheme = text.split(':').next().unwrap_or_default();
        let bad = || BadStoreUrl(format!("{scheme}:…"));
        let url: Url = text.parse().map_err(|_| bad())?;
        let known = ["redis", "rediss", "redis+cluster", "rediss+cluster"].contains(&url.scheme());
        if known && url.has_host() {
            Ok(Self::Redis(url))
        } else {
            Err(bad())
        }
    }
}

impl StoreUrl {
    /// The embedded store of a data directory.
    pub fn in_dir(data_dir: &Path) -> Self {
        Self::Embedded(data_dir.join("store"))
    }
}

/// Without credentials.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(dir) => write!(f, "embedded:{}", dir.display()),
            Self::Redis(url) => {
                let mut shown = url.clone();
                // Both fail only for addresses that cannot have credentials.
                let _ = shown.set_password(None);
                let _ = shown.set_username("");
                shown.fmt(f)
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for StoreUrl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StoreUrl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(embedded:|rediss?(\\+cluster)?://).+",
            "examples": ["redis://127.0.0.1:6379/"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("embedded:/var/lib/hookgate", "embedded:/var/lib/hookgate"),
            ("redis://127.0.0.1:6379/", "redis://127.0.0.1:6379/"),
            (
                "rediss://user:pass@cache.example.com/2",
                "rediss://cache.example.com/2",
            ),
            ("redis+cluster://10.0.0.1:7000", "redis+cluster://10.0.0.1:7000"),
        ] {
            let url: StoreUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("pass"));
        }
        for text in [
            "",
            "embedded:",
            "mysql://x",
            "redis:",
            "redis://",
            "/var/lib",
            "mysql://u:pass@x/",
        ] {
            let error = text.parse::<StoreUrl>().expect_err(text).to_string();
            assert!(!error.contains("pass"), "{error}");
        }
    }
}
