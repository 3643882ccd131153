//! Record of a tenant's registry.

use std::fmt;

use bytes::Bytes;

/// A tenant's registry: small entries by name, changed together under one revision. The store does not look into them.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryRecord {
    /// Grows with every change; 1 or more.
    pub revision: u64,
    /// The entries, sorted by name.
    pub entries: Vec<(String, Bytes)>,
}

/// The names of the entries and not what is in them: secrets are, if sealed.
impl fmt::Debug for RegistryRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.entries.iter().map(|(name, _)| name).collect();
        f.debug_struct("RegistryRecord")
            .field("revision", &self.revision)
            .field("entries", &names)
            .finish()
    }
}
