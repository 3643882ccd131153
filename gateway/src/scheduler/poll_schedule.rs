//! Poll schedule of the store's shards: times of the next claims. Pure: time is an argument.
//!
//! A shard that fails has a separate backoff and delays no other shard. After a long failure leases
//! may have ended whose holders live: their renewals and settlements come first, and the shard rests
//! from claims meanwhile.

use std::time::{Duration, Instant};

use hookgate_store::Shard;

/// Next claim of each shard.
#[derive(Debug)]
pub(super) struct PollSchedule {
    poll: Duration,
    shards: Vec<Look>,
}

/// Next claim of one shard.
#[derive(Debug, Clone)]
struct Look {
    next: Instant,
    answered: Instant,
    rests_until: Option<Instant>,
    backoff: ShardBackoff,
    /// Set while a claim is under way; the shard is not due before it ends.
    under_way: bool,
}

/// Backoff of a shard whose claims fail.
#[derive(Debug, Clone, Default)]
struct ShardBackoff {
    failures: u32,
}

/// The effect of a claim's result on the store's availability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The first shard failed; all others answer.
    FirstLost,
    /// Every shard answers again.
    AllFound,
    /// No change.
    None,
}

impl PollSchedule {
    /// Creates a schedule with all shards due now.
    pub(super) fn new(shards: u16, poll: Duration, now: Instant) -> Self {
        let look = Look {
            next: now,
            answered: now,
            rests_until: None,
            backoff: ShardBackoff::default(),
            under_way: false,
        };
        Self {
            poll,
            shards: vec![look; usize::from(shards)],
        }
    }

    /// Time of the next claim; `None` while claims from all shards are under way.
    pub(super) fn earliest(&self) -> Option<Instant> {
        let idle = self.shards.iter().filter(|look| !look.under_way);
        idle.map(|look| look.next).min()
    }

    /// Returns the shards that are due, the longest due first.
    pub(super) fn due(&self, now: Instant) -> Vec<Shard> {
        let mut due: Vec<_> = (0_u16..)
            .zip(&self.shards)
            .filter(|(_, look)| look.next <= now && !look.under_way)
            .collect();
        due.sort_by_key(|(_, look)| look.next);
        due.into_iter().map(|(shard, _)| Shard(shard)).collect()
    }

    /// Makes all shards that answer due now: something is due, and its shard is unknown.
    pub(super) fn all(&mut self, now: Instant) {
        for look in self.shards.iter_mut().filter(|look| !look.backoff.is_failing()) {
            look.next = look.rests_until.map_or(now, |until| now.max(until));
        }
    }

    /// Checks that nothing is to be claimed from a shard: it fails or rests.
    pub(super) fn is_closed(&self, shard: Shard, now: Instant) -> bool {
        let look = self.shards.get(usize::from(shard.0));
        look.is_some_and(|look| {
            look.backoff.is_failing() || look.rests_until.is_some_and(|until| now < until)
        })
    }

    /// Time since when a shard has not answered; `now` unless it fails.
    pub(super) fn silent_since(&self, shard: Shard, now: Instant) -> Instant {
        let look = self.shards.get(usize::from(shard.0));
        look.filter(|look| look.backoff.is_failing())
            .map_or(now, |look| look.answered)
    }

    /// Checks that the last claim from a shard failed.
    pub(super) fn is_failing(&self, shard: Shard) -> bool {
        let look = self.shards.get(usize::from(shard.0));
        look.is_some_and(|look| look.backoff.is_failing())
    }

    /// Records that a claim begins.
    pub(super) fn begin(&mut self, shard: Shard) {
        if let Some(look) = self.shards.get_mut(usize::from(shard.0)) {
            look.under_way = true;
        }
    }

    /// Records a claim that succeeded: the shard is due at its next delivery or the next poll.
    ///
    /// `wait`: time until its next delivery is due. `full`: more may be due already.
    pub(super) fn succeeded(
        &mut self,
        shard: Shard,
        now: Instant,
        wait: Option<Duration>,
        full: bool,
    ) -> Change {
        let wait = wait.unwrap_or(self.poll).clamp(SHORTEST, self.poll.max(SHORTEST));
        let Some(look) = self.shards.get_mut(usize::from(shard.0)) else {
            return Change::None;
        };
        look.under_way = false;
        look.answered = now;
        look.rests_until = None;
        look.next = if full { now } else { now + wait };
        let recovered = look.backoff.succeeded();
        if recovered && self.failing() == 0 {
            Change::AllFound
        } else {
            Change::None
        }
    }

    /// Begins the rest of a shard that answered after a long silence: nothing is claimed from it for
    /// this time.
    pub(super) fn rest(&mut self, shard: Shard, now: Instant, time: Duration) {
        if let Some(look) = self.shards.get_mut(usize::from(shard.0)) {
            look.rests_until = Some(now + time);
            look.next = now + time;
        }
    }

    /// Records a claim that failed; the shard is due again after its backoff. `chance` is uniform
    /// in 0..1.
    pub(super) fn failed(&mut self, shard: Shard, now: Instant, chance: f64) -> Change {
        let before = self.failing();
        if let Some(look) = self.shards.get_mut(usize::from(shard.0)) {
            look.under_way = false;
            look.next = now + look.backoff.failed(chance);
        }
        if before == 0 {
            Change::FirstLost
        } else {
            Change::None
        }
    }

    fn failing(&self) -> usize {
        let failing = self.shards.iter().filter(|look| look.backoff.is_failing());
        failing.count()
    }
}

impl ShardBackoff {
    /// Returns the backoff after one more failure: 50 ms, doubling to 5 s, with jitter.
    ///
    /// `chance` (0..1) subtracts up to a half, so that many processes do not return at the same
    /// moment.
    fn failed(&mut self, chance: f64) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = Duration::from_millis(50)
            .saturating_mul(factor)
            .min(Duration::from_secs(5));
        wait.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
    }

    /// Resets the backoff; returns `true` for the first success after failures.
    fn succeeded(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

/// Minimum interval, so that a lease that keeps ending at the same moment makes no busy loop.
const SHORTEST: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_when_something_is_due_and_never_later_than_the_poll() {
        let now = Instant::now();
        let secs = Duration::from_secs;
        let mut schedule = PollSchedule::new(3, secs(10), now);
        assert_eq!(schedule.due(now), [Shard(0), Shard(1), Shard(2)]);
        schedule.succeeded(Shard(0), now, Some(secs(3)), false);
        schedule.succeeded(Shard(1), now, Some(secs(30)), false);
        schedule.succeeded(Shard(2), now, None, true);
        assert_eq!(schedule.due(now), [Shard(2)]);
        schedule.succeeded(Shard(2), now, None, false);
        assert_eq!(schedule.earliest(), Some(now + secs(3)));
        assert_eq!(schedule.due(now + secs(10)), [Shard(0), Shard(1), Shard(2)]);
        schedule.succeeded(Shard(0), now, Some(secs(0)), false);
        assert!(schedule.due(now).is_empty());
        schedule.all(now);
        assert_eq!(schedule.due(now).len(), 3);
    }

    #[test]
    fn shard_that_fails_backs_off_alone() {
        let now = Instant::now();
        let mut schedule = PollSchedule::new(3, Duration::from_secs(10), now);
        assert_eq!(schedule.failed(Shard(1), now, 0.0), Change::FirstLost);
        assert_eq!(schedule.due(now), [Shard(0), Shard(2)]);
        assert_eq!(schedule.failed(Shard(2), now, 0.0), Change::None);
        assert_eq!(schedule.succeeded(Shard(0), now, None, false), Change::None);
        schedule.all(now);
        assert_eq!(schedule.due(now), [Shard(0)], "what fails keeps its backoff");
        assert!(schedule.is_failing(Shard(1)) && !schedule.is_failing(Shard(0)));

        let later = now + Duration::from_millis(50);
        assert_eq!(schedule.due(later), [Shard(0), Shard(1), Shard(2)]);
        schedule.begin(Shard(1));
        assert_eq!(
            schedule.due(later),
            [Shard(0), Shard(2)],
            "its claim is under way"
        );
        assert_eq!(schedule.succeeded(Shard(1), later, None, false), Change::None);
        assert_eq!(schedule.succeeded(Shard(2), later, None, false), Change::AllFound);
        assert_eq!(schedule.succeeded(Shard(2), later, None, false), Change::None);
    }

    #[test]
    fn shard_that_was_silent_for_long_rests_before_claims() {
        let (now, secs) = (Instant::now(), Duration::from_secs);
        let mut schedule = PollSchedule::new(2, secs(10), now);
        assert_eq!(schedule.silent_since(Shard(0), now + secs(9)), now + secs(9));
        schedule.failed(Shard(0), now + secs(1), 0.0);
        schedule.failed(Shard(0), now + secs(2), 0.0);
        assert_eq!(schedule.silent_since(Shard(0), now + secs(9)), now);
        assert!(schedule.is_closed(Shard(0), now + secs(9)));

        let back = now + secs(20);
        assert_eq!(schedule.succeeded(Shard(0), back, None, true), Change::AllFound);
        schedule.rest(Shard(0), back, secs(3));
        schedule.all(back);
        assert_eq!(schedule.due(back), [Shard(1)]);
        assert!(schedule.is_closed(Shard(0), back) && !schedule.is_closed(Shard(1), back));
        let rested = back + secs(3);
        assert!(!schedule.is_closed(Shard(0), rested));
        assert_eq!(schedule.due(rested), [Shard(1), Shard(0)]);
    }

    #[test]
    fn backs_off_within_bounds() {
        let mut backoff = ShardBackoff::default();
        assert!(!backoff.succeeded());
        let waits: Vec<_> = (0..9).map(|_| backoff.failed(0.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.failed(1.0).as_millis(), 2500);
        assert!(backoff.succeeded());
        assert_eq!(backoff.failed(0.0).as_millis(), 50);
    }
}
