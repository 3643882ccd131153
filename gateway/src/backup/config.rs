//! Settings of backups.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};

/// Backups of the embedded store, by `hookgate backup` and by schedule. A Redis is backed up with
/// its own tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the files, preferably on another disk. Default: `backups` in the data
    /// directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Time between scheduled backups. Left out: backups are made on request only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// Number of files to keep, 1 or more. Older files are removed after each backup.
    pub keep: usize,
    /// Maximum number of bytes copied per second. The limit lets accepting and delivering go on
    /// during a backup.
    pub rate: Size,
    /// Minimum free disk space after a backup. A backup that would leave less is refused.
    pub min_free_disk: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: None,
            every: None,
            keep: 7,
            rate: Size::from_bytes(64 << 20),
            min_free_disk: Size::from_bytes(512 << 20),
        }
    }
}
