//! Statistics of a subscription's attempts, counted in buckets of time.
//!
//! The stores hold them, the API shows them, and auto-disable evaluates them.

use std::time::Duration;

use super::{Outcome, SubscriptionId, Timestamp};

/// Location at which an attempt is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Subscription of the attempt.
    pub subscription: SubscriptionId,
    /// Start of the bucket, in whole milliseconds.
    pub bucket: Timestamp,
    /// Buckets that began before this time are obsolete.
    pub keep_from: Timestamp,
}

/// Statistics of a subscription's attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Buckets of recent attempts, the oldest first.
    pub buckets: Vec<Bucket>,
    /// Time of the last successful attempt.
    pub last_success: Option<Timestamp>,
    /// Last failed attempt.
    pub last_failure: Option<LastFailure>,
}

/// Attempts that ended within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Start of the bucket; it ends at the start of the next one.
    pub start: Timestamp,
    /// Counts of the attempts.
    pub counts: Counts,
}

/// Failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFailure {
    /// Time at which it ended.
    pub at: Timestamp,
    /// Word of the outcome.
    pub outcome: String,
    /// Status of the response, if there was one.
    pub status: Option<u16>,
    /// Time of the next attempt of that delivery; `None` if none follows.
    pub retry: Option<Timestamp>,
}

/// Attempts by outcome; successful ones by latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts(pub [u64; CELLS]);

/// Number of cells: successes by each of `LATENCIES` or longer, failures, and dead letters.
pub const CELLS: usize = LATENCIES.len() + 3;
/// Cell of failures.
pub const FAILED: usize = LATENCIES.len() + 1;
/// Cell of deliveries given up; the attempt itself counts as a failure too.
pub const DEAD: usize = LATENCIES.len() + 2;
/// Upper bounds of the latency cells, in milliseconds.
pub const LATENCIES: [u64; 11] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

/// Cell in which an attempt is counted; `None` if it gives no information about the endpoint.
pub fn cell(outcome: &Outcome, took: Duration) -> Option<usize> {
    match outcome {
        Outcome::Delivered { .. } => {
            let longer = |millis: &&u64| took > Duration::from_millis(**millis);
            Some(LATENCIES.iter().take_while(longer).count())
        }
        Outcome::Refused { .. }
        | Outcome::TimedOut { .. }
        | Outcome::Unreachable { .. }
        | Outcome::Blocked { .. } => Some(FAILED),
        Outcome::PluginFailed { .. }
        | Outcome::Dropped { .. }
        | Outcome::Postponed { .. }
        | Outcome::Crashed { .. }
        | Outcome::Shadowed { .. } => None,
    }
}

impl Tally {
    /// Location of an attempt that ends now.
    ///
    /// A bucket is a 24th of the window. A new one begins when the subscription is activated, so
    /// that earlier attempts are counted separately.
    pub fn new(subscription: SubscriptionId, activated: Timestamp, window: Duration, now: Timestamp) -> Self {
        let width = u64::try_from(Self::width(window).as_millis()).unwrap_or(u64::MAX);
        let start = now.as_millis() / width * width;
        let start = start.max(activated.as_millis());
        Self {
            subscription,
            bucket: Timestamp::from_millis(start),
            keep_from: Timestamp::from_millis(start).minus(window),
        }
    }

    /// Length of a bucket.
    pub fn width(window: Duration) -> Duration {
        let millis = u64::try_from(window.as_millis() / BUCKETS).unwrap_or(u64::MAX);
        Duration::from_millis(millis.max(1))
    }

    /// Time after which unchanged statistics can be deleted: the window plus a margin.
    pub fn forget_after(&self) -> Duration {
        let window = self.bucket.since(self.keep_from);
        window + window / 8 + Duration::from_secs(60)
    }
}

impl Stats {
    /// Sum of the buckets that began at this time or later.
    pub fn since(&self, from: Timestamp) -> Counts {
        let from = Timestamp::from_millis(from.as_millis());
        let mut sum = Counts::default();
        for bucket in self.buckets.iter().filter(|bucket| bucket.start >= from) {
            sum.add(&bucket.counts);
        }
        sum
    }

    /// Counts of a bucket; inserts the bucket in time order if it is missing.
    pub fn bucket(&mut self, start: Timestamp) -> &mut Counts {
        let at = match self.buckets.binary_search_by_key(&start, |bucket| bucket.start) {
            Ok(at) => at,
            Err(at) => {
                let counts = Counts::default();
                self.buckets.insert(at, Bucket { start, counts });
                at
            }
        };
        &mut self.buckets[at].counts
    }
}

impl Counts {
    /// Adds the counts of another instance.
    pub fn add(&mut self, other: &Self) {
        for (cell, more) in self.0.iter_mut().zip(other.0) {
            *cell = cell.saturating_add(more);
        }
    }

    /// Number of successful attempts.
    pub fn delivered(&self) -> u64 {
        self.0[..FAILED].iter().sum()
    }

    /// Number of failed attempts.
    pub fn failed(&self) -> u64 {
        self.0[FAILED]
    }

    /// Number of deliveries given up.
    pub fn dead(&self) -> u64 {
        self.0[DEAD]
    }

    /// Number of all attempts.
    pub fn attempts(&self) -> u64 {
        self.delivered() + self.failed()
    }

    /// Share of failed attempts, 0 to 1; 0 without attempts.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 attempts")]
    pub fn share_failed(&self) -> f64 {
        match self.attempts() {
            0 => 0.0,
            attempts => self.failed() as f64 / attempts as f64,
        }
    }

    /// Latency percentile of the successes, rounded up to the next of `LATENCIES`.
    ///
    /// `None` without successes, or if the percentile exceeds the last of them.
    pub fn latency(&self, percent: u64) -> Option<Duration> {
        let rank = (self.delivered() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.0.iter().zip(LATENCIES).find_map(|(count, millis)| {
            seen += count;
            (seen >= rank).then(|| Duration::from_millis(millis))
        })
    }
}

const BUCKETS: u128 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const NOON: Timestamp = Timestamp::from_millis(1_700_049_600_000);

    fn tally(activated: Timestamp, now: Timestamp) -> Tally {
        Tally::new(SubscriptionId::new(ulid::Ulid(1)), activated, DAY, now)
    }

    #[test]
    fn a_day_has_a_bucket_an_hour_and_one_begins_with_each_activation() {
        let late = NOON.plus(Duration::from_secs(59 * 60));
        let old = Timestamp::default();
        assert_eq!(tally(old, NOON).bucket, NOON);
        assert_eq!(tally(old, late).bucket, NOON);
        assert_eq!(tally(old, NOON.plus(HOUR)).bucket, NOON.plus(HOUR));
        assert_eq!(tally(old, late).keep_from, NOON.minus(DAY));
        let activated = NOON.plus(Duration::from_millis(1_500));
        assert_eq!(tally(activated, late).bucket, activated);
        assert_eq!(tally(activated, NOON.plus(HOUR)).bucket, NOON.plus(HOUR));
        assert!(tally(old, late).forget_after() > DAY + HOUR);
    }

    #[test]
    fn the_window_rolls() {
        let mut stats = Stats::default();
        for hour in [3, 0, 1, 2] {
            stats.bucket(NOON.plus(HOUR * hour)).0[FAILED] += 1 << hour;
        }
        let starts: Vec<_> = stats.buckets.iter().map(|b| b.start).collect();
        assert!(starts.is_sorted());
        assert_eq!(stats.since(NOON).failed(), 0b1111);
        assert_eq!(stats.since(NOON.plus(Duration::from_millis(1))).failed(), 0b1110);
        assert_eq!(stats.since(NOON.plus(HOUR * 4)).attempts(), 0);
    }

    #[test]
    fn shares_and_latencies() {
        let mut counts = Counts::default();
        assert_eq!((counts.share_failed(), counts.latency(50)), (0.0, None));
        for millis in [5, 10, 11, 400] {
            let delivered = Outcome::Delivered { status: 200 };
            let cell = cell(&delivered, Duration::from_millis(millis)).expect("it counts");
            counts.0[cell] += 1;
        }
        assert_eq!(counts.latency(50), Some(Duration::from_millis(10)));
        assert_eq!(counts.latency(75), Some(Duration::from_millis(25)));
        assert_eq!(counts.latency(95), Some(Duration::from_millis(500)));
        counts.0[FAILED] += 12;
        assert_eq!((counts.attempts(), counts.delivered()), (16, 4));
        assert!((counts.share_failed() - 0.75).abs() < f64::EPSILON);
        let slow = cell(&Outcome::Delivered { status: 200 }, DAY);
        assert_eq!(slow, Some(LATENCIES.len()));
    }
}
