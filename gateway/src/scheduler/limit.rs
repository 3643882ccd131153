//! How many attempts an endpoint may have in flight: more by success, half by every sign of overload (additive increase,
//! multiplicative decrease; Chiu and Jain 1989).

/// A limit that learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    now: usize,
    /// Successes since it last changed.
    successes: usize,
    /// Answers to attempts that began before it was last halved: they say nothing new.
    stale: usize,
}

impl Limit {
    pub(super) const NEW: Self = Self {
        now: FIRST,
        successes: 0,
        stale: 0,
    };

    /// How many.
    pub(super) fn get(self) -> usize {
        self.now
    }

    /// After a success. A whole round of successes makes room for one more.
    pub(super) fn succeeded(&mut self) {
        self.stale = self.stale.saturating_sub(1);
        self.successes += 1;
        if self.successes >= self.now {
            self.now = (self.now + 1).min(MOST);
            self.successes = 0;
        }
    }

    /// After a timeout, a 429 or a 503, with so many still in flight: half, and not under `least`.
    pub(super) fn overloaded(&mut self, in_flight: usize, least: usize) {
        if self.stale > 0 {
            self.stale -= 1;
            return;
        }
        *self = Self {
            now: (self.now / 2).max(least).min(self.now),
            successes: 0,
            stale: in_flight,
        };
    }

    /// After what says nothing of its load.
    pub(super) fn ended(&mut self) {
        self.stale = self.stale.saturating_sub(1);
    }
}

const FIRST: usize = 8;
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_rounds_to_its_most() {
        let mut limit = Limit::NEW;
        for _ in 0..8 {
            assert_eq!(limit.get(), 8);
            limit.succeeded();
        }
        assert_eq!(limit.get(), 9);
        for _ in 0..10_000 {
            limit.succeeded();
        }
        assert_eq!(limit.get(), MOST);
    }

    #[test]
    fn one_burst_halves_once() {
        let mut limit = Limit::NEW;
        for in_flight in (0..8).rev() {
            limit.overloaded(in_flight, 1);
        }
        assert_eq!(limit.get(), 4);
        limit.overloaded(0, 1);
        limit.overloaded(0, 1);
        limit.overloaded(0, 1);
        assert_eq!(limit.get(), 1);
        limit.overloaded(0, FIRST);
        assert_eq!(limit.get(), 1, "a sign of overload makes it no larger");
        let mut limit = Limit::NEW;
        limit.overloaded(0, FIRST);
        assert_eq!(limit.get(), FIRST);
    }
}
