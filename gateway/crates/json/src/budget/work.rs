//! Work that one operation may still do.

use std::cell::Cell;

/// Work left to one operation. A unit is a node visited, a comparison, or a byte given to a regular expression.
#[derive(Debug)]
pub struct WorkBudget {
    left: Cell<u64>,
    max: u64,
}

/// The operation was stopped because it takes more work than it may. A repetition fails the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it takes more work than the {max} steps that are allowed")]
pub struct TooMuchWork {
    /// The units that were allowed.
    pub max: u64,
}

impl WorkBudget {
    /// A budget of so many units.
    pub const fn new(max: u64) -> Self {
        Self {
            left: Cell::new(max),
            max,
        }
    }

    /// A budget so small that its work harms no other on any thread: what is certain to take no more need not wait its
    /// tenant's turn. Everything else runs in the tenant's lane, which makes its budgets.
    pub const fn small() -> Self {
        Self::new(Self::SMALL)
    }

    /// The units of [`Self::small`]: less than a millisecond's work.
    pub const SMALL: u64 = 20_000;

    /// Takes units off, before the work that they stand for.
    ///
    /// # Errors
    /// When fewer are left. Nothing is left then: each further charge fails too.
    pub fn charge(&self, units: u64) -> Result<(), TooMuchWork> {
        let left = self.left.get().checked_sub(units);
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(TooMuchWork { max: self.max }),
        }
    }

    /// Takes a unit for each byte or element off.
    ///
    /// # Errors
    /// As [`Self::charge`].
    pub fn charge_len(&self, len: usize) -> Result<(), TooMuchWork> {
        self.charge(u64::try_from(len).unwrap_or(u64::MAX))
    }

    /// Takes everything off: what is asked for can be done on no budget.
    pub fn exceeded(&self) -> TooMuchWork {
        self.left.set(0);
        TooMuchWork { max: self.max }
    }

    /// The units that are left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// The units that were used.
    pub fn used(&self) -> u64 {
        self.max - self.left.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_budget_stays_empty_once_exceeded() {
        let work = WorkBudget::new(10);
        assert_eq!(work.charge(10), Ok(()));
        assert_eq!((work.left(), work.used()), (0, 10));
        assert_eq!(work.charge(0), Ok(()));
        assert_eq!(work.charge(1), Err(TooMuchWork { max: 10 }));

        let work = WorkBudget::new(10);
        assert_eq!(work.charge_len(11), Err(TooMuchWork { max: 10 }));
        assert_eq!(work.charge(1), Err(TooMuchWork { max: 10 }));
    }
}
