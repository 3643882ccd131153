//! Configuration of the memory pool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Size;

/// Memory budget of requests, events and pages.
/// docs/operating.md lists what a gateway needs beside it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes that requests, events and pages may hold in total.
    /// Above it: 503 and `Retry-After`; deliveries wait in the store.
    pub max_bytes: Size,
    /// Bytes that one tenant may hold.
    /// Above it: 429 and `Retry-After` for that tenant; its deliveries wait in the store.
    pub max_bytes_per_tenant: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_bytes: Size::from_bytes(512 << 20),
            max_bytes_per_tenant: Size::from_bytes(128 << 20),
        }
    }
}
