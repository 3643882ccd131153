//! How the embedded store is set up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::units::{Size, Span};

/// The embedded store: one file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Memory for pages of the file. The operating system keeps more of it in its own cache.
    pub cache: Size,
    /// How long a commit may wait until it is on the disk. `0s`: every answer waits for it, and nothing that was answered is lost.
    /// With more than that, this much of what was answered last is lost when the process or the machine dies.
    pub sync_every: Span,
    /// Most deliveries that may be pending; each takes about 250 bytes of memory. New events are refused beyond.
    pub max_pending: usize,
    /// New events are refused when the disk has less room than this; what is pending is still delivered.
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
