//! How long a store keeps what is finished.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Span;

/// How long things are kept. The same for every store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Events with their deliveries, attempts and dead letters, from when they were accepted; the feed goes back so far. An event
    /// with a delivery still pending is kept until that is finished.
    pub events: Span,
    /// Idempotency keys, from their first use.
    pub idempotency_keys: Span,
    /// How often what is too old is removed.
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
