//! To whom system events go, and how many there may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::Span;

/// The gateway's own events: `hookgate.subscription.failing`, `hookgate.subscription.disabled`, `hookgate.delivery.dead`,
/// `hookgate.plugin.failing`, `hookgate.plugin.left_alone`, `hookgate.canary.stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The tenant that they are events of, made at start where it is not there: subscribe to `hookgate.*` there, or read its feed.
    pub tenant: String,
    /// What happens again to the same subscription or plugin within this time is counted, and told together after it.
    pub every: Span,
    /// How many system events there may be a minute; what is more is told later.
    pub per_minute: u32,
    /// How many subscriptions and plugins are counted for at once; what concerns others meanwhile is left out, and counted in
    /// the metrics.
    pub subjects: usize,
    /// A plugin is told of once it has failed so often within `every`.
    pub plugin_failures: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tenant: "operator".to_owned(),
            every: Span::from_secs(60),
            per_minute: 600,
            subjects: 10_000,
            plugin_failures: 5,
        }
    }
}
