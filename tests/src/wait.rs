//! Waiting for a condition, with a bound.

use std::time::{Duration, Instant};

/// Maximum time for a condition to come true. It bounds a failed test and is no claim about speed.
pub const BOUND: Duration = Duration::from_secs(120);

/// Waits until the condition returns a value, and returns it.
///
/// # Panics
/// After the bound; the message names the condition.
#[expect(clippy::panic, reason = "a test that waits in vain has failed")]
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        if start.elapsed() > BOUND {
            panic!("waited {BOUND:?} in vain for: {what}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
