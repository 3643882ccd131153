//! Limits of bulk jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bulk jobs: one action on all deliveries or subscriptions that a filter finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum of open jobs of a tenant, the paused ones included, 1 or more. Over it: 429 and `Retry-After`.
    pub jobs_per_tenant: usize,
    /// Maximum of jobs of a tenant that are kept, `jobs_per_tenant` or more; the ended ones that began first are removed.
    pub jobs_kept: usize,
    /// Maximum of deliveries or subscriptions that the jobs of a tenant change in a second, 1 or more: shared between its open jobs.
    pub rate: usize,
    /// Maximum of events and dead letters that the jobs of a tenant look at in a second, 1 or more; a page more at most.
    pub scan: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            jobs_per_tenant: 4,
            jobs_kept: 100,
            rate: 100,
            scan: 5_000,
        }
    }
}
