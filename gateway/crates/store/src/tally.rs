//! Contribution of a settlement to its subscription's statistics; the same in every store.

use hookgate_domain::stats::{DEAD, FAILED, LastFailure, cell};
use hookgate_domain::{Outcome, Stats, Tally, Timestamp};

use super::{Next, Settlement};

/// Counted attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) tally: Tally,
    /// Index of its counter.
    pub(super) cell: usize,
    /// Flag: the delivery was given up.
    pub(super) dead: bool,
    /// End of the attempt.
    pub(super) at: Timestamp,
    /// Failure of the attempt, if it failed.
    pub(super) failure: Option<LastFailure>,
}

impl Added {
    /// Contribution of a settlement once it applies; `None` if it does not count.
    pub(super) fn of(settlement: &Settlement) -> Option<Self> {
        let (tally, attempt) = (settlement.tally?, settlement.attempt.as_ref()?);
        let cell = cell(&attempt.outcome, attempt.took)?;
        let at = attempt.started.plus(attempt.took);
        let failure = (cell == FAILED).then(|| LastFailure {
            at,
            outcome: attempt.outcome.word().to_owned(),
            status: match attempt.outcome {
                Outcome::Refused { status, .. } => Some(status),
                _ => None,
            },
            retry: match settlement.next {
                Next::RetryAt { at, .. } => Some(at),
                _ => None,
            },
        });
        Some(Self {
            tally,
            cell,
            dead: matches!(settlement.next, Next::Dead),
            at,
            failure,
        })
    }

    /// Counts the attempt, and drops expired buckets when a new one begins.
    pub(super) fn count(self, stats: &mut Stats) {
        let counts = stats.bucket(self.tally.bucket);
        let begins = counts.attempts() == 0;
        counts.0[self.cell] += 1;
        counts.0[DEAD] += u64::from(self.dead);
        if begins {
            let keep_from = self.tally.keep_from;
            stats.buckets.retain(|bucket| bucket.start >= keep_from);
        }
        match self.failure {
            Some(failure) => stats.last_failure = Some(failure),
            None => stats.last_success = Some(self.at),
        }
    }
}
