//! Estimate of the server's time, from its last answers and this machine's steady clock.
//!
//! A wrong or changed wall clock has no effect. The estimate is never ahead of the server, because
//! the duration of an answer counts as zero; so a delivery stored as due now is due. Each shard has
//! a separate estimate, because in a cluster it may be on another server.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::keys::SHARDS;
use crate::Shard;
use hookgate_domain::Timestamp;

/// Estimate of the server's clock, by shard.
#[derive(Debug, Default)]
pub(super) struct ServerTime {
    anchors: [Mutex<Option<Anchor>>; SHARDS as usize],
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    server: Timestamp,
    here: Instant,
}

impl ServerTime {
    /// Records a reading of the server's clock.
    pub(super) fn saw(&self, shard: Shard, server: Timestamp) {
        let Some(anchor) = self.anchor(shard) else { return };
        if let Ok(mut anchor) = anchor.lock() {
            *anchor = Some(Anchor {
                server,
                here: Instant::now(),
            });
        }
    }

    /// Estimate of the server's time, or a little before; `None` before the first reading.
    pub(super) fn now(&self, shard: Shard) -> Option<Timestamp> {
        let anchor = (*self.anchor(shard)?.lock().ok()?)?;
        Some(anchor.server.plus(anchor.here.elapsed()))
    }

    fn anchor(&self, shard: Shard) -> Option<&Mutex<Option<Anchor>>> {
        self.anchors.get(usize::from(shard.0))
    }
}

/// Microseconds, as scripts take them.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds, as PEXPIRE takes them.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
