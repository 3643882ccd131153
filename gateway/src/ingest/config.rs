//! Configuration of the ingest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Size;
use hookgate_json::Limits;

use super::parse::Allowed;

/// Limits of producers' requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest body of `POST /v1/events`.
    pub max_body: Size,
    /// Maximum of events in one request.
    pub max_events: usize,
    /// Maximum nesting depth of arrays and objects in a body; at most 128.
    pub max_depth: usize,
    /// Largest `metadata` of an event.
    pub max_metadata: Size,
    /// Maximum of concurrent `POST /v1/events` requests, from their body's end to the response.
    /// Above it: 503 and `Retry-After`.
    pub max_in_flight: usize,
    /// Maximum of these requests of one tenant. Above it: 429 and `Retry-After`.
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
