//! The management API's limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one call of the management API may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many deliveries one `recover` makes at most; its answer says where to go on.
    pub recover_deliveries: usize,
    /// How many events one `recover` looks at at most.
    pub recover_events: usize,
    /// Most deliveries of one event to one endpoint, its retries and replays included.
    pub max_deliveries_per_event: usize,
    /// How many components a tenant may upload at once. Over it: 429 and `Retry-After`.
    pub max_uploads_per_tenant: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            recover_deliveries: 1_000,
            recover_events: 10_000,
            max_deliveries_per_event: 100,
            max_uploads_per_tenant: 4,
        }
    }
}
