//! Byte budget: limits the output of one operation.

use std::cell::Cell;

/// Remaining bytes of one operation's output.
///
/// Output is data that is cloned, collected or printed for another party.
#[derive(Debug)]
pub struct ByteBudget {
    left: Cell<usize>,
    max: usize,
}

/// Error: the operation would exceed its byte budget. A retry fails in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it would produce more than the {max} bytes that are allowed")]
pub struct OutOfBytes {
    /// Maximum bytes of the budget.
    pub max: usize,
}

impl ByteBudget {
    /// Creates a budget of `max` bytes.
    pub const fn new(max: usize) -> Self {
        Self {
            left: Cell::new(max),
            max,
        }
    }

    /// Charges bytes before they are allocated.
    ///
    /// # Errors
    /// Fewer bytes are left. The budget is then exhausted: each further charge fails too.
    pub fn charge(&self, bytes: usize) -> Result<(), OutOfBytes> {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(OutOfBytes { max: self.max }),
        }
    }

    /// Remaining bytes.
    pub fn left(&self) -> usize {
        self.left.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_budget_stays_empty_once_exceeded() {
        let bytes = ByteBudget::new(10);
        assert_eq!(bytes.charge(4), Ok(()));
        assert_eq!(bytes.left(), 6);
        assert_eq!(bytes.charge(7), Err(OutOfBytes { max: 10 }));
        assert_eq!(bytes.charge(1), Err(OutOfBytes { max: 10 }));
    }
}
