//! The clock of a plugin call.

use crate::backend;

/// Milliseconds since the Unix epoch at the start of the call. Constant during a call, so that a
/// replay is exact.
///
/// ```
/// # use hookgate_sdk::{clock, testing};
/// # testing::event("a.b").now_ms(1_000).with(|event| {
/// let age_ms = clock::now_ms().saturating_sub(event.info().created_ms);
/// # assert_eq!(age_ms, 0);
/// # });
/// ```
#[must_use]
pub fn now_ms() -> u64 {
    backend::now_ms()
}
