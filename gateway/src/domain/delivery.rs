//! A delivery: the duty to bring one event to one target, and what came of each try.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::event::StepReport;
use super::ids::BadId;
use super::{DeliveryId, SubscriptionId, Timestamp};

/// To whom a delivery goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A subscription's endpoint.
    Subscription(SubscriptionId),
    /// The endpoint that the event itself names (`deliver_to`). As text: `inline`.
    Inline,
}

/// Why a delivery exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The event was published.
    Published,
    /// Somebody asked for it again.
    Replay,
    /// Somebody tried the subscription.
    Test,
}

/// A delivery and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// Why.
    pub trigger: Trigger,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// When the first attempt was made.
    pub first_attempt: Option<Timestamp>,
    /// What the last attempt came to.
    pub last: Option<Outcome>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Due at a time, or being attempted until then.
    Pending {
        /// When it is due, or when its lease ends.
        next: Timestamp,
    },
    /// An attempt was answered with success.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Its attempts are used up, or no attempt can ever work: a dead letter.
    Dead {
        /// When.
        at: Timestamp,
    },
    /// Somebody called it off, or a delivery plugin dropped it.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Its request was recorded in place of being sent: its subscription is in shadow mode.
    Shadowed {
        /// When.
        at: Timestamp,
    },
}

/// One HTTP try of a delivery, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it came to.
    pub outcome: Outcome,
    /// The beginning of the answer's body, at most 4 KiB; empty where keeping it is switched off.
    pub response: Vec<u8>,
    /// What the subscription's chain did, if it ran for this attempt.
    pub steps: Vec<StepReport>,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx answer.
    Delivered {
        /// The status.
        status: u16,
    },
    /// Any other answer.
    Refused {
        /// The status.
        status: u16,
        /// What its Retry-After asked for, at most 24 hours.
        retry_after: Option<Duration>,
    },
    /// No full answer within the time allowed.
    TimedOut {
        /// What was under way.
        during: Stage,
    },
    /// No connection, or it broke.
    Unreachable {
        /// What was under way.
        during: Stage,
        /// In words, without addresses of this network; at most 256 bytes.
        reason: String,
    },
    /// The address guard refused the endpoint's address.
    Blocked {
        /// In words.
        reason: String,
    },
    /// A step of the subscription's delivery chain failed.
    PluginFailed {
        /// Which plugin.
        plugin: String,
        /// In words.
        reason: String,
    },
    /// A step of the subscription's delivery chain dropped it: nothing was sent, and nothing will be.
    Dropped {
        /// Which plugin.
        plugin: String,
        /// Its words, at most 256 bytes.
        reason: String,
    },
    /// A step of the delivery chain asked for a delay, or the endpoint is paused: nothing was sent, no attempt is counted.
    Postponed {
        /// By how long.
        by: Duration,
    },
    /// The gateway itself failed while it attempted the delivery: its process ended, or the attempt panicked.
    Crashed {
        /// How often the process ended during an attempt of this delivery; 0: the attempt panicked.
        times: u32,
    },
    /// The request was made and signed, and recorded in place of being sent.
    Shadowed {
        /// The request.
        request: Box<UnsentRequest>,
    },
}

/// A signed `POST` request of a delivery as it would have been sent: no body, no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentRequest {
    /// The URL without its query, which may be a secret.
    pub url: String,
    /// Whether the URL has a query.
    pub query: bool,
    /// Names and values of the headers. Values that the subscription itself sets are secrets, and not here.
    pub headers: Vec<(String, Option<String>)>,
    /// Number of further headers, for which a record has no room.
    pub more_headers: u32,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
    /// Length of the body in bytes.
    pub body_bytes: u64,
}

/// A part of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Resolve,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the answer's head.
    Head,
    /// Reading the answer's body.
    Body,
}

impl Outcome {
    /// Whether the endpoint has it.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }
}

impl Stage {
    /// As a word.
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
