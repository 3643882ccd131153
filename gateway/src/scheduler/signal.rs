//! What an outcome says of its endpoint, as far as the scheduler minds.

use std::time::Duration;

use super::health::Sign;
use crate::domain::Outcome;

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
    /// It is broken or away.
    Failed,
    /// Nothing was sent to it.
    Nothing,
}

impl Signal {
    pub(super) fn of(outcome: &Outcome) -> Self {
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
            | Outcome::Crashed { .. } => Self::Nothing,
        }
    }

    /// What it says of the endpoint's health after an attempt of that length; `None`: nothing. `slow`: longer is long.
    pub(super) fn sign(self, took: Duration, slow: Duration) -> Option<Sign> {
        match self {
            Self::Success | Self::Answered => Some(Sign::Reached),
            Self::Failed if took <= slow => Some(Sign::Failed),
            Self::Failed | Self::Overloaded => Some(Sign::Hung),
            Self::Throttled(asked) => Some(Sign::Throttled(asked)),
            Self::Nothing => None,
        }
    }
}
