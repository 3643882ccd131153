//! Work budget: limits the CPU work of one operation.

use std::cell::Cell;

/// Remaining work of one operation.
///
/// A unit is a visited node, a comparison, or a byte given to a regular expression.
#[derive(Debug)]
pub struct WorkBudget {
    left: Cell<u64>,
    max: u64,
}

/// Error: the operation exceeds its work budget. A retry fails in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it takes more work than the {max} steps that are allowed")]
pub struct TooMuchWork {
    /// Maximum units of the budget.
    pub max: u64,
}

impl WorkBudget {
    /// Creates a budget of `max` units.
    pub const fn new(max: u64) -> Self {
        Self {
            left: Cell::new(max),
            max,
        }
    }

    /// Creates a budget that is small enough to run on any thread without delaying others.
    ///
    /// Work that certainly fits into it need not wait in the tenant's queue. All other work runs in
    /// the tenant's lane, which creates its budgets.
    pub const fn small() -> Self {
        Self::new(Self::SMALL)
    }

    /// Units of [`Self::small`]: less than a millisecond of work.
    pub const SMALL: u64 = 20_000;

    /// Charges units before the work is done.
    ///
    /// # Errors
    /// Fewer units are left. The budget is then exhausted: each further charge fails too.
    pub fn charge(&self, units: u64) -> Result<(), TooMuchWork> {
        let left = self.left.get().checked_sub(units);
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(TooMuchWork { max: self.max }),
        }
    }

    /// Charges one unit for each byte or element.
    ///
    /// # Errors
    /// As [`Self::charge`].
    pub fn charge_len(&self, len: usize) -> Result<(), TooMuchWork> {
        self.charge(u64::try_from(len).unwrap_or(u64::MAX))
    }

    /// Exhausts the budget: the requested work exceeds any budget.
    pub fn exceeded(&self) -> TooMuchWork {
        self.left.set(0);
        TooMuchWork { max: self.max }
    }

    /// Remaining units.
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// Used units.
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
