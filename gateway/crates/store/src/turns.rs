//! Endpoints as a store orders their deliveries: whose turn it is, what is claimed of each, who sends what is new.

use std::time::Duration;

use hookgate_domain::{Target, TenantId, Timestamp};

/// Receiver of deliveries as a store orders them: each has a queue of its own in its shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Whose.
    pub tenant: TenantId,
    /// A subscription, or all endpoints that the tenant's events name themselves.
    pub target: Target,
}

/// Endpoints whose turn it is.
#[derive(Debug, Clone)]
pub struct Turns {
    /// The longest waiting first.
    pub endpoints: Vec<Endpoint>,
    /// The store's time.
    pub now: Timestamp,
    /// The first turn of the shard, which may have come; `None`: nothing waits.
    pub next: Option<Timestamp>,
}

/// Claim of one endpoint's deliveries.
#[derive(Debug, Clone)]
pub struct Pick {
    /// Whose deliveries.
    pub endpoint: Endpoint,
    /// Most deliveries to take, of which a store may take fewer at once; 0 takes none and only sets the next turn.
    pub max: usize,
    /// Time from now before which the endpoint has no turn again, whatever is due: one record instead of a postponement of
    /// each of its deliveries. A store may end it early when a delivery is added or settled.
    pub hold: Duration,
}

impl Pick {
    /// So many deliveries at most, and the next turn behind the others whose turn it is.
    pub fn of(endpoint: Endpoint, max: usize) -> Self {
        let hold = Duration::ZERO;
        Self { endpoint, max, hold }
    }
}

/// Who sends new deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeasePolicy {
    /// This process, at once: they are stored leased for so long.
    Hold(Duration),
    /// This process, but for deliveries to these targets, which are stored due.
    HoldExcept(Duration, Vec<Target>),
    /// Whoever claims them.
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

    /// Tells whether this process sends deliveries to a target.
    pub fn holds(&self, target: Target) -> bool {
        match self {
            Self::Hold(_) => true,
            Self::HoldExcept(_, due) => !due.contains(&target),
            Self::Due => false,
        }
    }
}
