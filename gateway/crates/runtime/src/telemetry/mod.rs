//! Telemetry for the operator: logs, metrics and traces.
//!
//! Every operation emits one wide `tracing` event (`event.accepted`, `delivery.attempted`); its
//! field names are in `fields`. Counters and histograms are updated through a [`Metrics`] handle,
//! spans are started by a [`Tracer`](traces::Tracer).
//! Neither ever carries payloads, secrets or a tenant's free text. `app` sets this up once; nothing
//! here reads time or has static state beyond `tracing`'s subscriber.

mod backups;
mod calls;
pub mod chain;
mod exposition;
pub mod fields;
mod logs;
mod losses;
mod metrics;
mod process;
mod quotas;
mod requests;
mod series;
pub mod traces;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use calls::{CallCounts, CallFigures, Called, FAILURES, VERDICTS};
pub use chain::error_chain;
pub use exposition::Exposition;
pub use logs::check_level;
pub use logs::{LogError, LogFilter, LogLevel, init};
pub use metrics::SYSTEM_EVENTS;
pub use metrics::{AcceptResult, DeliveryEnd, Metrics, PluginVerdict, Refusal, StoreOperation};
pub use requests::{ConnectionFailure, OpenConnection, RouteFigures};

/// Configuration of logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Log level: `error`, `warn`, `info`, `debug`, `trace`, or a filter by module.
    /// Such a filter is `info,hookgate::delivery=debug`.
    pub level: String,
    /// Format of log lines: `text` for people, `json` for machines. Logs are written to the
    /// standard error.
    pub format: Format,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text for people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::Text,
        }
    }
}
