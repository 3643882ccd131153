//! A text that must not be seen.

use std::fmt;
use std::sync::Arc;

/// A secret: `Debug` hides it, `Display` does not exist, and whoever needs it says `reveal`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps the text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself. Only for signing, sealing and the answers that exist to show it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
