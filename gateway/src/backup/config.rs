//! Settings of backups.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};

/// Backups of the embedded store: `hookgate backup`, and by schedule. A Redis is backed up with its own tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the files are; best on another disk. Left out: `backups` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Time between scheduled backups. Left out: none is made but those that are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// Files that are kept, 1 or more; the oldest ones beyond are removed after each backup.
    pub keep: usize,
    /// Bytes that are copied in a second at most, so that accepting and delivering go on beside it.
    pub rate: Size,
    /// Room that a backup leaves on the disk: it is refused where it would leave less.
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
