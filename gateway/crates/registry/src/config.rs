//! Configuration of the registry: limits of each tenant, and poll interval.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};
use hookgate_domain::{FilterLimits, Quotas};

/// Limits of each tenant, and how fast a change reaches every process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum of tenants.
    pub max_tenants: usize,
    /// Maximum of API keys per tenant.
    pub max_keys: usize,
    /// Maximum of subscriptions per tenant.
    pub max_subscriptions: usize,
    /// Maximum of event patterns per subscription; at most 64.
    pub max_patterns: usize,
    /// Largest filter of a subscription.
    pub max_filter_size: Size,
    /// Maximum nesting depth of a filter's conditions, 1 to 32.
    pub max_filter_depth: usize,
    /// Maximum of operators in a filter.
    pub max_filter_operators: usize,
    /// Maximum of custom headers per subscription.
    pub max_headers: usize,
    /// Largest custom header: name and value together.
    pub max_header_size: Size,
    /// Largest timeout of a subscription: `delivery.max_timeout`.
    #[serde(skip)]
    pub max_timeout: Span,
    /// Operator's quotas, `quotas`.
    #[serde(skip)]
    pub quotas: Quotas,
    /// Maximum of events in one request, `ingest.max_events`: the burst where no quota sets one.
    #[serde(skip)]
    pub max_events: usize,
    /// Retention of events, `retention.events`: longer than any retry schedule takes.
    #[serde(skip)]
    pub kept: Span,
    /// Maximum of steps in a chain.
    pub max_steps: usize,
    /// Largest settings of a step.
    pub max_settings_size: Size,
    /// Maximum of a tenant's own plugins.
    pub max_plugins: usize,
    /// Maximum of versions of a plugin; the oldest that no chain uses is evicted.
    pub max_versions: usize,
    /// Maximum of deleted versions remembered per plugin, so that none returns with other bytes.
    pub max_deleted_versions: usize,
    /// Maximum of a tenant's own event types.
    pub max_event_types: usize,
    /// Largest JSON Schema of an event type.
    pub max_schema_size: Size,
    /// Quota of a tenant's registry in the store, in bytes.
    /// It counts keys, subscriptions with their headers and filters, chains with their settings,
    /// event types with their schemas, and the list of plugins. The plugins' components are not
    /// counted.
    pub max_bytes_per_tenant: Size,
    /// Maximum of entries in the history of a tenant's plugins and chains.
    pub max_history: usize,
    /// Grace period in which the previous signing secret signs beside the new one after a rotation.
    pub rotation_grace: Span,
    /// Interval at which the store is polled for changes by other processes.
    pub poll_interval: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_tenants: 10_000,
            max_keys: 50,
            max_subscriptions: 1_000,
            max_patterns: 64,
            max_filter_size: Size::from_bytes(8 << 10),
            max_filter_depth: 8,
            max_filter_operators: 50,
            max_headers: 20,
            max_header_size: Size::from_bytes(4 << 10),
            max_timeout: Span::from_secs(30),
            quotas: Quotas::default(),
            max_events: 100,
            kept: Span::from_secs(30 * 86_400),
            max_steps: 16,
            max_settings_size: Size::from_bytes(64 << 10),
            max_plugins: 20,
            max_versions: 20,
            max_deleted_versions: 1_000,
            max_event_types: 200,
            max_schema_size: Size::from_bytes(64 << 10),
            max_bytes_per_tenant: Size::from_bytes(8 << 20),
            max_history: 100,
            rotation_grace: Span::from_secs(24 * 3600),
            poll_interval: Span::from_millis(250),
        }
    }
}

impl Config {
    /// Limits of a filter.
    pub fn filter_limits(&self) -> FilterLimits {
        FilterLimits {
            bytes: self.max_filter_size.bytes(),
            depth: self.max_filter_depth,
            tests: self.max_filter_operators,
        }
    }
}
