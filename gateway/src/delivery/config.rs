//! Configuration of attempts, and checks for combinations that would break a guarantee.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};

/// Configuration of single attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Timeout of an attempt where a subscription sets none. It covers name resolution to the end
    /// of the answer.
    pub timeout: Span,
    /// Longest timeout that a subscription may set.
    pub max_timeout: Span,
    /// Maximum delay by a subscription's plugins, in total, from the event's acceptance on.
    pub longest_delay: Span,
    /// Minimum wait of a delivery while its tenant's plugins have no processor time left. It waits
    /// longer where its retries would take longer. Then it is given up (`plugin_failed`,
    /// `no_time`).
    pub max_plugin_wait: Span,
    /// Crashes of the gateway's process during a delivery's attempts after which it is given up. It
    /// becomes a dead letter with the outcome `crashed`. 1 or more. An attempt that has any outcome
    /// ends the count. A file in `data_dir` records the attempts under way, so `data_dir` must
    /// outlive the process.
    pub max_crashes: u32,
    /// Store the beginning of endpoints' answers with the attempts. Default: yes, except for
    /// tenants whose profile removes personal data from events, because an answer may repeat the
    /// data that was sent.
    pub keep_response: Option<bool>,
    /// Maximum stored size of an answer, at most 4KiB.
    pub max_response: Size,
    /// Pass the trace context on to endpoints: the headers `traceparent` and `tracestate`. They are
    /// the producer's, below the span of the attempt where the trace is recorded (`traces`).
    pub trace_context: bool,
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// The timeout is zero.
    #[error("delivery.timeout must be over 0")]
    NoTimeout,
    /// The timeout is over the maximum.
    #[error("delivery.timeout ({timeout}) must not be over delivery.max_timeout ({max})")]
    Timeout {
        /// Default timeout.
        timeout: Span,
        /// Maximum timeout.
        max: Span,
    },
    /// The maximum of crashes is zero.
    #[error("delivery.max_crashes must be 1 or more")]
    NoCrashes,
    /// More bytes of an answer than the client reads.
    #[error("delivery.max_response must be at most {LARGEST_RESPONSE}")]
    Response,
}

impl Config {
    /// Checks these settings among themselves.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn validate(&self) -> Result<(), BadConfig> {
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
        Ok(())
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
            trace_context: false,
        }
    }
}

const LARGEST_RESPONSE: Size = Size::from_bytes(4096);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions() {
        assert_eq!(Config::default().validate(), Ok(()));
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().expect_err("a contradiction")
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
