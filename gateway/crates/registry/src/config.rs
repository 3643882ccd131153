//! The registry's limits and pace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};
use hookgate_domain::{FilterLimits, Quotas};

/// Limits of each tenant, and how fast a change reaches every process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many tenants there may be.
    pub max_tenants: usize,
    /// How many API keys a tenant may have.
    pub max_keys: usize,
    /// How many subscriptions a tenant may have.
    pub max_subscriptions: usize,
    /// How many event patterns a subscription may have; at most 64.
    pub max_patterns: usize,
    /// The largest filter that a subscription may have.
    pub max_filter_size: Size,
    /// How deep a filter's conditions may stand inside each other, 1 to 32.
    pub max_filter_depth: usize,
    /// How many operators a filter may have in all.
    pub max_filter_operators: usize,
    /// How many headers of its own a subscription may have.
    pub max_headers: usize,
    /// The longest name and value of such a header together.
    pub max_header_size: Size,
    /// The longest timeout that a subscription may ask for: `delivery.max_timeout`, which the lease of a delivery outlasts.
    #[serde(skip)]
    pub max_timeout: Span,
    /// The operator's quotas, `quotas`.
    #[serde(skip)]
    pub quotas: Quotas,
    /// The most events of one request, `ingest.max_events`: a burst holds them where no quota says otherwise.
    #[serde(skip)]
    pub max_events: usize,
    /// How long events are kept, `retention.events`: longer than any retry schedule takes.
    #[serde(skip)]
    pub kept: Span,
    /// How many steps a chain may have.
    pub max_steps: usize,
    /// The largest settings of a step.
    pub max_settings_size: Size,
    /// How many plugins of its own a tenant may have.
    pub max_plugins: usize,
    /// How many versions of a plugin are kept; the oldest that no chain uses makes room.
    pub max_versions: usize,
    /// How many deleted versions of a plugin are remembered, so that none comes back with other bytes.
    pub max_deleted_versions: usize,
    /// How many event types of its own a tenant may have.
    pub max_event_types: usize,
    /// The largest JSON Schema of an event type.
    pub max_schema_size: Size,
    /// How many bytes a tenant's registry may take in the store: its keys, subscriptions with their headers and filters, chains
    /// with their settings, event types with their schemas, and the list of its plugins. Their components are not counted.
    pub max_bytes_per_tenant: Size,
    /// How many changes of a tenant's plugins and chains its history keeps.
    pub max_history: usize,
    /// How long an old signing secret goes on signing beside the new one after a rotation.
    pub rotation_grace: Span,
    /// How often changes made by other processes are looked for.
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
    /// How large a filter may be.
    pub fn filter_limits(&self) -> FilterLimits {
        FilterLimits {
            bytes: self.max_filter_size.bytes(),
            depth: self.max_filter_depth,
            tests: self.max_filter_operators,
        }
    }
}
