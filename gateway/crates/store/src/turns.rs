//! Endpoints as a store orders their deliveries: order of turns, picks of a claim, lease policy.

use std::time::Duration;

use hookgate_domain::{Target, TenantId, Timestamp};

/// Receiver of deliveries in the store's order: each has a separate queue in its shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Tenant of the endpoint.
    pub tenant: TenantId,
    /// Subscription, or all endpoints that the tenant's events name themselves.
    pub target: Target,
}

/// Endpoints whose turn has come.
#[derive(Debug, Clone)]
pub struct Turns {
    /// The endpoints, the longest waiting first.
    pub endpoints: Vec<Endpoint>,
    /// The store's time.
    pub now: Timestamp,
    /// Next turn of the shard, which may be in the past; `None`: no delivery waits.
    pub next: Option<Timestamp>,
}

/// Claim of one endpoint's deliveries.
#[derive(Debug, Clone)]
pub struct Pick {
    /// Endpoint to claim from.
    pub endpoint: Endpoint,
    /// Maximum number of deliveries; a store may take fewer at once. 0 only sets the next turn.
    pub max: usize,
    /// Hold: time from now until the endpoint's next turn, even if deliveries are due.
    /// One record instead of a postponement of each due delivery. A store may end it early when a
    /// delivery is added or settled.
    pub hold: Duration,
}

impl Pick {
    /// Pick of at most `max` deliveries; the next turn is after the other endpoints due now.
    pub fn of(endpoint: Endpoint, max: usize) -> Self {
        let hold = Duration::ZERO;
        Self { endpoint, max, hold }
    }
}

/// Lease policy of new deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeasePolicy {
    /// This process sends them at once: they are stored leased for this long.
    Hold(Duration),
    /// This process sends them, except those to these targets, which are stored due.
    HoldExcept(Duration, Vec<Target>),
    /// They are stored due, for any process to claim.
    Due,
}

impl LeasePolicy {
    /// The lease of the deliveries that this process sends.
    pub fn lease(&self) -> Option<Duration> {
        match self {
            Self::Hold(lease) | Self::HoldExcept(lease, _) => Some(*lease),
            Self::Due => None,
        }
    }

    /// Returns `true` if this process sends deliveries to a target.
    pub fn holds(&self, target: Target) -> bool {
        match self {
            Self::Hold(_) => true,
            Self::HoldExcept(_, due) => !due.contains(&target),
            Self::Due => false,
        }
    }
}
