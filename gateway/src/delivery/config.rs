//! How attempts are made, and which combinations of settings would break a promise.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};

/// Single attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long an attempt may take, from looking up the name to the end of the answer, where a subscription does not say.
    pub timeout: Span,
    /// The longest that a subscription may say; the lease (`scheduler.lease`) must be longer.
    pub max_timeout: Span,
    /// How long the plugins of a subscription's chain may delay a delivery in all, from the event's acceptance on.
    pub longest_delay: Span,
    /// How long a delivery waits at least while its tenant's plugins have no processor time left; it waits longer where its
    /// retries would take longer. Then it is given up (`plugin_failed`, `no_time`).
    pub max_plugin_wait: Span,
    /// A delivery during whose attempts the gateway's process ended so often is given up: it becomes a dead letter with the outcome
    /// `crashed`. 1 or more. An attempt that has any outcome ends the count. What was under way at a crash is known by a file in
    /// `data_dir`, so `data_dir` has to outlive the process.
    pub max_crashes: u32,
    /// Keep the beginning of endpoints' answers with the attempts. Where it is not set, they are kept, but for tenants whose
    /// profile takes personal data out of events: an answer may repeat what was sent.
    pub keep_response: Option<bool>,
    /// How much of an answer is kept, at most 4KiB.
    pub max_response: Size,
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// No time at all.
    #[error("delivery.timeout must be over 0")]
    NoTimeout,
    /// More than the most.
    #[error("delivery.timeout ({timeout}) must not be over delivery.max_timeout ({max})")]
    Timeout {
        /// The usual.
        timeout: Span,
        /// The most.
        max: Span,
    },
    /// No crash at all.
    #[error("delivery.max_crashes must be 1 or more")]
    NoCrashes,
    /// More than is ever read.
    #[error("delivery.max_response must be at most {LARGEST_RESPONSE}")]
    Response,
    /// An attempt could outlive its lease, and another process would make it again meanwhile.
    #[error(
        "scheduler.lease ({lease}) must be at least {least}: the longest attempt (delivery.max_timeout, {max}) and a second each to begin and to settle it"
    )]
    Lease {
        /// As it is.
        lease: Span,
        /// As it must be.
        least: Span,
        /// The longest attempt.
        max: Span,
    },
}

impl Config {
    /// Checks these settings among themselves and against the lease: it must outlast the longest possible attempt.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn validate(&self, lease: Span) -> Result<(), BadConfig> {
        let (timeout, max) = (self.timeout, self.max_timeout);
        if timeout.get().is_zero() {
            return Err(BadConfig::NoTimeout);
        }
        if timeout > max {
            return Err(BadConfig::Timeout { timeout, max });
        }
        if self.max_response > LARGEST_RESPONSE {
            return Err(BadConfig::Response);
        }
        if self.max_crashes == 0 {
            return Err(BadConfig::NoCrashes);
        }
        let least = self.longest() + WAITING;
        if lease.get() < least {
            let least = Span::from_millis(u64::try_from(least.as_millis()).unwrap_or(u64::MAX));
            return Err(BadConfig::Lease { lease, least, max });
        }
        Ok(())
    }

    /// The longest that an attempt can take, its settlement included.
    pub fn longest(&self) -> Duration {
        self.max_timeout.get() + SETTLING
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout: Span::from_secs(15),
            max_timeout: Span::from_secs(30),
            longest_delay: Span::from_secs(72 * 3600),
            max_plugin_wait: Span::from_secs(3600),
            max_crashes: 3,
            keep_response: None,
            max_response: Size::from_bytes(1024),
        }
    }
}

const SETTLING: Duration = Duration::from_secs(1);
/// A delivery waits for its turn with its lease running; without any time for that none would ever begin.
const WAITING: Duration = Duration::from_secs(1);
const LARGEST_RESPONSE: Size = Size::from_bytes(4096);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i4_a_lease_outlasts_the_longest_attempt() {
        let config = Config::default();
        assert_eq!(config.validate(Span::from_secs(32)), Ok(()));
        let refused = config.validate(Span::from_millis(31_999)).expect_err("too short");
        assert!(refused.to_string().contains("at least 32s"), "{refused}");
    }

    #[test]
    fn contradictions() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate(Span::from_secs(60)).expect_err("a contradiction")
        };
        assert_eq!(refused(|c| c.timeout = Span::from_secs(0)), BadConfig::NoTimeout);
        assert!(matches!(
            refused(|c| c.timeout = Span::from_secs(31)),
            BadConfig::Timeout { .. }
        ));
        assert_eq!(refused(|c| c.max_crashes = 0), BadConfig::NoCrashes);
        assert_eq!(
            refused(|c| c.max_response = Size::from_bytes(4097)),
            BadConfig::Response
        );
    }
}
