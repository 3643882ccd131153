//! Configuration of the store: its address and the settings of each kind.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{embedded, group, redis};

/// Store of events: its address and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `embedded:DIR` on this machine; `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` over TLS; for a
    /// cluster `redis+cluster://HOST[:PORT][,HOST…]`, or `rediss+cluster://`; `file:PATH` or `env:NAME` where one of these is
    /// written. Left out: embedded, in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<StoreUrl>,
    /// Accepts an empty or different store in place of the known one.
    /// The data directory knows which store was used at this address. A start without this flag
    /// refuses another one: its tenants would be gone, and every key unknown. Meant for one start,
    /// by the flag `--new-store`.
    pub accept_new: bool,
    /// Batching of single operations before they go to the store.
    pub commit: group::Config,
    /// Settings of the embedded store.
    pub embedded: embedded::Config,
    /// Settings of a Redis store.
    pub redis: redis::Config,
}

/// Parsed address of a store.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Embedded store: a directory of this machine.
    Embedded(PathBuf),
    /// Single Redis server.
    Redis(Url),
    /// Redis cluster, by some of its nodes: at least one.
    Cluster(Vec<Url>),
}

/// Text that is not a store address. The error omits the text, which may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a store's address: {0}; write embedded:DIR, redis://HOST:PORT, rediss://HOST:PORT or redis+cluster://HOST:PORT,HOST:PORT"
)]
pub struct BadStoreUrl(&'static str);

impl StoreUrl {
    /// The embedded store of a data directory.
    pub fn in_dir(data_dir: &Path) -> Self {
        Self::Embedded(data_dir.join("store"))
    }
}

impl FromStr for StoreUrl {
    type Err = BadStoreUrl;

    fn from_str(text: &str) -> Result<Self, BadStoreUrl> {
        let (scheme, rest) = text.split_once(':').ok_or(BadStoreUrl("it has no scheme"))?;
        match scheme {
            "embedded" if rest.is_empty() => Err(BadStoreUrl("it names no directory")),
            "embedded" => Ok(Self::Embedded(rest.into())),
            "redis" | "rediss" => server(scheme, rest.trim_start_matches('/')).map(Self::Redis),
            "redis+cluster" => nodes("redis", rest).map(Self::Cluster),
            "rediss+cluster" => nodes("rediss", rest).map(Self::Cluster),
            _ => Err(BadStoreUrl("its scheme is unknown")),
        }
    }
}

/// Parses a list of cluster nodes. The credentials precede the first node and apply to all.
fn nodes(scheme: &str, rest: &str) -> Result<Vec<Url>, BadStoreUrl> {
    let rest = rest.trim_start_matches('/').trim_end_matches('/');
    let (user, hosts) = match rest.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), rest),
    };
    hosts
        .split(',')
        .map(|host| server(scheme, &format!("{user}{host}")))
        .collect()
}

fn server(scheme: &str, rest: &str) -> Result<Url, BadStoreUrl> {
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| BadStoreUrl("it is not a URL"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(BadStoreUrl("it names no host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadStoreUrl("nothing may follow the path"));
    }
    let database = url.path().trim_start_matches('/');
    if !database.is_empty() && database.parse::<u16>().is_err() {
        return Err(BadStoreUrl("its path is not the number of a database"));
    }
    Ok(url)
}

/// Omits the password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(directory) => write!(f, "embedded:{}", directory.display()),
            Self::Redis(url) => write!(f, "{}://{}", url.scheme(), shown(url)),
            Self::Cluster(urls) => {
                let hosts: Vec<String> = urls.iter().map(shown).collect();
                let scheme = urls.first().map_or("redis", Url::scheme);
                write!(f, "{scheme}+cluster://{}", hosts.join(","))
            }
        }
    }
}

fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(6379);
    let path = url.path().trim_end_matches('/');
    format!("{host}:{port}{path}")
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Omits the password, because the output is for people to read.
impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for StoreUrl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StoreUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The address of a store.",
            "examples": ["embedded:/var/lib/hookgate/store", "redis://127.0.0.1:6379"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_how_they_are_shown() {
        for (text, shown) in [
            ("embedded:/var/lib/x", "embedded:/var/lib/x"),
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://:pw@10.0.0.1:7000/2", "redis://10.0.0.1:7000/2"),
            ("rediss://user:pw@r.example", "rediss://r.example:6379"),
            ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
            ("rediss+cluster://u:p@a:1,b:2/", "rediss+cluster://a:1,b:2"),
        ] {
            let url: StoreUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        for text in [
            "",
            "embedded:",
            "redis",
            "redis://",
            "http://a",
            "redis://a/x",
            "redis://a?protocol=3",
            "redis+cluster://",
            "redis+cluster://a,,b",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_reach_every_node() {
        let url: StoreUrl = "redis+cluster://u:p@a:1,b:2".parse().expect("valid");
        let StoreUrl::Cluster(urls) = url else {
            panic!("not a cluster");
        };
        for url in &urls {
            assert_eq!((url.username(), url.password()), ("u", Some("p")));
        }
    }

    #[test]
    fn an_error_does_not_show_the_text() {
        let error = "redis://:hunter2@".parse::<StoreUrl>().expect_err("no host");
        assert!(!error.to_string().contains("hunter2"));
    }
}
