//! Time.

use crate::backend;

/// Milliseconds since the Unix epoch at the start of the call. It does not advance during one, so that a replay is exact.
#[must_use]
pub fn now_ms() -> u64 {
    backend::now_ms()
}
