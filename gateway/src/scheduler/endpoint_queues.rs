//! All endpoint queues, up to the configured number.
//!
//! A queue without deliveries holds only state that can be learned again, so it can be evicted for
//! a new one. If there is none, the delivery has to wait in the store.

use std::collections::HashMap;
use std::time::Instant;

use indexmap::{IndexMap, IndexSet};

use super::endpoint_queue::{EndpointQueue, Key};
use super::health::Gate;
use hookgate_domain::TenantId;

/// Endpoint queues by key.
#[derive(Debug)]
pub(super) struct EndpointQueues<T> {
    most: QueueLimits,
    all: IndexMap<Key, EndpointQueue<T>>,
    /// Queues of endpoints that events name themselves. The registry bounds subscriptions.
    named: HashMap<TenantId, IndexSet<Key>>,
    /// Position of the eviction scan, which is cyclic (CLOCK algorithm).
    hand: usize,
    /// Queues evicted since the last `take_forgotten`.
    forgotten: Vec<Key>,
}

/// Maximum number of endpoint queues.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueLimits {
    /// All queues.
    pub(super) in_all: usize,
    /// One tenant's endpoints that its events name themselves.
    pub(super) named_by_tenant: usize,
}

impl<T> EndpointQueues<T> {
    pub(super) fn new(most: QueueLimits) -> Self {
        Self {
            most,
            all: IndexMap::new(),
            named: HashMap::new(),
            hand: 0,
            forgotten: Vec::new(),
        }
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut EndpointQueue<T>> {
        self.all.get_mut(key)
    }

    /// Returns the queue of a key; creates it if there is none. `None`: there is no room for it.
    pub(super) fn open(&mut self, key: &Key, now: Instant) -> Option<&mut EndpointQueue<T>> {
        if let Some(at) = self.all.get_index_of(key) {
            return self
                .all
                .get_index_mut(at)
                .map(|(_, endpoint_queue)| endpoint_queue);
        }
        if key.is_named() && !self.has_room_for_named(&key.tenant, now) {
            return None;
        }
        if self.all.len() >= self.most.in_all && !self.forget_one(now, None) {
            return None;
        }
        if key.is_named() {
            let named = self.named.entry(key.tenant.clone()).or_default();
            named.insert(key.clone());
        }
        Some(
            self.all
                .entry(key.clone())
                .or_insert_with(|| EndpointQueue::new(now)),
        )
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut EndpointQueue<T>)> {
        self.all.iter_mut()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut EndpointQueue<T>> {
        self.all.values_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Evicts the queues that have been unused for long.
    pub(super) fn forget_old(&mut self, now: Instant) {
        let (named, forgotten) = (&mut self.named, &mut self.forgotten);
        self.all.retain(|key, endpoint_queue| {
            let kept = !endpoint_queue.is_forgettable(now);
            if !kept {
                forget_named(named, key);
                forgotten.push(key.clone());
            }
            kept
        });
    }

    /// Takes the keys of the queues evicted since the last call.
    pub(super) fn take_forgotten(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.forgotten)
    }

    fn has_room_for_named(&mut self, tenant: &TenantId, now: Instant) -> bool {
        let held = self.named.get(tenant).map_or(0, IndexSet::len);
        held < self.most.named_by_tenant || self.forget_one(now, Some(tenant))
    }

    /// Evicts an unused queue, a named one of a tenant or any, preferably one that is not paused.
    ///
    /// Examines only a few, so that a tenant with many new endpoints does not slow this down for
    /// the others.
    fn forget_one(&mut self, now: Instant, of: Option<&TenantId>) -> bool {
        let mut paused = None;
        for _ in 0..LOOKS {
            self.hand = self.hand.wrapping_add(1);
            let Some((key, endpoint_queue)) = self.at_hand(of) else {
                return false;
            };
            if !endpoint_queue.is_unused() {
                continue;
            }
            if let Gate::ClosedUntil(_) = endpoint_queue.health.gate(now) {
                paused.get_or_insert_with(|| key.clone());
                continue;
            }
            let key = key.clone();
            return self.forget(&key);
        }
        paused.is_some_and(|key| self.forget(&key))
    }

    fn at_hand(&self, of: Option<&TenantId>) -> Option<(&Key, &EndpointQueue<T>)> {
        let Some(tenant) = of else {
            return self.all.get_index(self.hand.checked_rem(self.all.len())?);
        };
        let named = self.named.get(tenant)?;
        let key = named.get_index(self.hand.checked_rem(named.len())?)?;
        self.all.get_key_value(key)
    }

    fn forget(&mut self, key: &Key) -> bool {
        forget_named(&mut self.named, key);
        self.forgotten.push(key.clone());
        self.all.swap_remove(key).is_some()
    }
}

fn forget_named(named: &mut HashMap<TenantId, IndexSet<Key>>, key: &Key) {
    if let Some(keys) = named.get_mut(&key.tenant)
        && keys.swap_remove(key)
        && keys.is_empty()
    {
        named.remove(&key.tenant);
    }
}

const LOOKS: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::budget::AttemptClass;
    use super::super::endpoint_queue::EndpointKey;
    use super::*;

    const MOST: QueueLimits = QueueLimits {
        in_all: 5,
        named_by_tenant: 2,
    };

    fn named(tenant: &str, origin: &str) -> Key {
        Key {
            tenant: tenant.parse().expect("a tenant"),
            endpoint: EndpointKey::Inline(origin.into()),
        }
    }

    fn subscribed(n: u128) -> Key {
        let id = hookgate_domain::SubscriptionId::new(ulid::Ulid(n));
        Key {
            tenant: "t".parse().expect("a tenant"),
            endpoint: EndpointKey::Subscription(id),
        }
    }

    #[test]
    fn i10_a_tenants_named_endpoints_are_few_and_the_unused_make_room() {
        let now = Instant::now();
        let mut endpoint_queues: EndpointQueues<u32> = EndpointQueues::new(MOST);
        for n in 0..1_000 {
            assert!(
                endpoint_queues
                    .open(&named("loud", &n.to_string()), now)
                    .is_some()
            );
            assert!(endpoint_queues.all.len() <= 2 && endpoint_queues.named.len() == 1);
        }
        assert!(endpoint_queues.open(&named("calm", "a"), now).is_some());
        assert_eq!((endpoint_queues.all.len(), endpoint_queues.named.len()), (3, 2));
    }

    #[test]
    fn what_is_in_use_is_not_forgotten() {
        let now = Instant::now();
        let mut endpoint_queues = EndpointQueues::new(MOST);
        for n in 0..5 {
            endpoint_queues
                .open(&subscribed(n), now)
                .expect("room")
                .push(AttemptClass::Fresh, n);
        }
        assert!(endpoint_queues.open(&named("u", "a"), now).is_none());
        assert!(endpoint_queues.open(&subscribed(3), now).is_some(), "it is there");
        endpoint_queues
            .get_mut(&subscribed(3))
            .expect("an endpoint queue")
            .drain();
        assert!(endpoint_queues.open(&named("u", "a"), now).is_some());
        assert!(endpoint_queues.get_mut(&subscribed(3)).is_none());
        assert_eq!(endpoint_queues.all.len(), 5);
    }

    #[test]
    fn the_old_are_forgotten_everywhere() {
        let now = Instant::now();
        let mut endpoint_queues: EndpointQueues<u32> = EndpointQueues::new(MOST);
        endpoint_queues.open(&named("t", "a"), now);
        endpoint_queues.forget_old(now + std::time::Duration::from_secs(16 * 60));
        assert!(endpoint_queues.is_empty() && endpoint_queues.named.is_empty());
    }
}
