//! Configuration of the dashboard and the tenant portal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// The dashboard and the tenant portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Serves the pages: `/dashboard` for the operator, `/portal` for tenants' users. Without them,
    /// links and sessions still work for pages that are served elsewhere.
    pub enabled: bool,
    /// Origins of the sites that may show the portal in a frame, such as `https://app.example.com`.
    /// Without any, no page can be framed.
    pub embed_origins: Vec<String>,
    /// URL of your own site to which the portal sends a user whose session has ended, for a new
    /// link. Without it, the portal only says that the session has ended.
    #[schemars(with = "Option<String>")]
    pub refresh_url: Option<Url>,
    /// URL at which users reach the pages: the base of links. Without it: `server.public_url`, or
    /// the host that the request for the link names.
    #[schemars(with = "Option<String>")]
    pub public_url: Option<Url>,
    /// Maximum number of sessions of a tenant at once, 1 or more, and of links that are not used
    /// yet. The operator counts as one tenant.
    pub sessions_per_tenant: u64,
    /// Maximum number of sessions of all tenants at once, 1 or more.
    pub sessions: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            embed_origins: Vec::new(),
            refresh_url: None,
            public_url: None,
            sessions_per_tenant: 1_000,
            sessions: 10_000,
        }
    }
}

impl Config {
    /// Embedding origins that are no origins: a scheme `http` or `https`, a host, and maybe a port.
    pub fn bad_origins(&self) -> impl Iterator<Item = &str> {
        let is_origin = |text: &str| {
            Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    // A policy takes it as a wildcard, and the URL parser as a letter.
                    && !text.contains('*')
                    && url.origin().ascii_serialization() == text
            })
        };
        let origins = self.embed_origins.iter().map(String::as_str);
        origins.filter(move |origin| !is_origin(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embed_origins_are_origins() {
        for (text, good) in [
            ("https://app.example.com", true),
            ("http://localhost:3000", true),
            ("https://app.example.com/", false),
            ("https://app.example.com/path", false),
            ("https://*.example.com", false),
            ("'self'", false),
            ("https://a.example; script-src *", false),
            ("ftp://a.example", false),
            ("", false),
        ] {
            let config = Config {
                embed_origins: vec![text.to_owned()],
                ..Config::default()
            };
            assert_eq!(config.bad_origins().next().is_none(), good, "{text}");
        }
    }
}
