//! What an operator sees of a running gateway: logs and metrics.
//!
//! Everything done leaves one wide `tracing` event (`event.accepted`, `delivery.attempted`); its field names are in `fields`.
//! Figures go to a [`Metrics`] handle. Neither ever carries payloads, secrets or a tenant's free text.
//! `app` sets this up once; nothing here reads time or keeps state in statics beyond the subscriber that `tracing` wants.

mod calls;
pub mod chain;
pub mod fields;
mod logs;
mod losses;
mod metrics;
mod process;
mod quotas;
mod requests;
mod series;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use calls::{CallCounts, CallFigures, Called, FAILURES, VERDICTS};
pub use chain::error_chain;
pub(crate) use logs::check_level;
pub use logs::{LogError, init};
pub use metrics::{AcceptResult, DeliveryEnd, Metrics, PluginVerdict, Refusal, StoreOperation};
pub use requests::{ConnectionFailure, OpenConnection, RouteFigures};

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How much is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter by module such as `info,hookgate::delivery=debug`.
    pub level: String,
    /// How log lines look: `text` for people, `json` for machines. Logs go to the standard error.
    pub format: Format,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
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
