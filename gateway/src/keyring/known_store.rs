//! Identities of the stores that the keys of a data directory were used with.
//!
//! An empty or different store at the address of a known one is refused.

use std::io;
use std::path::{Path, PathBuf};

use super::file::replace;

/// Store at an address, as the data directory knows it.
///
/// The file has a line per address: the identity, a space, the address.
#[derive(Debug, Clone)]
pub struct KnownStore {
    file: PathBuf,
    address: String,
}

impl KnownStore {
    /// Creates the entry of an address, which must not contain credentials.
    pub fn new(data_dir: &Path, address: &str) -> Self {
        Self {
            file: data_dir.join(KNOWN_STORES),
            address: address.replace(['\n', '\r'], " "),
        }
    }

    /// Identity of the store that was last used at this address; `None` if there was none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn identity(&self) -> io::Result<Option<String>> {
        let text = match std::fs::read_to_string(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let known = text.lines().find_map(|line| {
            let (identity, address) = line.split_once(' ')?;
            (address == self.address).then(|| identity.to_owned())
        });
        Ok(known)
    }

    /// Records the identity of the store that is used at this address from now on.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn keep(&self, identity: &str) -> io::Result<()> {
        if self.identity()?.as_deref() == Some(identity) {
            return Ok(());
        }
        let before = std::fs::read_to_string(&self.file).unwrap_or_default();
        let others = before.lines().filter(|line| {
            line.split_once(' ')
                .is_some_and(|(_, address)| address != self.address)
        });
        let mut text: String = others.flat_map(|line| [line, "\n"]).collect();
        text.push_str(&format!("{identity} {}\n", self.address));
        replace(&self.file, text).map(|_| ())
    }
}

/// Name of the file in a data directory.
pub const KNOWN_STORES: &str = "known-stores";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_kept_by_address() {
        let dir = tempfile::tempdir().unwrap();
        let [own, other] = ["embedded", "redis://cache:6379 hg"].map(|at| KnownStore::new(dir.path(), at));
        assert_eq!(own.identity().unwrap(), None);
        own.keep("a1").unwrap();
        other.keep("b1").unwrap();
        own.keep("a2").unwrap();
        assert_eq!(own.identity().unwrap().as_deref(), Some("a2"));
        assert_eq!(other.identity().unwrap().as_deref(), Some("b1"));
        let text = std::fs::read_to_string(dir.path().join(KNOWN_STORES)).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
