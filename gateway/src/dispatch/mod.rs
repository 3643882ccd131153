//! From an event to its deliveries, and from stored deliveries to the scheduler's ready queue.

pub mod handover;

use std::sync::Arc;

use crate::domain::{EventType, Subscription, Target};

pub use handover::{Handover, Reservation};

/// Which targets an event of this type has: every active subscription that wants it, once. Pure.
pub fn fan_out(kind: &EventType, subscriptions: &[Arc<Subscription>]) -> Vec<Target> {
    subscriptions
        .iter()
        .filter(|s| s.wants(kind))
        .map(|s| Target::Subscription(s.id))
        .collect()
}
