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
    /// Entries of each tenant's attempt log, of which the newest are kept: 0 (there is no log) to 10,000,000. Some more may be there
    /// for a while. An entry takes about 60 bytes of disk, or 100 of a Redis's memory.
    pub attempt_log: u64,
    /// Entries of attempt logs, from when they were written.
    pub attempt_log_age: Span,
    /// Counts by minute of what a tenant accepts and attempts; `0s`: there are none.
    pub series_minutes: Span,
    /// The same counts by hour; `0s`: there are none.
    pub series_hours: Span,
    /// Bulk jobs, from their last change; an open one too, if it does not go on for so long.
    pub jobs: Span,
    /// Interval between two removals of expired data.
    pub sweep_every: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            events: Span::from_secs(30 * 86_400),
            idempotency_keys: Span::from_secs(86_400),
            attempt_log: 100_000,
            attempt_log_age: Span::from_secs(30 * 86_400),
            series_minutes: Span::from_secs(48 * 3_600),
            series_hours: Span::from_secs(35 * 86_400),
            jobs: Span::from_secs(7 * 86_400),
            sweep_every: Span::from_secs(60),
        }
    }
}

/// Most entries that may be kept of an attempt log.
pub const MOST_LOGGED: u64 = 10_000_000;
