//! Secret texts, which are never logged or displayed.

use std::fmt;
use std::sync::Arc;

/// Secret text: `Debug` hides it, `Display` is not implemented, and `reveal` returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Creates a secret from its text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Reveals the text.
    ///
    /// Only for signing, sealing and the responses whose purpose is to show it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
