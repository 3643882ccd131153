//! Verdict of a step, checked against its phase and bounded. Pure.

use std::time::Duration;

use super::Verdict;
use super::bindings::exports::hookgate::plugin::handler as wit;
use super::bindings::hookgate::plugin::types::{FailureCode, Phase};
use super::failure::Fault;
use super::log::escaped;
use hookgate_domain::event::StepResult;
use hookgate_runtime::telemetry::PluginVerdict;

/// Verdict of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StepVerdict {
    Pass,
    Drop(String),
    Reject { code: String, message: String },
    Delay(Duration),
}

/// Checks that the phase allows the plugin's verdict.
pub(super) fn check_verdict(
    result: Result<Result<wit::Verdict, wit::Failure>, Fault>,
    phase: &Phase,
) -> Result<StepVerdict, Fault> {
    match (result?, phase) {
        (Ok(wit::Verdict::Pass), _) => Ok(StepVerdict::Pass),
        (Ok(wit::Verdict::Drop(reason)), _) => Ok(StepVerdict::Drop(escaped(&reason, REASON_BYTES))),
        (Ok(wit::Verdict::Reject(rejection)), Phase::Ingress) => Ok(StepVerdict::Reject {
            code: escaped(&rejection.code, CODE_BYTES),
            message: escaped(&rejection.message, MESSAGE_BYTES),
        }),
        (Ok(wit::Verdict::Delay(ms)), Phase::Delivery) => Ok(StepVerdict::Delay(
            Duration::from_millis(ms.into()).min(LONGEST_DELAY),
        )),
        (Ok(wit::Verdict::Reject(_)), Phase::Delivery) => {
            Err(Fault::new("verdict", "only a step at ingress can reject"))
        }
        (Ok(wit::Verdict::Delay(_)), Phase::Ingress) => {
            Err(Fault::new("verdict", "only a step at delivery can delay"))
        }
        (Err(failure), _) => Err(Fault::new("refused", &refusal(&failure))),
    }
}

impl StepVerdict {
    /// Verdict of the chain that follows; `None`: the chain continues.
    pub(super) fn verdict(self, plugin: &str) -> Option<Verdict> {
        let plugin = plugin.to_owned();
        Some(match self {
            Self::Pass => return None,
            Self::Drop(reason) => Verdict::Drop { plugin, reason },
            Self::Reject { code, message } => Verdict::Reject {
                plugin,
                code,
                message,
            },
            Self::Delay(by) => Verdict::Delay { plugin, by },
        })
    }

    /// Result stored with the event.
    pub(super) fn result(&self) -> StepResult {
        match self {
            Self::Drop(_) => StepResult::Dropped,
            Self::Pass | Self::Reject { .. } | Self::Delay(_) => StepResult::Passed,
        }
    }

    /// Label for the metrics.
    pub(super) fn metric(&self) -> PluginVerdict {
        match self {
            Self::Pass => PluginVerdict::Pass,
            Self::Drop(_) => PluginVerdict::Drop,
            Self::Reject { .. } => PluginVerdict::Reject,
            Self::Delay(_) => PluginVerdict::Delay,
        }
    }
}

fn refusal(failure: &wit::Failure) -> String {
    let code = match failure.code {
        FailureCode::BadSettings => "bad settings",
        FailureCode::BadPayload => "bad payload",
        FailureCode::Internal => "internal",
    };
    format!("{code}: {}", failure.message)
}

const REASON_BYTES: usize = 256;
const CODE_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 1_024;
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::hookgate::plugin::types::Rejection;

    #[test]
    fn texts_and_delays_are_bounded() {
        let long = "x\n".repeat(2_000);
        let rejection = Rejection {
            code: long.clone(),
            message: long.clone(),
        };
        let Ok(StepVerdict::Reject { code, message }) =
            check_verdict(Ok(Ok(wit::Verdict::Reject(rejection))), &Phase::Ingress)
        else {
            panic!("a step at ingress can reject");
        };
        assert_eq!((code.len(), message.len()), (CODE_BYTES, MESSAGE_BYTES));
        assert!(!message.contains('\n'));
        let Ok(StepVerdict::Drop(reason)) = check_verdict(Ok(Ok(wit::Verdict::Drop(long))), &Phase::Delivery)
        else {
            panic!("every step can drop");
        };
        assert!(reason.len() <= REASON_BYTES);
        let delay = check_verdict(Ok(Ok(wit::Verdict::Delay(u32::MAX))), &Phase::Delivery);
        assert_eq!(delay, Ok(StepVerdict::Delay(LONGEST_DELAY)));
    }
}
