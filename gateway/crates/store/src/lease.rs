//! Leased deliveries: what a claim returns, and what a crash leaves behind.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Token;
use hookgate_domain::{DeliveryId, Event, TenantId, Timestamp, Trigger};

/// Deliveries that were claimed.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Claimed deliveries, in the order of the picked endpoints, the longest due first.
    pub leased: Vec<Leased>,
    /// Delay of each delivery: the time since it was due, or since its lease ran out.
    pub late: Vec<Duration>,
    /// Flag for each pick: the endpoint has more due deliveries.
    pub more: Vec<bool>,
    /// The store's time.
    pub now: Timestamp,
    /// Next turn of the shard: when a delivery is due, a lease ends or a hold is over.
    /// `None`: no delivery waits.
    pub next_due: Option<Timestamp>,
}

/// Delivery leased to this process.
#[derive(Clone)]
pub struct Leased {
    /// The event that is to be brought.
    pub event: Arc<Event>,
    /// Id of the delivery.
    pub id: DeliveryId,
    /// Origin of the delivery.
    pub trigger: Trigger,
    /// Lease token, which is also the end of the lease.
    pub token: Token,
    /// Number of earlier attempts.
    pub attempts: u32,
    /// Time of the first attempt.
    pub first_attempt: Option<Timestamp>,
    /// Number of process crashes during attempts since the last attempt with an outcome.
    pub crashes: u32,
    /// Event data as the delivery chain made it at the first attempt; every attempt sends the same.
    pub body: Option<Bytes>,
}

/// Delivery whose attempt was in progress when the process that made it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Tenant of the delivery.
    pub tenant: TenantId,
    /// Id of the delivery.
    pub id: DeliveryId,
    /// Lease token that the crashed process held.
    pub token: Token,
    /// Number of earlier attempts.
    pub attempts: u32,
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased")
            .field("tenant", &self.event.tenant)
            .field("id", &self.id)
            .field("token", &self.token)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
