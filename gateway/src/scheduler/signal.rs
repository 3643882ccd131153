//! What an outcome says of its endpoint, as far as the scheduler minds.

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
                status: 429 | 503, ..
            }
            | Outcome::TimedOut { .. } => Self::Overloaded,
            Outcome::Refused { status: 500.., .. } | Outcome::Unreachable { .. } => Self::Failed,
            Outcome::Refused { .. } => Self::Answered,
            Outcome::Blocked { .. }
            | Outcome::PluginFailed { .. }
            | Outcome::Dropped { .. }
            | Outcome::Postponed { .. }
            | Outcome::Crashed { .. } => Self::Nothing,
        }
    }

    /// Whether it is alive; `None`: this does not tell.
    pub(super) fn reached(self) -> Option<bool> {
        match self {
            Self::Success | Self::Answered => Some(true),
            Self::Overloaded | Self::Failed => Some(false),
            Self::Nothing => None,
        }
    }
}
