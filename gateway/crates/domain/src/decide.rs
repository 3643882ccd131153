//! Decides the next step of a delivery after an attempt, as one pure function.

use std::time::Duration;

use super::{Outcome, RetryPolicy, Timestamp};

/// Rules for further attempts of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryRules {
    /// Delays between the attempts.
    pub policy: RetryPolicy,
    /// Effects of an endpoint's response.
    pub answers: AnswerRules,
}

/// Effects of an endpoint's responses on its deliveries, as chosen by a product's contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnswerRules {
    /// Effect of a 410.
    pub gone: Gone,
    /// Effect of a Retry-After.
    pub retry_after: RetryAfter,
    /// Effect of consecutive failures.
    pub pause: Pause,
}

/// Effect of a 410 (RFC 9110 §15.5.11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gone {
    /// Gives the delivery up and disables the subscription.
    #[default]
    Disable,
    /// Retries the delivery as after any other refusal.
    Retry,
}

/// Effect of a Retry-After (RFC 9110 §10.2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RetryAfter {
    /// Makes no attempt before the requested time.
    #[default]
    Honour,
    /// Keeps the delays of the retry policy.
    Ignore,
}

/// Circuit breaker of an endpoint that keeps failing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pause {
    /// Pauses briefly and repeatedly, with a few attempts in between.
    #[default]
    On,
    /// Never pauses: every attempt is made when it is due.
    Off,
}

/// Next step of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Marks the delivery as delivered.
    Finish,
    /// Retries the delivery at this time.
    TryAgainAt(Timestamp),
    /// Makes the delivery a dead letter.
    GiveUp,
    /// Makes the delivery a dead letter and disables the subscription: the endpoint is gone.
    Disable,
    /// Cancels the delivery: a step of the delivery chain dropped it.
    CallOff,
    /// Ends the delivery: the request was recorded instead of sent.
    Shadow,
}

/// Decides the next step.
///
/// `made` counts the attempts so far, including this one; `chance` is uniform in 0..1.
///
/// Only 2xx is a success; redirects are refusals. A 410 means that the endpoint is gone (RFC 9110
/// §15.5.11). After a Retry-After (RFC 9110 §10.2.3) the next attempt is never earlier than
/// requested, and up to a tenth later, so that retries spread out. A contract can change both
/// rules. A delay that a plugin or a paused endpoint requested does not count as an attempt. A
/// delivery whose attempts ended the gateway's process too often is given up regardless of its
/// policy; an attempt that only panicked counts as an ordinary failure.
pub fn decide(outcome: &Outcome, made: u32, rules: &RetryRules, now: Timestamp, chance: f64) -> Decision {
    let asked = match outcome {
        Outcome::Delivered { .. } => return Decision::Finish,
        Outcome::Refused { status: 410, .. } if rules.answers.gone == Gone::Disable => {
            return Decision::Disable;
        }
        Outcome::Dropped { .. } => return Decision::CallOff,
        Outcome::Shadowed { .. } => return Decision::Shadow,
        Outcome::Postponed { by } => return Decision::TryAgainAt(now.plus(*by)),
        Outcome::Refused { retry_after, .. } => match rules.answers.retry_after {
            RetryAfter::Honour => *retry_after,
            RetryAfter::Ignore => None,
        },
        Outcome::TimedOut { .. }
        | Outcome::Unreachable { .. }
        | Outcome::Blocked { .. }
        | Outcome::PluginFailed { .. }
        | Outcome::Crashed { times: 0 } => None,
        Outcome::Crashed { .. } => return Decision::GiveUp,
    };
    let Some(own) = rules.policy.delay(made, chance) else {
        return Decision::GiveUp;
    };
    let asked = asked.map_or(Duration::ZERO, |asked| {
        asked + asked.mul_f64(chance.clamp(0.0, 1.0) / 10.0)
    });
    Decision::TryAgainAt(now.plus(own.max(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Stage;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn refused(status: u16, retry_after: Option<u64>) -> Outcome {
        Outcome::Refused {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn in_secs(secs: u64) -> Decision {
        Decision::TryAgainAt(NOW.plus(Duration::from_secs(secs)))
    }

    fn rules(answers: AnswerRules) -> RetryRules {
        let delays = [10, 60].map(Duration::from_secs).to_vec();
        RetryRules {
            policy: RetryPolicy::schedule(delays).expect("valid"),
            answers,
        }
    }

    #[test]
    fn contract_may_retry_410_and_ignore_retry_after() {
        let rules = rules(AnswerRules {
            gone: Gone::Retry,
            retry_after: RetryAfter::Ignore,
            pause: Pause::Off,
        });
        for (outcome, made, expected) in [
            (refused(410, None), 1, in_secs(10)),
            (refused(410, None), 3, Decision::GiveUp),
            (refused(429, Some(100)), 1, in_secs(10)),
            (refused(503, Some(3600)), 2, in_secs(60)),
        ] {
            assert_eq!(decide(&outcome, made, &rules, NOW, 0.5), expected, "{outcome:?}");
        }
    }

    #[test]
    fn table() {
        let rules = rules(AnswerRules::default());
        let timed_out = Outcome::TimedOut { during: Stage::Head };
        for (outcome, made, expected) in [
            (Outcome::Delivered { status: 204 }, 1, Decision::Finish),
            (Outcome::Delivered { status: 200 }, 3, Decision::Finish),
            (refused(301, None), 1, in_secs(10)),
            (refused(400, None), 1, in_secs(10)),
            (refused(410, None), 1, Decision::Disable),
            (refused(500, None), 1, in_secs(10)),
            (refused(500, None), 2, in_secs(60)),
            (refused(500, None), 3, Decision::GiveUp),
            (refused(429, Some(100)), 1, in_secs(105)),
            (refused(503, Some(2)), 1, in_secs(10)),
            (refused(503, Some(100)), 3, Decision::GiveUp),
            (timed_out.clone(), 1, in_secs(10)),
            (timed_out, 3, Decision::GiveUp),
            (
                Outcome::Postponed {
                    by: Duration::from_secs(7),
                },
                3,
                in_secs(7),
            ),
            (
                Outcome::Blocked {
                    reason: String::new(),
                },
                1,
                in_secs(10),
            ),
            (Outcome::Crashed { times: 0 }, 1, in_secs(10)),
            (Outcome::Crashed { times: 3 }, 1, Decision::GiveUp),
        ] {
            assert_eq!(
                decide(&outcome, made, &rules, NOW, 0.5),
                expected,
                "{outcome:?} after {made}"
            );
        }
    }
}
