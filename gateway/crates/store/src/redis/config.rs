//! Settings of the Redis store.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Span;

/// Settings of a Redis store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Prefix of every key, inside its hash tag: 1 to 32 of A-Z a-z 0-9 _ -.
    /// Gateways that share a Redis and a prefix share their work.
    pub prefix: String,
    /// Connections to the server, used in turn; 1 to 16. A cluster always has one per server.
    pub connections: usize,
    /// Timeout of Redis for a new event, after which the producer is asked to retry.
    pub accept_timeout: Span,
    /// Timeout of every other request.
    /// After a timeout Redis counts as unavailable, and is connected to again.
    pub response_timeout: Span,
    /// Timeout of connecting.
    pub connect_timeout: Span,
    /// File of PEM certificates of the authorities to trust with `rediss://`.
    /// Without it, those that browsers trust.
    pub tls_ca: Option<PathBuf>,
    /// Interval of the checks of the server's setup, memory and clock.
    pub check_every: Span,
    /// Memory threshold for new events, in percent of Redis's `maxmemory`; 1 to 100.
    /// Above it new events are refused, while deliveries go on.
    pub full_at: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: "hg".to_owned(),
            connections: 3,
            accept_timeout: Span::from_millis(250),
            response_timeout: Span::from_secs(2),
            connect_timeout: Span::from_secs(2),
            tls_ca: None,
            check_every: Span::from_secs(5),
            full_at: 85,
        }
    }
}

impl Config {
    /// Error of the settings; `None` if they are valid.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if !(1..=32).contains(&self.prefix.len()) || !self.prefix.bytes().all(plain) {
            return Some("store.redis.prefix has to be 1 to 32 of A-Z, a-z, 0-9, _ and -");
        }
        if !(1..=16).contains(&self.connections) {
            return Some("store.redis.connections has to be 1 to 16");
        }
        if !(1..=100).contains(&self.full_at) {
            return Some("store.redis.full_at is a percentage from 1 to 100");
        }
        let timeouts = [
            self.accept_timeout,
            self.response_timeout,
            self.connect_timeout,
            self.check_every,
        ];
        if timeouts.iter().any(|span| span.get().is_zero()) {
            return Some("the durations of store.redis have to be longer than 0");
        }
        None
    }
}
