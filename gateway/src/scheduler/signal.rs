//! Signal of an outcome: its meaning for the endpoint's scheduling.

use std::time::Duration;

use super::health::Sign;
use hookgate_domain::{AnswerRules, Outcome, Pause, RetryAfter};

/// Signal from an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// It took the delivery.
    Success,
    /// It answered, but refused this delivery.
    Answered,
    /// It is overloaded, or ran into the timeout.
    Overloaded,
    /// It asks for a pause, with a length if it names one.
    Throttled(Option<Duration>),
    /// It is overloaded, and its contract allows no pauses.
    Strained,
    /// It fails or is unreachable.
    Failed,
    /// Nothing was sent to it.
    Nothing,
}

impl Signal {
    /// Classifies an outcome.
    ///
    /// A contract without pauses has every attempt made when it is due: failures cause no pause,
    /// and overload only reduces concurrency.
    pub(super) fn of(outcome: &Outcome, rules: AnswerRules) -> Self {
        let signal = match (Self::plain(outcome), rules.retry_after) {
            (Self::Throttled(_), RetryAfter::Ignore) => Self::Overloaded,
            (signal, _) => signal,
        };
        match (signal, rules.pause) {
            (Self::Overloaded | Self::Throttled(None), Pause::Off) => Self::Strained,
            (Self::Failed, Pause::Off) => Self::Answered,
            (signal, _) => signal,
        }
    }

    fn plain(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delivered { .. } => Self::Success,
            Outcome::Refused {
                status: 429,
                retry_after,
            }
            | Outcome::Refused {
                status: 503,
                retry_after: retry_after @ Some(_),
            } => Self::Throttled(*retry_after),
            Outcome::Refused { status: 503, .. } | Outcome::TimedOut { .. } => Self::Overloaded,
            Outcome::Refused { status: 500.., .. } | Outcome::Unreachable { .. } => Self::Failed,
            Outcome::Refused { .. } => Self::Answered,
            Outcome::Blocked { .. }
            | Outcome::PluginFailed { .. }
            | Outcome::Dropped { .. }
            | Outcome::Postponed { .. }
            | Outcome::Crashed { .. }
            | Outcome::Shadowed { .. } => Self::Nothing,
        }
    }

    /// Converts the signal of an attempt of this length for the endpoint's health; `None`: no
    /// information.
    ///
    /// `slow`: a longer attempt counts as hanging.
    pub(super) fn sign(self, took: Duration, slow: Duration) -> Option<Sign> {
        match self {
            Self::Success | Self::Answered | Self::Strained => Some(Sign::Reached),
            Self::Failed if took <= slow => Some(Sign::Failed),
            Self::Failed | Self::Overloaded => Some(Sign::Hung),
            Self::Throttled(asked) => Some(Sign::Throttled(asked)),
            Self::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::delivery::Stage;

    #[test]
    fn contract_chooses_retry_after_and_pauses() {
        let refused = |status, retry_after: Option<u64>| Outcome::Refused {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        };
        let hung = || Outcome::TimedOut { during: Stage::Head };
        let rules = |retry_after, pause| AnswerRules {
            retry_after,
            pause,
            ..AnswerRules::default()
        };
        let asked = Signal::Throttled(Some(Duration::from_secs(9)));
        let (honour, ignore) = (RetryAfter::Honour, RetryAfter::Ignore);
        for (outcome, retry_after, paused, unpaused) in [
            (refused(429, Some(9)), honour, asked, asked),
            (
                refused(429, Some(9)),
                ignore,
                Signal::Overloaded,
                Signal::Strained,
            ),
            (
                refused(429, None),
                honour,
                Signal::Throttled(None),
                Signal::Strained,
            ),
            (
                refused(503, Some(9)),
                ignore,
                Signal::Overloaded,
                Signal::Strained,
            ),
            (refused(503, None), honour, Signal::Overloaded, Signal::Strained),
            (hung(), honour, Signal::Overloaded, Signal::Strained),
            (refused(500, Some(9)), honour, Signal::Failed, Signal::Answered),
            (refused(410, None), honour, Signal::Answered, Signal::Answered),
        ] {
            let of = |pause| Signal::of(&outcome, rules(retry_after, pause));
            assert_eq!((of(Pause::On), of(Pause::Off)), (paused, unpaused), "{outcome:?}");
        }
    }
}
