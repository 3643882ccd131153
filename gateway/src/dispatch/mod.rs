//! From an event to its deliveries, and from stored deliveries to the scheduler's ready queue.

pub mod inbox;
mod shares;

use std::sync::Arc;

use hookgate_domain::{Event, EventType, Subscription, SubscriptionId, Target};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, Limits, Value};

pub use inbox::{Inbox, Reservation};
pub use shares::Capacity;

/// A subscription's filter takes more work with an event than there is: whether it passes is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the filter of the subscription {subscription} cannot be applied: {cause}")]
pub struct FilterOverworked {
    /// Whose filter.
    pub subscription: SubscriptionId,
    /// How much there was.
    pub cause: TooMuchWork,
}

/// Which targets an event with this type and data has: every active subscription that wants it, once. Pure.
///
/// # Errors
/// When a filter takes more work than there is for all of them.
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

/// The same of an event that was stored; its data is read only when a filter asks. Pure.
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

/// Tells whether a filter decides of an event of this type. Pure.
pub fn has_filters(kind: &EventType, subscriptions: &[Arc<Subscription>]) -> bool {
    subscriptions.iter().any(|s| s.filter.is_some() && s.wants(kind))
}

/// Whether a subscription's patterns and filter mean a stored event, be it active or not. Pure.
///
/// # Errors
/// When the filter takes more work than there is.
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

/// What is stored was accepted as JSON; of what is none nothing holds but that nothing is there.
fn data_of(event: &Event) -> Value {
    let limits = Limits {
        bytes: usize::MAX,
        depth: Limits::MAX_DEPTH,
    };
    Document::parse(&event.data, limits).map_or(Value::Null, Document::into_root)
}
