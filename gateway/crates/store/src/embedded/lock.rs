//! Lock file of a data directory, with the process number; one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::StoreError;

/// Lock of the directory until it is dropped or the process ends in any way.
pub(super) struct DirectoryLock {
    file: File,
}

impl Drop for DirectoryLock {
    /// Unlocks explicitly: a child process that is being started shares the open file until it
    /// executes its program, and closing the file here would leave the lock to it.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl DirectoryLock {
    /// Locks the directory.
    ///
    /// # Errors
    /// `Unusable`, which names the process that holds the lock.
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join("lock");
        let failed = |error: std::io::Error| {
            StoreError::Unusable(format!(
                "its lock file {} cannot be used: {error}",
                path.display()
            ))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                let number = format!("{}\n", std::process::id());
                file.set_len(0)
                    .and_then(|()| file.write_all(number.as_bytes()))
                    .map_err(failed)?;
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(held(directory, &mut file))),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn held(directory: &Path, file: &mut File) -> String {
    let mut holder = String::new();
    let read = file
        .rewind()
        .and_then(|()| Read::by_ref(file).take(32).read_to_string(&mut holder));
    let who = match read {
        Ok(_) if !holder.trim().is_empty() => format!("process {}", holder.trim()),
        _ => "another process".to_owned(),
    };
    format!(
        "the directory {} is in use by {who}; stop it, or give this one a directory of its own",
        directory.display()
    )
}
