//! Deliveries: targets of an event, the inbox to the scheduler's ready queue, and the leases in it.

pub mod inbox;
pub mod leases;
mod shares;

use std::sync::Arc;

use hookgate_domain::{Event, EventType, Subscription, SubscriptionId, Target};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, Limits, Value};

pub use inbox::{Inbox, Reservation};
pub use shares::Capacity;

/// Error: a subscription's filter exceeds the work budget, so its result is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the filter of the subscription {subscription} cannot be applied: {cause}")]
pub struct FilterOverworked {
    /// Subscription of the filter.
    pub subscription: SubscriptionId,
    /// The exceeded budget.
    pub cause: TooMuchWork,
}

/// Targets of an event with this type and data: every matching active subscription, once. Pure.
///
/// # Errors
/// A filter exceeds the work budget, which all filters share.
pub fn fan_out(
    kind: &EventType,
    data: &Value,
    subscriptions: &[Arc<Subscription>],
    work: &WorkBudget,
) -> Result<Vec<Target>, FilterOverworked> {
    let mut targets = Vec::new();
    for subscription in subscriptions.iter().filter(|s| s.wants(kind)) {
        if passes(subscription, kind, data, work)? {
            targets.push(Target::Subscription(subscription.id));
        }
    }
    Ok(targets)
}

/// Targets of a stored event, as [`fan_out`]; parses its data only if a filter needs it. Pure.
///
/// # Errors
/// As [`fan_out`].
pub fn fan_out_again(
    event: &Event,
    subscriptions: &[Arc<Subscription>],
    work: &WorkBudget,
) -> Result<Vec<Target>, FilterOverworked> {
    let data = if has_filters(&event.kind, subscriptions) {
        data_of(event)
    } else {
        Value::Null
    };
    fan_out(&event.kind, &data, subscriptions, work)
}

/// Returns `true` if a filter applies to events of this type. Pure.
pub fn has_filters(kind: &EventType, subscriptions: &[Arc<Subscription>]) -> bool {
    subscriptions.iter().any(|s| s.filter.is_some() && s.wants(kind))
}

/// Checks a stored event against a subscription's patterns and filter, active or not. Pure.
///
/// # Errors
/// The filter exceeds the work budget.
pub fn means(
    subscription: &Subscription,
    event: &Event,
    work: &WorkBudget,
) -> Result<bool, FilterOverworked> {
    let of_type = subscription
        .events
        .iter()
        .any(|pattern| pattern.matches(&event.kind));
    if !of_type || subscription.filter.is_none() {
        return Ok(of_type);
    }
    passes(subscription, &event.kind, &data_of(event), work)
}

fn passes(
    subscription: &Subscription,
    kind: &EventType,
    data: &Value,
    work: &WorkBudget,
) -> Result<bool, FilterOverworked> {
    let Some(filter) = &subscription.filter else {
        return Ok(true);
    };
    filter.passes(kind, data, work).map_err(|cause| FilterOverworked {
        subscription: subscription.id,
        cause,
    })
}

/// Parsed data of a stored event, which was accepted as JSON; null if it cannot be parsed.
fn data_of(event: &Event) -> Value {
    let limits = Limits {
        bytes: usize::MAX,
        depth: Limits::MAX_DEPTH,
    };
    Document::parse(&event.data, limits).map_or(Value::Null, Document::into_root)
}
