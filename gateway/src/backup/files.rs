//! Files of backups: a draft while one is written, then a name with its time.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hookgate_domain::Timestamp;

/// Directory of the backups.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    path: PathBuf,
}

/// File of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// File name, which contains the time of the backup.
    pub name: String,
    /// File size in bytes.
    pub bytes: u64,
}

/// File name of a backup that begins at this time.
///
/// Its form is `hookgate-2026-01-31T12-00-00-000Z.redb`; names sort by time.
pub(super) fn name(began: Timestamp) -> String {
    let seconds = Timestamp::from_millis(began.as_millis() / 1_000 * 1_000).to_string();
    let seconds = seconds.trim_end_matches('Z').replace(':', "-");
    format!("{PREFIX}{seconds}-{:03}Z{SUFFIX}", began.as_millis() % 1_000)
}

/// Time at which the backup of a file began, as its name tells.
pub(super) fn began(name: &str) -> Option<Timestamp> {
    let time = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let (date, clock) = time.split_once('T')?;
    let (seconds, millis) = clock.rsplit_once('-')?;
    Timestamp::parse(&format!("{date}T{}.{millis}", seconds.replace('-', ":"))).ok()
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the directory, for this user only, and removes the drafts of interrupted backups.
    pub(super) fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        for name in self.names(DRAFT)? {
            std::fs::remove_file(self.path.join(name))?;
        }
        Ok(())
    }

    /// Free bytes on the directory's disk.
    pub(super) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Path of the draft that a backup is written to.
    pub(super) fn draft(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{DRAFT}"))
    }

    /// Renames the draft of a complete backup, and removes the oldest files beyond `keep`.
    pub(super) fn publish(&self, name: &str, keep: usize) -> io::Result<()> {
        std::fs::rename(self.draft(name), self.path.join(name))?;
        File::open(&self.path)?.sync_all()?;
        let mut names = self.names(SUFFIX)?;
        names.sort_unstable();
        let gone = names.len().saturating_sub(keep.max(1));
        for name in names.into_iter().take(gone) {
            std::fs::remove_file(self.path.join(name))?;
        }
        Ok(())
    }

    /// Lists the backups, newest first. Empty if there is no directory yet.
    pub(super) fn files(&self) -> io::Result<Vec<BackupFile>> {
        if !self.path.try_exists()? {
            return Ok(Vec::new());
        }
        let mut names = self.names(SUFFIX)?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        let files = names.into_iter().filter_map(|name| {
            // A file that is removed at this moment is left out.
            let bytes = std::fs::metadata(self.path.join(&name)).ok()?.len();
            Some(BackupFile { name, bytes })
        });
        Ok(files.collect())
    }

    /// Names of the files with this ending.
    fn names(&self, ending: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str()
                && name.starts_with(PREFIX)
                && name.ends_with(ending)
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

const PREFIX: &str = "hookgate-";
const SUFFIX: &str = ".redb";
const DRAFT: &str = ".part";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_files_are_removed_and_others_left() {
        let dir = tempfile::tempdir().unwrap();
        let backups = Directory::new(dir.path().join("backups"));
        assert_eq!(backups.files().unwrap(), []);
        backups.prepare().unwrap();
        std::fs::write(backups.path().join("notes.txt"), "mine").unwrap();
        let names: Vec<_> = (0..4)
            .map(|n| name(Timestamp::from_millis(1_700_000_000_000 + n)))
            .collect();
        for name in &names {
            std::fs::write(backups.draft(name), "copy").unwrap();
            backups.publish(name, 2).unwrap();
        }
        let kept: Vec<_> = backups
            .files()
            .unwrap()
            .into_iter()
            .map(|file| file.name)
            .collect();
        assert_eq!(kept, [names[3].clone(), names[2].clone()]);
        assert_eq!(began(&names[3]), Some(Timestamp::from_millis(1_700_000_000_003)));
        assert_eq!(began("hookgate-yesterday.redb"), None);
        assert!(backups.path().join("notes.txt").exists());
        std::fs::write(backups.draft(&names[0]), "cut short").unwrap();
        backups.prepare().unwrap();
        assert!(!backups.draft(&names[0]).exists());
    }

    #[test]
    fn name_has_the_time() {
        let name = name(Timestamp::from_millis(1_700_000_000_042));
        assert_eq!(name, "hookgate-2023-11-14T22-13-20-042Z.redb");
    }
}
