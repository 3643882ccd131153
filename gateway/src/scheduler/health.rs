//! Circuit breaker of an endpoint: decides from the last attempts whether it is attempted. Pure:
//! time is an argument.
//!
//! An endpoint that keeps failing is paused; when the pause is over, one attempt probes it (the
//! half-open circuit breaker of M. Nygard, "Release It!"). A pause uses up no attempts: deliveries
//! wait without counting one. It does not replace the retry schedule either: if the probe fails at
//! once, which is cheap, some more of the due deliveries are attempted, a few at a time, before the
//! next pause. A probe that hangs ends the round, because each such attempt costs a timeout.
//!
//! An endpoint that asks for time (429, or 503 with Retry-After) has it, for all deliveries (RFC
//! 9110 §10.2.3).

use std::time::{Duration, Instant};

/// State of the circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Closed: attempts are made; `failures` in a row have failed so far.
    Fine { failures: u32 },
    /// Open until a time; `asked`: the endpoint itself asked for the pause.
    Paused {
        until: Instant,
        pauses: u32,
        asked: bool,
    },
    /// Half-open: one attempt at a time probes the endpoint, after this many pauses.
    Probing { pauses: u32 },
    /// The probe failed at once: `left` more attempts, a few at a time, before the next pause.
    Failing { left: u32, pauses: u32 },
}

/// Rules for pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PauseRules {
    /// Consecutive failures before the first pause.
    pub(super) after: u32,
    /// First pause; each further one in a row is twice as long.
    pub(super) first: Duration,
    /// Longest pause.
    pub(super) longest: Duration,
    /// Attempts between two pauses of an endpoint that fails at once.
    pub(super) attempts_between: u32,
}

/// Permission for attempts at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Attempts are allowed.
    Open,
    /// A few attempts at a time.
    Few,
    /// One attempt, if none is under way.
    Probe,
    /// No attempts until then.
    ClosedUntil(Instant),
}

/// Result of an attempt, as it concerns the endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The endpoint was reached.
    Reached,
    /// The attempt failed at once.
    Failed,
    /// The attempt failed after it had held its place for long, or the endpoint is overloaded.
    Hung,
    /// The endpoint asks for time, with a length if it names one.
    Throttled(Option<Duration>),
}

impl Health {
    pub(super) const NEW: Self = Self::Fine { failures: 0 };

    /// Returns the attempts allowed now.
    pub(super) fn gate(self, now: Instant) -> Gate {
        match self {
            Self::Fine { .. } => Gate::Open,
            Self::Paused { until, .. } if now < until => Gate::ClosedUntil(until),
            Self::Failing { left: 1.., .. } => Gate::Few,
            Self::Paused { .. } | Self::Probing { .. } | Self::Failing { left: 0, .. } => Gate::Probe,
        }
    }

    /// Returns the state after an attempt has begun.
    #[must_use]
    pub(super) fn started(self) -> Self {
        match self {
            Self::Paused { pauses, .. } => Self::Probing { pauses },
            Self::Failing { left, pauses } => Self::Failing {
                left: left.saturating_sub(1),
                pauses,
            },
            other => other,
        }
    }

    /// Returns the state after an attempt.
    #[must_use]
    pub(super) fn after(self, sign: Sign, now: Instant, rules: PauseRules) -> Self {
        match (self, sign) {
            // The success of another attempt in flight does not cancel a pause that the endpoint
            // asked for.
            (Self::Paused { asked: true, .. }, Sign::Reached) => self,
            (_, Sign::Reached) => Self::NEW,
            (_, Sign::Throttled(Some(asked))) => self.left_alone(now + asked.min(LONGEST_ASKED)),
            (Self::Fine { .. }, Sign::Throttled(None)) => paused(now, 0, rules),
            (Self::Fine { failures }, _) if failures + 1 < rules.after => Self::Fine {
                failures: failures + 1,
            },
            (Self::Fine { .. }, _) => paused(now, 0, rules),
            (Self::Probing { pauses }, Sign::Failed) if rules.attempts_between > 1 => Self::Failing {
                left: rules.attempts_between - 1,
                pauses,
            },
            (Self::Failing { left: 1.., .. }, Sign::Failed) => self,
            (Self::Probing { pauses } | Self::Failing { pauses, .. }, _) => paused(now, pauses, rules),
            // These attempts were under way when the pause began.
            (Self::Paused { .. }, _) => self,
        }
    }

    /// Returns the state after the endpoint has asked for a pause until `asked`.
    fn left_alone(self, asked: Instant) -> Self {
        let (before, pauses) = match self {
            Self::Paused { until, pauses, .. } => (Some(until), pauses),
            Self::Fine { .. } => (None, 0),
            Self::Probing { pauses } | Self::Failing { pauses, .. } => (None, pauses),
        };
        Self::Paused {
            until: before.map_or(asked, |before| before.max(asked)),
            pauses,
            asked: true,
        }
    }
}

/// Opens the circuit breaker of an endpoint: pauses it.
fn paused(now: Instant, before: u32, rules: PauseRules) -> Health {
    let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
    let length = rules.first.saturating_mul(factor).min(rules.longest);
    Health::Paused {
        until: now + length,
        pauses: before.saturating_add(1),
        asked: false,
    }
}

/// Longest pause that an endpoint can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PauseRules = PauseRules {
        after: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
        attempts_between: 3,
    };

    #[test]
    fn failures_in_a_row_pause_and_a_success_forgets_them() {
        let now = Instant::now();
        let mut health = Health::NEW;
        for sign in [Sign::Failed, Sign::Hung, Sign::Reached, Sign::Hung, Sign::Failed] {
            health = health.after(sign, now, RULES);
            assert_eq!(health.gate(now), Gate::Open);
        }
        health = health.after(Sign::Failed, now, RULES);
        let until = now + RULES.first;
        assert_eq!(health.gate(now), Gate::ClosedUntil(until));
        assert_eq!(health.after(Sign::Failed, now, RULES), health);
        assert_eq!(health.gate(until), Gate::Probe);
    }

    #[test]
    fn pauses_grow_to_the_longest_and_a_probe_ends_them() {
        let mut now = Instant::now();
        let mut health = Health::Fine { failures: 2 };
        for expected in [1, 2, 4, 5, 5] {
            health = health.after(Sign::Hung, now, RULES);
            let until = now + Duration::from_secs(expected);
            assert_eq!(health.gate(now), Gate::ClosedUntil(until));
            now = until;
            assert_eq!(health.gate(now), Gate::Probe);
            health = health.started();
        }
        assert_eq!(health.after(Sign::Reached, now, RULES), Health::NEW);
    }

    #[test]
    fn breaker_lets_some_of_what_is_due_through_between_pauses() {
        let now = Instant::now();
        let paused = Health::Fine { failures: 2 }.after(Sign::Failed, now, RULES);
        let later = now + RULES.first;
        let mut health = paused.started().after(Sign::Failed, later, RULES);
        for _ in 0..2 {
            assert_eq!(health.gate(later), Gate::Few);
            health = health.started();
        }
        assert_eq!(health.gate(later), Gate::Probe, "three were begun");
        let ended = health.after(Sign::Failed, later, RULES);
        assert_eq!(ended.gate(later), Gate::ClosedUntil(later + 2 * RULES.first));
        let few = paused.started().after(Sign::Failed, later, RULES).started();
        let hung = few.after(Sign::Hung, later, RULES);
        assert_eq!(hung.gate(later), Gate::ClosedUntil(later + 2 * RULES.first));
        assert_eq!(few.after(Sign::Reached, later, RULES), Health::NEW);
    }

    #[test]
    fn breaker_keeps_to_retry_after_up_to_a_day() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let throttled = |asked| Health::NEW.after(Sign::Throttled(asked), now, RULES);
        assert_eq!(throttled(None).gate(now), Gate::ClosedUntil(now + RULES.first));
        let asked = throttled(Some(hour));
        assert_eq!(asked.gate(now), Gate::ClosedUntil(now + hour));
        let longer = asked.after(Sign::Throttled(Some(2 * hour)), now, RULES);
        assert_eq!(longer.gate(now), Gate::ClosedUntil(now + 2 * hour));
        let shorter = longer.after(Sign::Throttled(Some(hour)), now, RULES);
        assert_eq!(shorter, longer);
        assert_eq!(asked.after(Sign::Reached, now, RULES), asked);
        let forever = throttled(Some(1000 * hour));
        assert_eq!(forever.gate(now), Gate::ClosedUntil(now + 24 * hour));
        let probe = asked.started();
        assert_eq!(probe.gate(now + hour), Gate::Probe);
        assert_eq!(probe.after(Sign::Reached, now + hour, RULES), Health::NEW);
    }
}
