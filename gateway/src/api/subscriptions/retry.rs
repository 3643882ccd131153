//! Retry schedules, as the API has them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::{Code, FieldError, Problem};
use hookgate_domain::RetryPolicy;
use hookgate_domain::retry::RetryShape;
use hookgate_domain::units::Span;

/// Retry policy of failed deliveries. Either `schedule`, or `base`, `max` and `attempts`
/// (exponential backoff with full jitter).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "RetryPolicy")]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct RetryView {
    /// Delays between the attempts, each up to 7 days.
    #[schemars(length(max = 99))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<Span>>,
    /// Maximum of the first delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Span>,
    /// Maximum of any delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// Total number of attempts, the first included.
    #[schemars(range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

impl RetryView {
    pub(super) fn into_policy(self) -> Result<RetryPolicy, Problem> {
        let refuse =
            |detail: String| Problem::fields(Code::InvalidField, vec![FieldError::new("/retry", detail)]);
        let policy = match self {
            Self {
                schedule: Some(schedule),
                base: None,
                max: None,
                attempts: None,
            } => RetryPolicy::schedule(schedule.into_iter().map(Span::get).collect()),
            Self {
                schedule: None,
                base: Some(base),
                max: Some(max),
                attempts: Some(attempts),
            } => RetryPolicy::exponential(base.get(), max.get(), attempts),
            Self { .. } => {
                return Err(refuse(
                    "give either `schedule`, or `base`, `max` and `attempts` together".to_owned(),
                ));
            }
        };
        policy.map_err(|bad| refuse(bad.to_string()))
    }
}

impl From<&RetryPolicy> for RetryView {
    fn from(policy: &RetryPolicy) -> Self {
        match policy.shape() {
            RetryShape::Schedule(delays) => Self {
                schedule: Some(delays.iter().map(|delay| span(*delay)).collect()),
                base: None,
                max: None,
                attempts: None,
            },
            RetryShape::Exponential { base, max } => Self {
                schedule: None,
                base: Some(span(base)),
                max: Some(span(max)),
                attempts: Some(policy.attempts()),
            },
        }
    }
}

pub(in crate::api) fn span(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
