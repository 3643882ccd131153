//! Asks the collector of traces, where the configuration names one.

use super::{Finding, State};
use crate::config::Config;
use crate::traces::probe;
use hookgate_domain::Outcome;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::error_chain;

/// Checks that the collector takes a request without spans. `None`: there is no collector, or its
/// settings are refused, which another check reports.
pub(super) async fn collector(config: &Config) -> Option<Finding> {
    let settings = config.trace_export().ok()??;
    let endpoint = settings.endpoint.clone();
    let finding = |state, says: String| Finding::new("traces", state, format!("{endpoint}: {says}"));
    let wanting = |says: String| {
        finding(State::Warning, says).fix("start the collector, or correct `traces`; events do not need it")
    };
    Some(match probe(&settings, Clock::System).await {
        Ok(Outcome::Delivered { .. }) => finding(State::Ok, "the collector takes traces".to_owned()),
        Ok(Outcome::Refused { status, .. }) => wanting(format!("the collector answers {status}")),
        Ok(Outcome::Unreachable { reason, .. } | Outcome::Blocked { reason }) => wanting(reason),
        Ok(_) => wanting("the collector does not answer".to_owned()),
        Err(error) => wanting(error_chain(&error).to_string()),
    })
}
