//! Record of a tenant's registry.

use std::fmt;

use bytes::Bytes;

/// Registry of a tenant: small entries by name, changed together under one revision.
/// The store does not interpret them.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryRecord {
    /// Revision: grows with every change; 1 or more.
    pub revision: u64,
    /// The entries, sorted by name.
    pub entries: Vec<(String, Bytes)>,
}

/// Shows the names of the entries only: the values contain secrets, if sealed.
impl fmt::Debug for RegistryRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.entries.iter().map(|(name, _)| name).collect();
        f.debug_struct("RegistryRecord")
            .field("revision", &self.revision)
            .field("entries", &names)
            .finish()
    }
}
