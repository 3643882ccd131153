//! Allowance of one operation: a work budget, an output budget and a deadline.

use super::AccessError;
use crate::budget::{ByteBudget, WorkBudget};

/// Limits of one operation on a document. Each part of the operation is charged before it runs.
///
/// The default has no limits. One unit of work is one place, one step of a pattern, or 16 bytes of
/// a key or text.
#[derive(Clone, Copy, Default)]
pub struct Allowance<'a> {
    work: Option<&'a WorkBudget>,
    output: Option<&'a ByteBudget>,
    is_overdue: Option<&'a dyn Fn() -> bool>,
}

impl<'a> Allowance<'a> {
    /// Adds a limit of work; an operation that exceeds it ends with [`AccessError::Work`].
    #[must_use]
    pub fn with_work(self, work: &'a WorkBudget) -> Self {
        Self {
            work: Some(work),
            ..self
        }
    }

    /// Adds a limit of output bytes.
    ///
    /// An operation that exceeds it ends with [`AccessError::Output`].
    #[must_use]
    pub fn with_output(self, output: &'a ByteBudget) -> Self {
        Self {
            output: Some(output),
            ..self
        }
    }

    /// Adds a deadline; an operation that exceeds it ends with [`AccessError::Overdue`].
    ///
    /// The deadline is checked every 4096 units of work. Without a work limit it is never checked.
    #[must_use]
    pub fn with_deadline(self, is_overdue: &'a dyn Fn() -> bool) -> Self {
        Self {
            is_overdue: Some(is_overdue),
            ..self
        }
    }

    /// Charges units of work.
    pub(super) fn work(&self, units: u64) -> Result<(), AccessError> {
        let Some(work) = self.work else {
            return Ok(());
        };
        let before = work.left() >> LOOK_BITS;
        work.charge(units).map_err(|_| AccessError::Work)?;
        if before != work.left() >> LOOK_BITS && self.is_overdue.is_some_and(|is_overdue| is_overdue()) {
            return Err(AccessError::Overdue);
        }
        Ok(())
    }

    /// Charges the work of reading a text of this many bytes.
    pub(super) fn work_on_text(&self, bytes: usize) -> Result<(), AccessError> {
        self.work(units_of_text(bytes))
    }

    /// Charges bytes before they are output.
    pub(super) fn output(&self, bytes: usize) -> Result<(), AccessError> {
        self.output
            .map_or(Ok(()), |output| output.charge(bytes))
            .map_err(|_| AccessError::Output)
    }

    /// Charges output bytes only if enough are left; returns whether they were charged.
    pub(super) fn try_output(&self, bytes: usize) -> bool {
        self.output
            .is_none_or(|output| output.left() >= bytes && output.charge(bytes).is_ok())
    }
}

/// Units of work for a text: one, plus one for each 16 bytes.
pub(super) fn units_of_text(bytes: usize) -> u64 {
    u64::try_from(bytes / 16).unwrap_or(u64::MAX).saturating_add(1)
}

/// The deadline is checked each time that this many low bits of the remaining work are used up.
const LOOK_BITS: u32 = 12;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn allowance_looks_at_the_deadline_every_few_thousand_units() {
        let (work, looks) = (WorkBudget::new(100_000), Cell::new(0));
        let is_overdue = || {
            looks.set(looks.get() + 1);
            looks.get() > 3
        };
        let allowance = Allowance::default().with_work(&work).with_deadline(&is_overdue);
        let units = (0..100_000).take_while(|_| allowance.work(1).is_ok()).count();
        assert!((3 * 4_096..5 * 4_096).contains(&units), "{units}");
        assert_eq!(looks.get(), 4);
    }

    #[test]
    fn allowance_tells_which_limit_was_met() {
        let (work, output) = (WorkBudget::new(2), ByteBudget::new(5));
        let allowance = Allowance::default().with_work(&work).with_output(&output);
        assert_eq!(allowance.work_on_text(15), Ok(()));
        assert_eq!(allowance.work_on_text(16), Err(AccessError::Work));
        assert_eq!(allowance.output(5), Ok(()));
        assert_eq!(allowance.output(1), Err(AccessError::Output));
        assert_eq!(Allowance::default().work(u64::MAX), Ok(()));
    }
}
