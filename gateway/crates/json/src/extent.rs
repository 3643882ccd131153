//! How big a document may be, and how big it is.

use super::Value;

/// How big and how deep a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of its text.
    pub bytes: usize,
    /// Arrays and objects inside each other. More than [`Limits::MAX_DEPTH`] counts as that.
    pub depth: usize,
}

impl Limits {
    /// What the stack of a thread surely bears: the parser and the walks recurse.
    pub const MAX_DEPTH: usize = 128;

    /// Limits that bound the bytes, with the default depth.
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

/// An upper bound of what the document prints to, kept while it changes so that nobody has to print to know.
///
/// A parsed text is an upper bound of its own print. Operations that remove do not lower the bound; it is counted afresh
/// when an operation would go over the limit by it.
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

    /// The same after something was removed that nobody counted.
    pub(super) fn loosened(self) -> Self {
        Self { exact: false, ..self }
    }

    /// The extent after bytes were added and removed; nothing when the document would grow, and over the limit.
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

    /// The same after bytes were added and removed, whatever the limit.
    pub(super) fn moved(self, delta: Delta) -> Self {
        Self {
            bytes: (self.bytes + delta.added).saturating_sub(delta.removed),
            ..self
        }
    }
}

/// Bytes that an operation adds to the print and takes from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) added: usize,
    pub(super) removed: usize,
}
