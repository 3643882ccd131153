//! Bytes that one operation may still produce.

use std::cell::Cell;

/// Bytes left to one operation's output: what is cloned, collected or printed on somebody's behalf.
#[derive(Debug)]
pub struct ByteBudget {
    left: Cell<usize>,
    max: usize,
}

/// The operation was stopped because it would produce more bytes than it may. A repetition fails the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it would produce more than the {max} bytes that are allowed")]
pub struct OutOfBytes {
    /// The bytes that were allowed.
    pub max: usize,
}

impl ByteBudget {
    /// A budget of so many bytes.
    pub const fn new(max: usize) -> Self {
        Self {
            left: Cell::new(max),
            max,
        }
    }

    /// Takes bytes off, before they are allocated.
    ///
    /// # Errors
    /// When fewer are left. Nothing is left then: each further charge fails too.
    pub fn charge(&self, bytes: usize) -> Result<(), OutOfBytes> {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(OutOfBytes { max: self.max }),
        }
    }

    /// The bytes that are left.
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
