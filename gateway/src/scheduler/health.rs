//! Whether an endpoint is attempted, after how its last attempts went. A value: time is given.
//!
//! An endpoint that keeps failing is paused; when the pause is over one attempt probes it (the half-open circuit breaker of
//! M. Nygard, "Release It!"). A pause burns no attempts: deliveries wait without counting one.

use std::time::{Duration, Instant};

/// How an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It is attempted; so many attempts failed in a row.
    Fine { failures: u32 },
    /// It is left alone until then; the pause is this one of a row.
    Paused { until: Instant, pauses: u32 },
    /// One attempt at a time shows whether it is back, after so many pauses.
    Probing { pauses: u32 },
}

/// When endpoints are paused and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PauseRules {
    /// After so many failures in a row.
    pub(super) after: u32,
    /// The first pause; each further one of a row is twice as long.
    pub(super) first: Duration,
    /// The longest.
    pub(super) longest: Duration,
}

/// What may be done with an endpoint now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Attempt.
    Open,
    /// Attempt if nothing is under way.
    Probe,
    /// Nothing until then.
    ClosedUntil(Instant),
}

impl Health {
    pub(super) const NEW: Self = Self::Fine { failures: 0 };

    /// What may be done now.
    pub(super) fn gate(self, now: Instant) -> Gate {
        match self {
            Self::Fine { .. } => Gate::Open,
            Self::Paused { until, .. } if now < until => Gate::ClosedUntil(until),
            Self::Paused { .. } | Self::Probing { .. } => Gate::Probe,
        }
    }

    /// How it is once a probe has begun.
    #[must_use]
    pub(super) fn probed(self) -> Self {
        match self {
            Self::Paused { pauses, .. } => Self::Probing { pauses },
            other => other,
        }
    }

    /// How it is after an attempt that reached it, or failed to.
    #[must_use]
    pub(super) fn after(self, reached: bool, now: Instant, rules: PauseRules) -> Self {
        match self {
            _ if reached => Self::NEW,
            Self::Fine { failures } if failures + 1 < rules.after => Self::Fine {
                failures: failures + 1,
            },
            Self::Fine { .. } => paused(now, 0, rules),
            Self::Probing { pauses } => paused(now, pauses, rules),
            // Attempts that were under way when the pause began.
            Self::Paused { .. } => self,
        }
    }
}

fn paused(now: Instant, before: u32, rules: PauseRules) -> Health {
    let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
    let length = rules.first.saturating_mul(factor).min(rules.longest);
    Health::Paused {
        until: now + length,
        pauses: before.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PauseRules = PauseRules {
        after: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
    };

    #[test]
    fn failures_in_a_row_pause_and_a_success_forgets_them() {
        let now = Instant::now();
        let mut health = Health::NEW;
        for reached in [false, false, true, false, false] {
            health = health.after(reached, now, RULES);
            assert_eq!(health.gate(now), Gate::Open);
        }
        health = health.after(false, now, RULES);
        let until = now + RULES.first;
        assert_eq!(health.gate(now), Gate::ClosedUntil(until));
        assert_eq!(health.after(false, now, RULES), health);
        assert_eq!(health.gate(until), Gate::Probe);
    }

    #[test]
    fn pauses_grow_to_the_longest_and_a_probe_ends_them() {
        let mut now = Instant::now();
        let mut health = Health::Fine { failures: 2 };
        for expected in [1, 2, 4, 5, 5] {
            health = health.after(false, now, RULES);
            let until = now + Duration::from_secs(expected);
            assert_eq!(health.gate(now), Gate::ClosedUntil(until));
            now = until;
            assert_eq!(health.gate(now), Gate::Probe);
            health = health.probed();
        }
        assert_eq!(health.after(true, now, RULES), Health::NEW);
    }
}
