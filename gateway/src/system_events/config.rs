//! Settings of system events: their tenant and their limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Span;

/// System events: the gateway's reports about itself. They are `hookgate.subscription.failing`,
/// `hookgate.subscription.disabled`, `hookgate.delivery.dead`, `hookgate.plugin.failing`,
/// `hookgate.plugin.circuit_opened`, `hookgate.canary.stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Tenant of the events, created at start if it does not exist. Subscribe to `hookgate.*`
    /// there, or read its feed.
    pub tenant: String,
    /// Window in which repeated reports on a subscription or plugin are counted. They are sent as
    /// one event after it.
    #[serde(alias = "every")]
    pub window: Span,
    /// Maximum number of system events per minute. Further ones are sent later.
    pub per_minute: u32,
    /// Maximum number of subscriptions and plugins with pending counts. Reports on others are left
    /// out, and counted in the metrics.
    #[serde(alias = "subjects")]
    pub max_subjects: usize,
    /// Number of failures of a plugin within `window` after which it is reported.
    pub plugin_failures: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tenant: "operator".to_owned(),
            window: Span::from_secs(60),
            per_minute: 600,
            max_subjects: 10_000,
            plugin_failures: 5,
        }
    }
}
