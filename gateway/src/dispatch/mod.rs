//! From an event to its deliveries, and from stored deliveries to the scheduler's ready queue.

pub mod handover;
mod shares;

use std::sync::Arc;

use crate::document::{Document, Limits, Value};
use crate::domain::{Event, EventType, Subscription, Target};

pub use handover::{Handover, Reservation};
pub use shares::Capacity;

/// Which targets an event with this type and data has: every active subscription that wants it, once. Pure.
pub fn fan_out(kind: &EventType, data: &Value, subscriptions: &[Arc<Subscription>]) -> Vec<Target> {
    let passes = |s: &Subscription| s.filter.as_ref().is_none_or(|filter| filter.passes(kind, data));
    subscriptions
        .iter()
        .filter(|s| s.wants(kind) && passes(s))
        .map(|s| Target::Subscription(s.id))
        .collect()
}

/// The same of an event that was stored; its data is read only when a filter asks. Pure.
pub fn fan_out_again(event: &Event, subscriptions: &[Arc<Subscription>]) -> Vec<Target> {
    let asked = |s: &Arc<Subscription>| s.filter.is_some() && s.wants(&event.kind);
    let data = if subscriptions.iter().any(asked) {
        data_of(event)
    } else {
        Value::Null
    };
    fan_out(&event.kind, &data, subscriptions)
}

/// Whether a subscription's patterns and filter mean a stored event, be it active or not. Pure.
pub fn means(subscription: &Subscription, event: &Event) -> bool {
    let filter = subscription.filter.as_ref();
    subscription
        .events
        .iter()
        .any(|pattern| pattern.matches(&event.kind))
        && filter.is_none_or(|filter| filter.passes(&event.kind, &data_of(event)))
}

/// What is stored was accepted as JSON; of what is none nothing holds but that nothing is there.
fn data_of(event: &Event) -> Value {
    let limits = Limits {
        bytes: usize::MAX,
        depth: Limits::MAX_DEPTH,
    };
    Document::parse(&event.data, limits).map_or(Value::Null, Document::into_root)
}
