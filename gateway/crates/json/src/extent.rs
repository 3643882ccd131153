//! Size and depth limits of a document, and its current printed size.

use super::Value;

/// Maximum size and depth of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum bytes of the text.
    pub bytes: usize,
    /// Maximum nesting depth of arrays and objects.
    ///
    /// Values above [`Limits::MAX_DEPTH`] count as that.
    pub depth: usize,
}

impl Limits {
    /// Nesting depth that fits the stack of any thread; the parser and the walks are recursive.
    pub const MAX_DEPTH: usize = 128;

    /// Limits with this size and the default depth.
    pub fn of_bytes(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    pub(super) fn depth(self) -> usize {
        self.depth.min(Self::MAX_DEPTH)
    }
}

/// 1 MiB, 64 deep.
impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 64,
        }
    }
}

/// Upper bound of the document's printed size.
///
/// It is updated with each change, so that the document need not be printed. The length of a parsed
/// text is an upper bound of its printed size. Removing operations do not lower the bound; it is
/// recomputed when an operation would exceed the limit by it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    bytes: usize,
    exact: bool,
}

impl Extent {
    pub(super) fn at_most(bytes: usize) -> Self {
        Self { bytes, exact: false }
    }

    pub(super) fn exactly(bytes: usize) -> Self {
        Self { bytes, exact: true }
    }

    pub(super) fn bytes(self) -> usize {
        self.bytes
    }

    /// Marks the bound as inexact after a removal of unknown size.
    pub(super) fn loosened(self) -> Self {
        Self { exact: false, ..self }
    }

    /// Extent after an operation; `None` if the document would grow beyond the limit.
    pub(super) fn after(self, root: &Value, delta: Delta, limit: usize) -> Option<Self> {
        let next = self.moved(delta);
        if next.bytes <= limit || delta.added <= delta.removed {
            return Some(next);
        }
        if self.exact {
            return None;
        }
        Self::exactly(root.printed_len()).after(root, delta, limit)
    }

    /// Extent after bytes were added and removed, without a limit check.
    pub(super) fn moved(self, delta: Delta) -> Self {
        Self {
            bytes: (self.bytes + delta.added).saturating_sub(delta.removed),
            ..self
        }
    }
}

/// Bytes that an operation adds to and removes from the printed text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) added: usize,
    pub(super) removed: usize,
}
