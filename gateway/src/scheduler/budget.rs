//! Budget of attempts in flight, shared between classes of endpoints and of deliveries.
//!
//! Capacity in use is rate times latency: an endpoint that hangs for five seconds uses as much as
//! fifty thousand quick ones. So slow endpoints together have a quarter, unknown ones a half, and
//! third and later attempts a half.

/// Speed class of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointSpeed {
    /// No attempt has come back yet.
    Unknown,
    /// It answers in time.
    Quick,
    /// It does not answer in time.
    Slow,
}

/// Class of a delivery's next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptClass {
    /// Its first or second attempt.
    Fresh,
    /// A third or later attempt.
    Retry,
}

/// Share of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// The whole budget.
    All,
    /// Share of the endpoints of this speed.
    EndpointSpeed(EndpointSpeed),
    /// Share of the retries.
    Retry,
}

/// Attempts in flight, counted by class.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    most: usize,
    unknown: usize,
    quick: usize,
    slow: usize,
    old: usize,
}

impl Budget {
    /// Creates a budget of `most` attempts in flight, at least 1.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            unknown: 0,
            quick: 0,
            slow: 0,
            old: 0,
        }
    }

    /// Number of attempts in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.unknown + self.quick + self.slow
    }

    /// Returns the share that is used up and prevents one more attempt; `None`: there is room.
    pub(super) fn lacks(&self, pace: EndpointSpeed, age: AttemptClass) -> Option<Share> {
        let part = |of: usize| (self.most / of).max(1);
        if self.in_flight() >= self.most {
            Some(Share::All)
        } else if (pace == EndpointSpeed::Slow && self.slow >= part(4))
            || (pace == EndpointSpeed::Unknown && self.unknown >= part(2))
        {
            Some(Share::EndpointSpeed(pace))
        } else if age == AttemptClass::Retry && self.old >= part(2) {
            Some(Share::Retry)
        } else {
            None
        }
    }

    pub(super) fn take(&mut self, pace: EndpointSpeed, age: AttemptClass) {
        *self.of(pace) += 1;
        self.old += usize::from(age == AttemptClass::Retry);
    }

    pub(super) fn give_back(&mut self, pace: EndpointSpeed, age: AttemptClass) {
        *self.of(pace) -= 1;
        self.old -= usize::from(age == AttemptClass::Retry);
    }

    /// Moves the attempts in flight of an endpoint whose speed class changed.
    pub(super) fn repaced(&mut self, from: EndpointSpeed, to: EndpointSpeed, in_flight: usize) {
        *self.of(from) -= in_flight;
        *self.of(to) += in_flight;
    }

    fn of(&mut self, pace: EndpointSpeed) -> &mut usize {
        match pace {
            EndpointSpeed::Unknown => &mut self.unknown,
            EndpointSpeed::Quick => &mut self.quick,
            EndpointSpeed::Slow => &mut self.slow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(budget: &mut Budget, pace: EndpointSpeed, age: AttemptClass) -> usize {
        let mut taken = 0;
        while budget.lacks(pace, age).is_none() {
            budget.take(pace, age);
            taken += 1;
        }
        taken
    }

    #[test]
    fn nobody_takes_it_all_but_the_young_and_quick() {
        let mut budget = Budget::new(512);
        assert_eq!(fill(&mut budget, EndpointSpeed::Slow, AttemptClass::Fresh), 128);
        assert_eq!(
            budget.lacks(EndpointSpeed::Slow, AttemptClass::Fresh),
            Some(Share::EndpointSpeed(EndpointSpeed::Slow))
        );
        assert_eq!(fill(&mut budget, EndpointSpeed::Quick, AttemptClass::Retry), 256);
        assert_eq!(
            budget.lacks(EndpointSpeed::Quick, AttemptClass::Retry),
            Some(Share::Retry)
        );
        assert_eq!(fill(&mut budget, EndpointSpeed::Quick, AttemptClass::Fresh), 128);
        assert_eq!(
            budget.lacks(EndpointSpeed::Quick, AttemptClass::Fresh),
            Some(Share::All)
        );
    }

    #[test]
    fn the_unknown_have_half_and_the_found_out_move() {
        let mut budget = Budget::new(512);
        assert_eq!(
            fill(&mut budget, EndpointSpeed::Unknown, AttemptClass::Fresh),
            256
        );
        budget.repaced(EndpointSpeed::Unknown, EndpointSpeed::Slow, 256);
        assert_eq!(fill(&mut budget, EndpointSpeed::Slow, AttemptClass::Fresh), 0);
        for _ in 0..256 {
            budget.give_back(EndpointSpeed::Slow, AttemptClass::Fresh);
        }
        assert_eq!(budget.in_flight(), 0);
    }

    #[test]
    fn the_smallest_budget_still_serves_everybody() {
        for (pace, age) in [
            (EndpointSpeed::Slow, AttemptClass::Retry),
            (EndpointSpeed::Unknown, AttemptClass::Fresh),
            (EndpointSpeed::Quick, AttemptClass::Retry),
        ] {
            assert_eq!(fill(&mut Budget::new(1), pace, age), 1);
        }
    }
}
