//! How long the way to the server and back takes: a store that is far away is no store that is away.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The last few round trips that were measured. A single slow one says nothing; the shortest of them is what the way takes.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    recent: [AtomicU64; 3],
    turn: AtomicUsize,
}

impl RoundTrip {
    /// A round trip took so long.
    pub(super) fn took(&self, time: Duration) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.recent[turn % self.recent.len()].store(micros, Ordering::Relaxed);
    }

    /// The shortest of the last few; zero: none was measured.
    pub(super) fn shortest(&self) -> Duration {
        let recent = self.recent.iter().map(|micros| micros.load(Ordering::Relaxed));
        let known = recent.filter(|micros| *micros > 0).min();
        Duration::from_micros(known.unwrap_or(0))
    }

    /// How long something that takes a few round trips may take: what is set, or longer where the way is, up to `most`.
    pub(super) fn timeout(&self, set: Duration, most: Duration) -> Duration {
        set.max((self.shortest() * TRIPS).min(most))
    }

    /// What an operator should know, where the way takes a good part of what is set.
    pub(super) fn warning(&self, set: Duration, most: Duration) -> Option<String> {
        let shortest = self.shortest();
        (shortest * 2 > set).then(|| {
            // In steps, so that it is the same warning while it is about the same way.
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

/// Round trips of an accepted event: a script that the server does not know is sent again, and connections share the way.
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
