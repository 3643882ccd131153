//! When each shard of the store is looked at next. A value: time is given.

use std::time::{Duration, Instant};

use crate::store::Shard;

/// The next look at each shard.
#[derive(Debug)]
pub(super) struct Looks {
    poll: Duration,
    next: Vec<Instant>,
}

/// How often a store that is away is asked.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Looks {
    /// All are looked at now.
    pub(super) fn new(shards: u16, poll: Duration, now: Instant) -> Self {
        Self {
            poll,
            next: vec![now; usize::from(shards)],
        }
    }

    /// When the next look is.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.next.iter().min().copied()
    }

    /// The shards to look at now, the longest due first.
    pub(super) fn due(&self, now: Instant) -> Vec<Shard> {
        let mut due: Vec<_> = (0_u16..).zip(&self.next).filter(|(_, at)| **at <= now).collect();
        due.sort_by_key(|(_, at)| **at);
        due.into_iter().map(|(shard, _)| Shard(shard)).collect()
    }

    /// All of them, now: something is due and nobody knows where.
    pub(super) fn all(&mut self, now: Instant) {
        self.next.fill(now);
    }

    /// A shard was looked at. `wait`: how long until its next is due; it is looked at again then, and not later than the
    /// next poll. `full`: there may be more.
    pub(super) fn looked(&mut self, shard: Shard, now: Instant, wait: Option<Duration>, full: bool) {
        let wait = wait.unwrap_or(self.poll).clamp(SHORTEST, self.poll.max(SHORTEST));
        if let Some(next) = self.next.get_mut(usize::from(shard.0)) {
            *next = if full { now } else { now + wait };
        }
    }
}

impl Backoff {
    /// How long to wait after one more failure: 50 ms, doubling to 5 s, less up to a half by `chance` (0..1), so that many
    /// processes do not come back at once.
    pub(super) fn failed(&mut self, chance: f64) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = Duration::from_millis(50)
            .saturating_mul(factor)
            .min(Duration::from_secs(5));
        wait.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
    }

    /// Whether this is the first success after failures.
    pub(super) fn succeeded(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    /// Whether the store was away at the last try.
    pub(super) fn is_away(&self) -> bool {
        self.failures > 0
    }
}

/// A lease that ends again and again at the same moment must not make a busy loop.
const SHORTEST: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_when_something_is_due_and_never_later_than_the_poll() {
        let now = Instant::now();
        let secs = Duration::from_secs;
        let mut looks = Looks::new(3, secs(10), now);
        assert_eq!(looks.due(now), [Shard(0), Shard(1), Shard(2)]);
        looks.looked(Shard(0), now, Some(secs(3)), false);
        looks.looked(Shard(1), now, Some(secs(30)), false);
        looks.looked(Shard(2), now, None, true);
        assert_eq!(looks.due(now), [Shard(2)]);
        looks.looked(Shard(2), now, None, false);
        assert_eq!(looks.earliest(), Some(now + secs(3)));
        assert_eq!(looks.due(now + secs(10)), [Shard(0), Shard(1), Shard(2)]);
        looks.looked(Shard(0), now, Some(secs(0)), false);
        assert!(looks.due(now).is_empty());
        looks.all(now);
        assert_eq!(looks.due(now).len(), 3);
    }

    #[test]
    fn backs_off_within_bounds() {
        let mut backoff = Backoff::default();
        assert!(!backoff.succeeded());
        let waits: Vec<_> = (0..9).map(|_| backoff.failed(0.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.failed(1.0).as_millis(), 2500);
        assert!(backoff.succeeded());
        assert_eq!(backoff.failed(0.0).as_millis(), 50);
    }
}
