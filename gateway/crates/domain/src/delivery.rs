//! Deliveries: one event for one target, with the outcomes of their attempts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::event::StepReport;
use super::ids::BadId;
use super::{DeliveryId, SubscriptionId, Timestamp};

/// Target of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Endpoint of a subscription.
    Subscription(SubscriptionId),
    /// Endpoint that the event itself names (`deliver_to`). Its text form is `inline`.
    Inline,
}

/// Reason for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The event was published.
    Published,
    /// A replay was requested.
    Replay,
    /// A test of the subscription was requested.
    Test,
}

/// Delivery with its current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Id of the delivery.
    pub id: DeliveryId,
    /// Reason for the delivery.
    pub trigger: Trigger,
    /// Current state.
    pub state: DeliveryState,
    /// Number of attempts made.
    pub attempts: u32,
    /// Time of the first attempt.
    pub first_attempt: Option<Timestamp>,
    /// Outcome of the last attempt.
    pub last: Option<Outcome>,
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Due at a time, or being attempted under a lease.
    Pending {
        /// Due time, or end of the lease.
        next: Timestamp,
    },
    /// An attempt succeeded.
    Delivered {
        /// Time of the success.
        at: Timestamp,
    },
    /// Dead letter: its attempts are used up, or no attempt can succeed.
    Dead {
        /// Time of the transition.
        at: Timestamp,
    },
    /// Cancelled on request, or dropped by a delivery plugin.
    Cancelled {
        /// Time of the transition.
        at: Timestamp,
    },
    /// Recorded instead of sent: the subscription is in shadow mode.
    Shadowed {
        /// Time of the record.
        at: Timestamp,
    },
}

/// Stored record of one HTTP attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the attempt, counted from 1.
    pub number: u32,
    /// Start time.
    pub started: Timestamp,
    /// Duration.
    pub took: Duration,
    /// Outcome.
    pub outcome: Outcome,
    /// First bytes of the response body, at most 4 KiB; empty if response recording is off.
    pub response: Vec<u8>,
    /// Reports of the subscription's chain, if it ran for this attempt.
    pub steps: Vec<StepReport>,
}

/// Outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint answered 2xx.
    Delivered {
        /// Status code.
        status: u16,
    },
    /// The endpoint answered another status.
    Refused {
        /// Status code.
        status: u16,
        /// Delay that the Retry-After header requested, at most 24 hours.
        retry_after: Option<Duration>,
    },
    /// The endpoint gave no complete response within the timeout.
    TimedOut {
        /// Stage at which the timeout occurred.
        during: Stage,
    },
    /// The connection failed or was lost.
    Unreachable {
        /// Stage at which the failure occurred.
        during: Stage,
        /// Error text without internal addresses, at most 256 bytes.
        reason: String,
    },
    /// The address guard refused the endpoint's address.
    Blocked {
        /// Error text.
        reason: String,
    },
    /// A step of the subscription's delivery chain failed.
    PluginFailed {
        /// Name of the plugin.
        plugin: String,
        /// Error text.
        reason: String,
    },
    /// A step of the delivery chain dropped it: nothing was sent, and nothing will be.
    Dropped {
        /// Name of the plugin.
        plugin: String,
        /// Reason that the plugin gave, at most 256 bytes.
        reason: String,
    },
    /// A step of the delivery chain requested a delay, or the endpoint is paused.
    ///
    /// Nothing was sent, and no attempt is counted.
    Postponed {
        /// Length of the delay.
        by: Duration,
    },
    /// The gateway failed during the attempt: its process ended, or the attempt panicked.
    Crashed {
        /// Number of process ends during attempts of this delivery; 0 if the attempt panicked.
        times: u32,
    },
    /// The request was built and signed, and recorded instead of sent.
    Shadowed {
        /// Recorded request.
        request: Box<UnsentRequest>,
    },
}

/// Signed `POST` request of a delivery that was not sent, without its body and without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentRequest {
    /// URL without its query, which can be a secret.
    pub url: String,
    /// Set when the URL has a query.
    pub query: bool,
    /// Names and values of the headers.
    ///
    /// Values that the subscription sets are secrets and are omitted.
    pub headers: Vec<(String, Option<String>)>,
    /// Number of further headers, which exceed the size of the record.
    pub more_headers: u32,
    /// SHA-256 digest of the body.
    pub body_digest: [u8; 32],
    /// Length of the body in bytes.
    pub body_bytes: u64,
}

/// Stage of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// DNS resolution.
    Resolve,
    /// TCP connect.
    Connect,
    /// TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the response head.
    Head,
    /// Reading the response body.
    Body,
}

impl Outcome {
    /// Returns `true` if the endpoint accepted the delivery.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }
}

impl Stage {
    /// Word for metrics and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Head => "head",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscription(id) => id.fmt(f),
            Self::Inline => f.write_str("inline"),
        }
    }
}

impl FromStr for Target {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        if text == "inline" {
            Ok(Self::Inline)
        } else {
            text.parse().map(Self::Subscription)
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
