//! Token bucket as a generic cell rate algorithm (GCRA, ITU-T I.371).
//!
//! It has one number of state and no timer. The state is the theoretical arrival time: the time at
//! which the bucket is full again. Time is an argument, from any monotonic clock.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that are refilled per period.
    pub count: NonZeroU32,
    /// Period of the refill.
    pub per: Duration,
    /// Capacity of the bucket.
    pub burst: NonZeroU32,
}

/// Token bucket of one tenant.
///
/// The rate is an argument of each call, so that a changed rate takes effect at once.
#[derive(Debug, Default)]
pub struct TokenBucket {
    full_at_ns: AtomicU64,
}

/// Refusal by a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketEmpty {
    /// Enough tokens are available after this time.
    Wait(Duration),
    /// The request exceeds the capacity of the bucket.
    TooMany,
}

impl TokenBucket {
    /// Takes all of the tokens or none.
    ///
    /// # Errors
    /// The time to wait, or that waiting is useless.
    pub fn take(&self, rate: Rate, tokens: u32, now: Duration) -> Result<(), BucketEmpty> {
        if tokens > rate.burst.get() {
            return Err(BucketEmpty::TooMany);
        }
        let (now, interval) = (nanos(now), rate.interval());
        let capacity = interval.saturating_mul(rate.burst.get().into());
        let cost = interval.saturating_mul(tokens.into());
        // After the rate was raised, the bucket must not stay empty for longer than one complete
        // refill.
        let taken = |full_at: u64| {
            full_at
                .clamp(now, now.saturating_add(capacity))
                .saturating_add(cost)
        };
        let step = |full_at| Some(taken(full_at)).filter(|next| *next <= now.saturating_add(capacity));
        match self
            .full_at_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
        {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let wait = taken(full_at).saturating_sub(now.saturating_add(capacity));
                Err(BucketEmpty::Wait(Duration::from_nanos(wait)))
            }
        }
    }

    /// Returns unused tokens to the bucket.
    pub fn give_back(&self, rate: Rate, tokens: u32) {
        let cost = rate.interval().saturating_mul(tokens.into());
        // Cannot fail: the function always returns a value.
        let _ = self
            .full_at_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                Some(full_at.saturating_sub(cost))
            });
    }

    /// Number of tokens missing from a full bucket, rounded up.
    pub fn missing(&self, rate: Rate, now: Duration) -> u32 {
        let ahead = self.full_at_ns.load(Ordering::Relaxed).saturating_sub(nanos(now));
        let missing = ahead.div_ceil(rate.interval());
        u32::try_from(missing).unwrap_or(u32::MAX).min(rate.burst.get())
    }
}

impl Rate {
    /// Time to refill one token, in ns, at least 1.
    fn interval(self) -> u64 {
        (nanos(self.per) / u64::from(self.count.get())).max(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(count: u32, per: u64, burst: u32) -> Rate {
        Rate {
            count: NonZeroU32::new(count).unwrap(),
            per: Duration::from_secs(per),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn bucket_gives_its_burst_and_then_its_rate() {
        let (bucket, rate) = (TokenBucket::default(), rate(2, 1, 3));
        let now = at(60_000);
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 1, now), Ok(()));
        }
        assert_eq!(bucket.take(rate, 1, now), Err(BucketEmpty::Wait(at(500))));
        assert_eq!(bucket.take(rate, 2, now), Err(BucketEmpty::Wait(at(1_000))));
        assert_eq!(bucket.take(rate, 1, at(60_499)), Err(BucketEmpty::Wait(at(1))));
        assert_eq!(bucket.take(rate, 1, at(60_500)), Ok(()));
        assert_eq!(bucket.take(rate, 1, at(60_500)), Err(BucketEmpty::Wait(at(500))));
    }

    #[test]
    fn bucket_is_full_after_a_pause_and_not_fuller() {
        let (bucket, rate) = (TokenBucket::default(), rate(10, 1, 10));
        assert_eq!(bucket.take(rate, 10, at(0)), Ok(()));
        assert_eq!(bucket.missing(rate, at(0)), 10);
        assert_eq!(bucket.missing(rate, at(450)), 6);
        assert_eq!(bucket.take(rate, 10, at(3_600_000)), Ok(()));
        assert_eq!(
            bucket.take(rate, 1, at(3_600_000)),
            Err(BucketEmpty::Wait(at(100)))
        );
    }

    #[test]
    fn more_than_the_burst_is_never_given() {
        let (bucket, rate) = (TokenBucket::default(), rate(10, 1, 10));
        assert_eq!(bucket.take(rate, 11, at(0)), Err(BucketEmpty::TooMany));
        assert_eq!(bucket.take(rate, 10, at(0)), Ok(()), "it took nothing");
    }

    #[test]
    fn tokens_given_back_are_there_again() {
        let (bucket, rate) = (TokenBucket::default(), rate(1, 60, 2));
        assert_eq!(bucket.take(rate, 2, at(0)), Ok(()));
        bucket.give_back(rate, 1);
        assert_eq!(bucket.missing(rate, at(0)), 1);
        assert_eq!(bucket.take(rate, 1, at(0)), Ok(()));
        assert!(bucket.take(rate, 1, at(0)).is_err());
    }

    #[test]
    fn raised_rate_holds_at_once() {
        let (bucket, slow, fast) = (TokenBucket::default(), rate(1, 60, 5), rate(1_000, 1, 5));
        assert_eq!(bucket.take(slow, 5, at(0)), Ok(()));
        assert_eq!(bucket.missing(fast, at(0)), 5);
        assert_eq!(bucket.take(fast, 1, at(0)), Err(BucketEmpty::Wait(at(1))));
    }

    #[test]
    fn long_run_is_the_rate_whatever_is_asked() {
        let (bucket, rate) = (TokenBucket::default(), rate(100, 1, 50));
        let given = (0..100_000)
            .filter(|n| bucket.take(rate, 1, at(n / 10)).is_ok())
            .count();
        assert!((1_040..=1_060).contains(&given), "{given} in 10 s");
    }
}
