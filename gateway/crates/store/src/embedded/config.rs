//! Settings of the embedded store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};

/// Settings of the embedded store: one file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Memory for the file's page cache, in addition to the operating system's cache.
    pub cache: Size,
    /// Maximum delay until a commit is on the disk; the data at risk in a crash.
    /// `0s`: every answer waits for the disk, and nothing that was answered is lost. Otherwise the
    /// answers of this last period are lost when the process or the machine crashes.
    pub sync_every: Span,
    /// Maximum number of pending deliveries; each takes about 250 bytes of memory.
    /// New events are refused beyond.
    pub max_pending: usize,
    /// Minimum free disk space for new events; with less, pending events are still delivered.
    pub min_free_disk: Size,
    /// Files up to this size are checked at each start, every page; larger ones by `hookgate store check`, and record by record when
    /// they are read. `0B`: none is.
    pub check_at_start: Size,
    /// Operations that may wait for the writer, each a batch. More are refused.
    pub queue: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache: Size::from_bytes(16 << 20),
            sync_every: Span::from_secs(0),
            max_pending: 1_000_000,
            min_free_disk: Size::from_bytes(256 << 20),
            check_at_start: Size::from_bytes(512 << 20),
            queue: 1024,
        }
    }
}
