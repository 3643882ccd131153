//! What an outcome says of its endpoint, as far as the scheduler minds.

use std::time::Duration;

use super::health::Sign;
use hookgate_domain::{AnswerRules, Outcome, Pause, RetryAfter};

/// A sign from an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// It took the delivery.
    Success,
    /// It answers, and did not want this one.
    Answered,
    /// It has too much to do, or too little time.
    Overloaded,
    /// It asks to be left alone, for so long where it says.
    Throttled(Option<Duration>),
    /// It has too much to do, and its contract leaves it no pauses.
    Strained,
    /// It is broken or away.
    Failed,
    /// Nothing was sent to it.
    Nothing,
}

impl Signal {
    /// The sign in an outcome. A contract without pauses has every attempt made when it is due: failures pause nothing, and overload
    /// only makes attempts fewer at a time.
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

    /// What it says of the endpoint's health after an attempt of that length; `None`: nothing. `slow`: longer is long.
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
