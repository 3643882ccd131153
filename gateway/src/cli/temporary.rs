//! Temporary directory, removed on drop.

use std::path::{Path, PathBuf};

use super::output::Failure;

/// Directory among the system's temporary files, removed on drop.
#[derive(Debug)]
pub(super) struct TemporaryDir(PathBuf);

impl TemporaryDir {
    /// Creates a directory whose name contains its purpose.
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
        // A directory that cannot be removed is left to the system's own clean-up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
