//! The default retry schedule, for subscriptions without their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::RetryPolicy;
use hookgate_domain::retry::BadRetryPolicy;
use hookgate_domain::units::Span;

/// Retry schedule of failed deliveries: exponential backoff with full jitter, or a list of delays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Upper bound of the random delay before the second attempt; doubles with every attempt.
    pub base: Span,
    /// Maximum delay between two attempts.
    pub max: Span,
    /// Maximum number of attempts, 1 to 100.
    pub attempts: u32,
    /// Fixed delays between the attempts, such as `["1m", "5m", "2h"]`, in place of `base`, `max`
    /// and `attempts`.
    pub schedule: Vec<Span>,
}

impl Default for Retry {
    /// Twenty attempts over at most two and a half days, half of that on average.
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
    /// Converts the schedule into the domain's type.
    ///
    /// # Errors
    /// Values that contradict each other.
    pub fn policy(&self) -> Result<RetryPolicy, BadRetryPolicy> {
        if self.schedule.is_empty() {
            RetryPolicy::exponential(self.base.get(), self.max.get(), self.attempts)
        } else {
            RetryPolicy::schedule(self.schedule.iter().map(|delay| delay.get()).collect())
        }
    }
}
