//! The retry schedule of subscriptions that have none of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::RetryPolicy;
use hookgate_domain::retry::BadRetryPolicy;
use hookgate_domain::units::Span;

/// When a failed delivery is tried again: exponential backoff with full jitter, or a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The wait before the second attempt is random between nothing and this; it doubles with every attempt.
    pub base: Span,
    /// No wait is longer than this.
    pub max: Span,
    /// How many attempts there are in all, 1 to 100.
    pub attempts: u32,
    /// The waits between the attempts as they are, such as `["1m", "5m", "2h"]`, in place of `base`, `max` and `attempts`.
    pub schedule: Vec<Span>,
}

impl Default for Retry {
    /// Twenty attempts over two and a half days at the longest, half of that on average.
    fn default() -> Self {
        Self {
            base: Span::from_secs(5),
            max: Span::from_secs(8 * 3600),
            attempts: 20,
            schedule: Vec::new(),
        }
    }
}

impl Retry {
    /// As the rules know it.
    ///
    /// # Errors
    /// Values that make no sense together.
    pub fn policy(&self) -> Result<RetryPolicy, BadRetryPolicy> {
        if self.schedule.is_empty() {
            RetryPolicy::exponential(self.base.get(), self.max.get(), self.attempts)
        } else {
            RetryPolicy::schedule(self.schedule.iter().map(|delay| delay.get()).collect())
        }
    }
}
