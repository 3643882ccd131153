//! Round-trip time to the server: timeouts grow with it, so that a distant store is not down.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Last three measured round trips; the shortest counts, so that a single slow one has no effect.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    recent: [AtomicU64; 3],
    turn: AtomicUsize,
}

impl RoundTrip {
    /// Records the duration of a round trip.
    pub(super) fn took(&self, time: Duration) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.recent[turn % self.recent.len()].store(micros, Ordering::Relaxed);
    }

    /// Shortest of the recorded round trips; zero if none was measured.
    pub(super) fn shortest(&self) -> Duration {
        let recent = self.recent.iter().map(|micros| micros.load(Ordering::Relaxed));
        let known = recent.filter(|micros| *micros > 0).min();
        Duration::from_micros(known.unwrap_or(0))
    }

    /// Timeout of an operation: `set`, or `TRIPS` round trips if longer, but those at most `most`.
    pub(super) fn timeout(&self, set: Duration, most: Duration) -> Duration {
        set.max((self.shortest() * TRIPS).min(most))
    }

    /// Warning for operators if the shortest round trip exceeds half of `set`.
    pub(super) fn warning(&self, set: Duration, most: Duration) -> Option<String> {
        let shortest = self.shortest();
        (shortest * 2 > set).then(|| {
            // Rounded up to 100 ms, so that small changes do not change the warning's text.
            let about = shortest.as_millis().div_ceil(100) * 100;
            let timeout = (shortest * TRIPS).min(most).max(set);
            format!(
                "Redis is far away: it takes about {about} ms to answer, and so does each new event, which waits for it up to {} s \
                 in place of store.redis.accept_timeout",
                timeout.as_secs_f64().ceil()
            )
        })
    }
}

/// Round trips of an accepted event: unknown scripts are sent again; connections share the link.
const TRIPS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Duration = Duration::from_millis(250);
    const MOST: Duration = Duration::from_secs(2);

    #[test]
    fn slow_way_is_waited_for() {
        let trip = RoundTrip::default();
        assert_eq!(trip.timeout(SET, MOST), SET);
        for _ in 0..3 {
            trip.took(Duration::from_millis(1));
        }
        assert_eq!((trip.timeout(SET, MOST), trip.warning(SET, MOST)), (SET, None));
        trip.took(Duration::from_millis(300));
        assert_eq!(trip.timeout(SET, MOST), SET, "one slow answer is no slow way");
        trip.took(Duration::from_millis(310));
        trip.took(Duration::from_millis(320));
        assert_eq!(trip.timeout(SET, MOST), Duration::from_millis(1_200));
        let warning = trip.warning(SET, MOST).unwrap();
        assert!(warning.contains("300 ms") && warning.contains("2 s"), "{warning}");
        for _ in 0..3 {
            trip.took(Duration::from_secs(1));
        }
        assert_eq!(trip.timeout(SET, MOST), MOST);
    }
}
