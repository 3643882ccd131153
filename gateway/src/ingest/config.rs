//! What can be set about taking events in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Size;
use hookgate_json::Limits;

use super::parse::Allowed;

/// What a producer may send.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The largest body of `POST /v1/events`.
    pub max_body: Size,
    /// How many events one request may bring.
    pub max_events: usize,
    /// How deep arrays and objects in a body may nest; at most 128.
    pub max_depth: usize,
    /// The largest `metadata` of an event.
    pub max_metadata: Size,
    /// Requests to `POST /v1/events` that are worked on at once: between their body's end and their answer. Over it: 503 and
    /// `Retry-After`.
    pub max_in_flight: usize,
    /// Requests of it that one tenant may have. Over it: 429 and `Retry-After`.
    pub max_in_flight_per_tenant: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_body: Size::from_bytes(1 << 20),
            max_events: 100,
            max_depth: 64,
            max_metadata: Size::from_bytes(16 << 10),
            max_in_flight: 4096,
            max_in_flight_per_tenant: 1024,
        }
    }
}

impl Config {
    pub(super) fn allowed(&self) -> Allowed {
        Allowed {
            document: Limits {
                bytes: self.max_body.bytes(),
                depth: self.max_depth,
            },
            events: self.max_events,
        }
    }
}
