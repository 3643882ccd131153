//! Index over the deliveries of a stored event: an event can have many thousands, and lists ask each for those made after it.

use std::collections::HashMap;

use super::StoredEvent;
use hookgate_domain::{Delivery, DeliveryId, Event, Target};

impl StoredEvent {
    /// Indexes its deliveries by their targets, in one pass.
    pub fn indexed(&self) -> IndexedEvent<'_> {
        let mut by_target = HashMap::<_, Vec<_>>::new();
        for delivery in &self.deliveries {
            by_target.entry(delivery.id.target).or_default().push(delivery);
        }
        for deliveries in by_target.values_mut() {
            deliveries.sort_by_key(|delivery| delivery.id.run);
        }
        IndexedEvent {
            event: &self.event,
            deliveries: &self.deliveries,
            by_target,
        }
    }
}

/// A stored event whose deliveries are indexed by their targets.
pub struct IndexedEvent<'a> {
    /// The event.
    pub event: &'a Event,
    /// All its deliveries.
    pub deliveries: &'a [Delivery],
    by_target: HashMap<Target, Vec<&'a Delivery>>,
}

impl IndexedEvent<'_> {
    /// The deliveries to a target, in the order in which they were made.
    pub fn to(&self, target: Target) -> &[&Delivery] {
        self.by_target.get(&target).map_or(&[], Vec::as_slice)
    }

    /// The newest delivery that was made after this one to the same target; `None`: there is none.
    pub fn made_again(&self, delivery: &Delivery) -> Option<&DeliveryId> {
        let newest = self.to(delivery.id.target).last()?;
        (newest.id.run > delivery.id.run).then_some(&newest.id)
    }
}
