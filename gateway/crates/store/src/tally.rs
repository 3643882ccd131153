//! What a settlement adds to its subscription's statistics: the same in every store.

use hookgate_domain::stats::{DEAD, FAILED, LastFailure, cell};
use hookgate_domain::{Outcome, Stats, Tally, Timestamp};

use super::{Next, Settlement};

/// An attempt that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) tally: Tally,
    /// Where it is counted.
    pub(super) cell: usize,
    /// Whether its delivery was given up.
    pub(super) dead: bool,
    /// When it ended.
    pub(super) at: Timestamp,
    /// How it failed, if it did.
    pub(super) failure: Option<LastFailure>,
}

impl Added {
    /// What a settlement adds once it applies; `None`: nothing.
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

    /// Counts it, and drops what is of no more use when a bucket begins.
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
