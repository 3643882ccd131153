//! How this store behaves.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Span;

/// What matters with a Redis only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What every key begins with, inside its hash tag. Gateways that share a Redis and a prefix share their work. 1 to 32 of
    /// A-Z a-z 0-9 _ -.
    pub prefix: String,
    /// Connections to the server, used in turn; 1 to 16. A cluster has one to each of its servers whatever this says.
    pub connections: usize,
    /// How long a new event waits for Redis before the producer is told to come again.
    pub accept_timeout: Span,
    /// How long everything else waits for an answer; without one in that time Redis counts as away, and is connected to
    /// again.
    pub response_timeout: Span,
    /// How long connecting may take.
    pub connect_timeout: Span,
    /// A file of PEM certificates of the authorities to trust with `rediss://`; without it those that browsers trust.
    pub tls_ca: Option<PathBuf>,
    /// How often the server's set-up, memory and clock are looked at.
    pub check_every: Span,
    /// From this share of Redis's `maxmemory` on no new events are accepted, while deliveries go on; a percentage from 1 to
    /// 100.
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
    /// What is wrong with it, if anything is.
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
