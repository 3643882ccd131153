//! A directory that goes with whoever made it.

use std::path::{Path, PathBuf};

use super::output::Failure;

/// A directory among the system's temporary files; it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct TemporaryDir(PathBuf);

impl TemporaryDir {
    /// A new one, whose name says for what.
    pub(super) fn new(purpose: &str) -> Result<Self, Failure> {
        let name = format!("hookgate-{purpose}-{:08x}", rand::random::<u32>());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir)
            .map_err(|error| Failure::of(&error).prefixed(&dir.display().to_string()))?;
        Ok(Self(dir))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // What cannot be removed from the system's directory of temporary files is the system's to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
