//! Retention: the age at which stored data is removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Span;

/// Retention of stored data. The same for every store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Events with their deliveries, attempts and dead letters, from their acceptance.
    /// The feed goes back as far. An event with a pending delivery is stored until that is
    /// finished.
    pub events: Span,
    /// Idempotency keys, from their first use.
    pub idempotency_keys: Span,
    /// Interval of the removal of expired data.
    pub sweep_every: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            events: Span::from_secs(30 * 86_400),
            idempotency_keys: Span::from_secs(86_400),
            sweep_every: Span::from_secs(60),
        }
    }
}
