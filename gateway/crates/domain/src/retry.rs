//! Retry policies: backoff and schedules for failed deliveries.

use std::time::Duration;

/// Retry policy: number of attempts and the delays between them.
///
/// Only the constructors create one, so it always ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    delays: Delays,
    attempts: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum Delays {
    Exponential { base: Duration, max: Duration },
    Schedule(Vec<Duration>),
}

/// Error: the policy is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRetryPolicy {
    /// No attempt, or more than 100.
    #[error("the number of attempts must be 1 to 100")]
    Attempts,
    /// The first delay is zero or longer than the maximum.
    #[error("the base delay must be over 0 and not over the longest delay")]
    Base,
    /// A delay exceeds 7 days.
    #[error("no delay may be over 7 days")]
    TooLong,
}

impl RetryPolicy {
    /// Exponential backoff with full jitter.
    ///
    /// Attempt n + 1 follows after a random delay between 0 and min(max, base × 2^(n-1)) (AWS
    /// Architecture Blog, "Exponential Backoff and Jitter", 2015). `attempts` includes the first
    /// one.
    ///
    /// # Errors
    /// Values out of the bounds of `BadRetryPolicy`.
    pub fn exponential(base: Duration, max: Duration, attempts: u32) -> Result<Self, BadRetryPolicy> {
        check_attempts(attempts)?;
        if base.is_zero() || base > max {
            return Err(BadRetryPolicy::Base);
        }
        if max > LONGEST_DELAY {
            return Err(BadRetryPolicy::TooLong);
        }
        Ok(Self {
            delays: Delays::Exponential { base, max },
            attempts,
        })
    }

    /// Fixed schedule of delays: one more attempt than delays.
    ///
    /// # Errors
    /// Values out of the bounds of `BadRetryPolicy`.
    pub fn schedule(delays: Vec<Duration>) -> Result<Self, BadRetryPolicy> {
        let attempts = u32::try_from(delays.len()).unwrap_or(u32::MAX).saturating_add(1);
        check_attempts(attempts)?;
        if delays.iter().any(|&delay| delay > LONGEST_DELAY) {
            return Err(BadRetryPolicy::TooLong);
        }
        Ok(Self {
            delays: Delays::Schedule(delays),
            attempts,
        })
    }

    /// Delay after `made` failed attempts (1 or more); `None` if no attempt follows.
    ///
    /// `chance` is uniform in 0..1.
    pub fn delay(&self, made: u32, chance: f64) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let index = made.saturating_sub(1);
        match &self.delays {
            Delays::Exponential { base, max } => {
                let ceiling = base
                    .saturating_mul(1_u32.checked_shl(index).unwrap_or(u32::MAX))
                    .min(*max);
                Some(ceiling.mul_f64(chance.clamp(0.0, 1.0)))
            }
            Delays::Schedule(delays) => delays.get(usize::try_from(index).ok()?).copied(),
        }
    }

    /// Total number of attempts, including the first.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Maximum sum of all delays.
    pub fn longest(&self) -> Duration {
        (1..self.attempts).filter_map(|made| self.delay(made, 1.0)).sum()
    }

    /// Parameters of the policy, for display.
    pub fn shape(&self) -> RetryShape<'_> {
        match &self.delays {
            Delays::Exponential { base, max } => RetryShape::Exponential {
                base: *base,
                max: *max,
            },
            Delays::Schedule(delays) => RetryShape::Schedule(delays),
        }
    }
}

/// Parameters of a retry policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RetryShape<'a> {
    /// Parameters of `RetryPolicy::exponential`.
    Exponential {
        /// First upper bound of the delay.
        base: Duration,
        /// Highest upper bound of the delay.
        max: Duration,
    },
    /// Delays of `RetryPolicy::schedule`.
    Schedule(&'a [Duration]),
}

fn check_attempts(attempts: u32) -> Result<(), BadRetryPolicy> {
    if (1..=100).contains(&attempts) {
        Ok(())
    } else {
        Err(BadRetryPolicy::Attempts)
    }
}

const LONGEST_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn exponential_doubles_to_its_ceiling_and_ends() {
        let policy = RetryPolicy::exponential(secs(5), secs(30), 6).expect("valid");
        let highest: Vec<_> = (1..=6).map(|made| policy.delay(made, 1.0)).collect();
        let expected = [5, 10, 20, 30, 30].map(|n| Some(secs(n)));
        assert_eq!(highest[..5], expected);
        assert_eq!(highest[5], None);
        assert_eq!(policy.delay(2, 0.5), Some(secs(5)));
        assert_eq!(policy.delay(2, 0.0), Some(secs(0)));
        assert_eq!(policy.longest(), secs(95));
        let long = RetryPolicy::exponential(secs(5), secs(3600), 100).expect("valid");
        assert_eq!(long.delay(99, 1.0), Some(secs(3600)));
    }

    #[test]
    fn a_schedule_is_taken_as_written() {
        let policy = RetryPolicy::schedule([0, 60, 300].map(secs).to_vec()).expect("valid");
        assert_eq!(policy.attempts(), 4);
        let delays: Vec<_> = (1..=4).map(|made| policy.delay(made, 0.3)).collect();
        assert_eq!(delays, [Some(secs(0)), Some(secs(60)), Some(secs(300)), None]);
    }

    #[test]
    fn senseless_policies_are_refused() {
        assert_eq!(
            RetryPolicy::exponential(secs(0), secs(1), 3),
            Err(BadRetryPolicy::Base)
        );
        assert_eq!(
            RetryPolicy::exponential(secs(2), secs(1), 3),
            Err(BadRetryPolicy::Base)
        );
        assert_eq!(
            RetryPolicy::exponential(secs(1), secs(1), 0),
            Err(BadRetryPolicy::Attempts)
        );
        assert_eq!(
            RetryPolicy::exponential(secs(1), secs(1 << 30), 2),
            Err(BadRetryPolicy::TooLong)
        );
        assert_eq!(
            RetryPolicy::schedule(vec![secs(1); 100]),
            Err(BadRetryPolicy::Attempts)
        );
    }
}
