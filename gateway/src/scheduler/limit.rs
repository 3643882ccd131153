//! Concurrency limit of an endpoint: additive increase on success, multiplicative decrease on
//! overload.
//!
//! A sign of overload halves the limit (Chiu and Jain 1989).

/// Adaptive concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    now: usize,
    /// Successes since the last change.
    successes: usize,
    /// Outstanding answers to attempts from before the last halving; they carry no new information.
    stale: usize,
}

impl Limit {
    pub(super) const NEW: Self = Self {
        now: FIRST,
        successes: 0,
        stale: 0,
    };

    /// Returns the limit.
    pub(super) fn get(self) -> usize {
        self.now
    }

    /// Records a success. A full round of successes raises the limit by one.
    pub(super) fn succeeded(&mut self) {
        self.stale = self.stale.saturating_sub(1);
        self.successes += 1;
        if self.successes >= self.now {
            self.now = (self.now + 1).min(MOST);
            self.successes = 0;
        }
    }

    /// Halves the limit, but not below `least`, after a timeout, a 429 or a 503. `in_flight`:
    /// attempts still in flight.
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

    /// Records an answer that carries no information about the load.
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
