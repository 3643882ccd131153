//! A disk that can be told to fail: a library that is loaded before others.

use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

use super::site::build_library;

/// The disk of gateways with an embedded store.
pub struct FailingDisk {
    dir: TempDir,
}

/// Fault of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// No fault.
    None,
    /// The disk is full.
    Full,
    /// Writes fail.
    Write,
    /// It refuses to sync.
    Sync,
}

impl FailingDisk {
    /// A disk that works.
    ///
    /// # Errors
    /// When the library cannot be compiled (`cc`).
    pub fn new() -> Result<Self> {
        let disk = Self {
            dir: tempfile::tempdir()?,
        };
        disk.fail(DiskFault::None)?;
        build_library("tests/tools/disk_fault.c", &disk.library())?;
        Ok(disk)
    }

    /// Commands of the shell that give a process this disk for its store's file; after those of other libraries.
    pub fn exports(&self) -> String {
        format!(
            "export DISK_FAULT='{}'; export DISK_FAULT_OF=hookgate.redb; export LD_PRELOAD=\"$LD_PRELOAD:{}\"",
            self.dir.path().join("fault").display(),
            self.library().display()
        )
    }

    /// Sets the fault from now on.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn fail(&self, fault: DiskFault) -> Result<()> {
        let word = match fault {
            DiskFault::None => "none ",
            DiskFault::Full => "full ",
            DiskFault::Write => "write",
            DiskFault::Sync => "sync ",
        };
        Ok(std::fs::write(self.dir.path().join("fault"), word)?)
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("disk_fault.so")
    }
}
