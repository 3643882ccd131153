//! Shares of the in-memory slots for deliveries, by tenant and by endpoint.
//!
//! A tenant may hold as many slots as are free (dynamic thresholds: A. Choudhury and E. Hahne,
//! "Dynamic Queue Length Thresholds", 1998). A single tenant has half of the slots, n tenants that
//! want all of them have 1/(n + 1) each, and a new tenant always finds a free slot. An endpoint may
//! hold as many as the scheduler determines ([`Capacity`]). A delivery beyond its share waits in
//! the store, due.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use hookgate_domain::{Target, TenantId};
use hookgate_store::Endpoint;

/// Maximum deliveries of one endpoint in memory, waiting or in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Number of slots.
    pub places: usize,
    /// End of the endpoint's pause, before which no slots are granted.
    pub closed_until: Option<Instant>,
    /// It asked for the pause itself.
    pub asked: bool,
}

/// Slots granted to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// Number of slots.
    pub(super) places: usize,
    /// Time for which the store skips the endpoint, if it has more due deliveries.
    pub(super) hold: Duration,
}

/// Slots taken for new deliveries.
#[derive(Debug)]
pub(super) struct Taken {
    /// Number of slots by target; 0 for targets whose deliveries have to wait in the store.
    pub(super) places: Vec<(Target, usize)>,
    /// Flag: some deliveries wait in the store, and the next claim has to look for them.
    pub(super) unseen: bool,
}

/// Accounting of the deliveries in memory.
#[derive(Debug)]
pub(super) struct Shares {
    room: usize,
    max_bytes: usize,
    held: Mutex<Held>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Held {
    places: usize,
    bytes: usize,
    tenants: HashMap<TenantId, Tenant>,
    queues: HashMap<Endpoint, Queue>,
    /// Endpoints with more deliveries in the store that have free slots again.
    woken: Vec<Endpoint>,
}

#[derive(Debug)]
struct Tenant {
    places: usize,
    /// End of the wait after its bytes were used up, before which no claim is granted.
    full_until: Option<Instant>,
}

#[derive(Debug)]
struct Queue {
    places: usize,
    capacity: Capacity,
    /// Flag: more deliveries of the endpoint are due in the store, and new ones queue behind them.
    behind: bool,
    /// Flag: the endpoint is in `woken`.
    woken: bool,
    /// Flag: some of the last claimed deliveries were postponed.
    postponed: bool,
}

impl Capacity {
    /// Capacity of a new endpoint.
    pub const NEW: Self = Self {
        places: 256,
        closed_until: None,
        asked: false,
    };

    /// Initial capacity of an endpoint; unlimited for `Inline`.
    /// Endpoints that events name themselves share one queue in the store; each is bounded by its
    /// queue in the scheduler.
    fn of_new(endpoint: &Endpoint) -> Self {
        match endpoint.target {
            Target::Subscription(_) => Self::NEW,
            Target::Inline => Self {
                places: usize::MAX,
                ..Self::NEW
            },
        }
    }

    fn is_closed(self, now: Instant) -> bool {
        self.closed_until.is_some_and(|until| now < until)
    }
}

impl Shares {
    pub(super) fn new(room: usize, max_bytes: usize) -> Self {
        Self {
            room,
            max_bytes,
            held: Mutex::default(),
            woken: Notify::new(),
        }
    }

    /// Takes slots for new deliveries of a tenant, all of an endpoint's or none.
    pub(super) fn take_new(
        &self,
        tenant: &TenantId,
        targets: impl Iterator<Item = Target>,
        now: Instant,
    ) -> Taken {
        let mut wanted: Vec<(Target, usize)> = Vec::new();
        for target in targets {
            match wanted.iter_mut().find(|(other, _)| *other == target) {
                Some((_, count)) => *count += 1,
                None => wanted.push((target, 1)),
            }
        }
        let (mut held, mut unseen) = (self.lock(), false);
        for (target, count) in &mut wanted {
            let endpoint = Endpoint {
                tenant: tenant.clone(),
                target: *target,
            };
            let free = self.free(&held, tenant);
            let queue = held.queue(&endpoint);
            let closed = queue.capacity.is_closed(now);
            let own = queue.capacity.places.saturating_sub(queue.places);
            if !queue.behind && !closed && *count <= own && *count <= free {
                held.add(&endpoint, *count);
            } else {
                // An endpoint that holds slots is woken when they are released.
                unseen |= !queue.behind && (closed || queue.places == 0);
                queue.behind = true;
                *count = 0;
            }
        }
        Taken {
            places: wanted,
            unseen,
        }
    }

    /// Takes a slot for a forced delivery, which ignores pauses; returns `true` if there is one.
    /// Up to `FORCED` slots beyond the endpoint's capacity.
    pub(super) fn take_forced(&self, endpoint: &Endpoint) -> bool {
        let mut held = self.lock();
        let free = self.room.saturating_sub(held.places);
        let queue = held.queue(endpoint);
        let few = queue.places < queue.capacity.places.saturating_add(FORCED);
        if few && free > 0 {
            held.add(endpoint, 1);
        }
        few && free > 0
    }

    /// Takes up to `max` slots for a claim of an endpoint's deliveries.
    pub(super) fn take_some(&self, endpoint: &Endpoint, max: usize, now: Instant) -> Grant {
        let mut held = self.lock();
        let none = |hold| Grant { places: 0, hold };
        let tenant = held.tenants.get(&endpoint.tenant);
        if tenant.is_some_and(|tenant| tenant.full_until.is_some_and(|until| now < until)) {
            return none(FULL_FOR);
        }
        let free = self.free(&held, &endpoint.tenant);
        let queue = held.queue(endpoint);
        queue.behind = true;
        queue.woken = false;
        if let Some(until) = queue.capacity.closed_until.filter(|until| now < *until) {
            return none(until.duration_since(now).min(LONGEST_HOLD));
        }
        if std::mem::take(&mut queue.postponed) {
            let places = max.min(free).min(FEW);
            held.add(endpoint, places);
            return Grant {
                places,
                hold: FULL_FOR / 2,
            };
        }
        let own = queue.capacity.places.saturating_sub(queue.places);
        let places = own.min(free).min(max);
        if places > 0 {
            held.add(endpoint, places);
        }
        // An endpoint that holds all of its slots is woken when some are free again.
        let hold = if places < own && places == max {
            Duration::ZERO
        } else {
            FULL_FOR
        };
        Grant { places, hold }
    }

    /// Records after a claim whether the endpoint has more due deliveries in the store.
    pub(super) fn claimed(&self, endpoint: &Endpoint, more: bool) {
        let mut held = self.lock();
        held.queue(endpoint).behind = more;
        held.forget_unused(endpoint);
    }

    /// Records that a claimed delivery was postponed individually: the next claim takes fewer.
    pub(super) fn postponed(&self, endpoint: &Endpoint) {
        if let Some(queue) = self.lock().queues.get_mut(endpoint) {
            queue.postponed = true;
        }
    }

    /// Records that a tenant's bytes are used up.
    pub(super) fn is_full(&self, tenant: &TenantId, now: Instant) {
        let mut held = self.lock();
        if let Some(tenant) = held.tenants.get_mut(tenant) {
            tenant.full_until = Some(now + FULL_FOR);
        }
    }

    /// Counts the bytes of a delivery that holds a slot.
    pub(super) fn add_bytes(&self, bytes: usize) {
        self.lock().bytes += bytes;
    }

    /// Returns `true` if all bytes are used up.
    pub(super) fn has_no_bytes(&self) -> bool {
        self.lock().bytes >= self.max_bytes
    }

    /// Releases slots of an endpoint, and bytes.
    pub(super) fn give_back(&self, endpoint: &Endpoint, places: usize, bytes: usize) {
        let wake = {
            let mut held = self.lock();
            held.bytes -= bytes;
            held.remove(endpoint, places)
        };
        if wake {
            self.woken.notify_one();
        }
    }

    /// Sets the maximum number of an endpoint's deliveries in memory.
    pub(super) fn set_capacity(&self, endpoint: &Endpoint, capacity: Capacity) {
        let wake = {
            let mut held = self.lock();
            held.queue(endpoint).capacity = capacity;
            let wake = held.wake(endpoint);
            held.forget_unused(endpoint);
            wake
        };
        if wake {
            self.woken.notify_one();
        }
    }

    /// Until when an endpoint is paused, and whether it asked for it; `None`: it is not.
    pub(super) fn closed(&self, endpoint: &Endpoint, now: Instant) -> Option<(Instant, bool)> {
        let held = self.lock();
        let capacity = held.queues.get(endpoint)?.capacity;
        let until = capacity.closed_until.filter(|until| now < *until)?;
        Some((until, capacity.asked))
    }

    /// Places that are free of all.
    pub(super) fn free_places(&self) -> usize {
        self.room.saturating_sub(self.lock().places)
    }

    /// Endpoints with more deliveries in the store that have free slots again.
    /// Each is returned once per wake-up.
    pub(super) fn take_woken(&self) -> Vec<Endpoint> {
        let mut held = self.lock();
        let woken = std::mem::take(&mut held.woken);
        for endpoint in &woken {
            if let Some(queue) = held.queues.get_mut(endpoint) {
                queue.woken = false;
            }
        }
        woken
    }

    /// Waits until an endpoint is woken.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Number of slots that a tenant may still take.
    fn free(&self, held: &Held, tenant: &TenantId) -> usize {
        let free = self.room.saturating_sub(held.places);
        let own = held.tenants.get(tenant).map_or(0, |tenant| tenant.places);
        // After n more slots the tenant holds own + n, and free - n are free.
        match own {
            0 => free.div_ceil(2),
            own => free.saturating_sub(own).div_ceil(2),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // The counts are consistent again before anything can panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn queue(&mut self, endpoint: &Endpoint) -> &mut Queue {
        if !self.queues.contains_key(endpoint) {
            let queue = Queue {
                places: 0,
                capacity: Capacity::of_new(endpoint),
                behind: false,
                woken: false,
                postponed: false,
            };
            self.queues.insert(endpoint.clone(), queue);
        }
        self.queues.get_mut(endpoint).expect("it was inserted")
    }

    fn add(&mut self, endpoint: &Endpoint, places: usize) {
        self.places += places;
        match self.tenants.get_mut(&endpoint.tenant) {
            Some(tenant) => tenant.places += places,
            None => {
                let tenant = Tenant {
                    places,
                    full_until: None,
                };
                self.tenants.insert(endpoint.tenant.clone(), tenant);
            }
        }
        self.queue(endpoint).places += places;
    }

    /// Releases slots; returns `true` if the endpoint was woken.
    fn remove(&mut self, endpoint: &Endpoint, places: usize) -> bool {
        self.places -= places;
        if let Some(tenant) = self.tenants.get_mut(&endpoint.tenant) {
            tenant.places -= places;
            if tenant.places == 0 {
                self.tenants.remove(&endpoint.tenant);
            }
        }
        if let Some(queue) = self.queues.get_mut(endpoint) {
            queue.places -= places;
        }
        let wake = self.wake(endpoint);
        self.forget_unused(endpoint);
        wake
    }

    /// Wakes an endpoint with more deliveries in the store, when a quarter of its slots is free.
    fn wake(&mut self, endpoint: &Endpoint) -> bool {
        let Some(queue) = self.queues.get_mut(endpoint) else {
            return false;
        };
        let capacity = queue.capacity;
        let wake = queue.behind
            && !queue.woken
            && capacity.closed_until.is_none()
            && queue.places <= capacity.places - capacity.places.div_ceil(4);
        if wake {
            queue.woken = true;
            self.woken.push(endpoint.clone());
        }
        wake
    }

    fn forget_unused(&mut self, endpoint: &Endpoint) {
        let new = Capacity::of_new(endpoint);
        let unused =
            |queue: &Queue| queue.places == 0 && !queue.behind && !queue.woken && queue.capacity == new;
        if self.queues.get(endpoint).is_some_and(unused) {
            self.queues.remove(endpoint);
        }
    }
}

/// Hold of an endpoint without free slots: the fallback if it is not woken.
const FULL_FOR: Duration = Duration::from_millis(500);
/// Maximum number of forced deliveries beyond an endpoint's capacity.
const FORCED: usize = 4;
/// Maximum number of deliveries claimed after some were postponed.
const FEW: usize = 64;
/// Maximum hold of a paused endpoint, since another process may end the pause.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::SubscriptionId;

    fn endpoint(tenant: &str, number: u128) -> Endpoint {
        Endpoint {
            tenant: tenant.parse().expect("a tenant"),
            target: Target::Subscription(SubscriptionId::new(ulid::Ulid(number))),
        }
    }

    fn new(shares: &Shares, of: &Endpoint, count: usize) -> usize {
        let targets = std::iter::repeat_n(of.target, count);
        shares.take_new(&of.tenant, targets, Instant::now()).places[0].1
    }

    fn claim(shares: &Shares, of: &Endpoint, max: usize) -> Grant {
        shares.take_some(of, max, Instant::now())
    }

    fn wide(places: usize) -> Capacity {
        Capacity {
            places,
            closed_until: None,
            asked: false,
        }
    }

    #[test]
    fn tenants_share_the_room_and_a_newcomer_finds_some() {
        let shares = Shares::new(120, usize::MAX);
        let hogs = [endpoint("loud", 1), endpoint("noisy", 2)];
        for hog in &hogs {
            shares.set_capacity(hog, wide(1_000));
            while claim(&shares, hog, 7).places > 0 {}
        }
        // The first tenant took half; the second takes as much as it left free then.
        let held = |of: &Endpoint| shares.lock().tenants[&of.tenant].places;
        assert_eq!((held(&hogs[0]), held(&hogs[1])), (60, 30));
        shares.give_back(&hogs[0], 30, 0);
        assert_eq!(
            claim(&shares, &hogs[0], 100).places,
            15,
            "it has what is free, not more"
        );
        assert!(new(&shares, &endpoint("calm", 3), 10) > 0);
    }

    #[test]
    fn an_endpoint_has_its_capacity_and_is_woken_when_it_is_free_again() {
        let (shares, of) = (Shares::new(1_000, usize::MAX), endpoint("acme", 1));
        shares.set_capacity(&of, wide(8));
        assert_eq!(new(&shares, &of, 8), 8);
        assert_eq!(new(&shares, &of, 1), 0);
        shares.give_back(&of, 1, 0);
        assert_eq!(new(&shares, &of, 1), 0, "it waits behind what is in the store");
        assert!(shares.take_woken().is_empty());
        shares.give_back(&of, 1, 0);
        assert_eq!(shares.take_woken(), std::slice::from_ref(&of));
        assert_eq!(
            claim(&shares, &of, 100),
            Grant {
                places: 2,
                hold: FULL_FOR
            }
        );
        shares.claimed(&of, false);
        shares.give_back(&of, 8, 0);
        assert!(shares.take_woken().is_empty(), "nothing waits");
        assert_eq!(new(&shares, &of, 8), 8);
        shares.give_back(&of, 8, 0);
        shares.set_capacity(&of, Capacity::NEW);
        assert!(shares.lock().queues.is_empty() && shares.lock().tenants.is_empty());
    }

    #[test]
    fn a_paused_endpoint_has_no_places_and_is_held_in_the_store() {
        let (shares, of, now) = (Shares::new(100, usize::MAX), endpoint("acme", 1), Instant::now());
        let pause = Duration::from_secs(5);
        let paused = Capacity {
            places: 2,
            closed_until: Some(now + pause),
            asked: false,
        };
        shares.set_capacity(&of, paused);
        assert_eq!(new(&shares, &of, 1), 0);
        let grant = shares.take_some(&of, 10, now);
        assert_eq!((grant.places, grant.hold), (0, pause));
        assert_eq!(shares.take_some(&of, 10, now + pause).places, 2);
        shares.give_back(&of, 2, 0);
        shares.set_capacity(&of, wide(8));
        assert_eq!(shares.take_woken(), [of]);
    }
}
