//! Shares of the room for deliveries in memory, by tenant and by endpoint.
//!
//! A tenant may hold as many deliveries as there are places free (dynamic thresholds: A. Choudhury and E. Hahne, "Dynamic
//! Queue Length Thresholds", 1998). One tenant alone has half of the room, n tenants that want all of it have 1/(n + 1) each,
//! and a tenant that comes later always finds a place. An endpoint may hold as many as the scheduler says that it can use
//! ([`Capacity`]). A delivery beyond its share waits in the store, where it is due.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::domain::{Target, TenantId};
use crate::store::Endpoint;

/// Deliveries of one endpoint that may be in memory, waiting or in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// How many.
    pub places: usize,
    /// None before: the endpoint is paused.
    pub closed_until: Option<Instant>,
    /// It asked for the pause itself.
    pub asked: bool,
}

/// Answer to a claim that asks for places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// How many places it has.
    pub(super) places: usize,
    /// How long the store is to leave the endpoint alone, if it has more that is due.
    pub(super) hold: Duration,
}

/// Places of new deliveries.
#[derive(Debug)]
pub(super) struct Taken {
    /// How many each target has, 0 where its deliveries have to wait in the store.
    pub(super) places: Vec<(Target, usize)>,
    /// Some wait that the next claim has to look for.
    pub(super) unseen: bool,
}

/// Deliveries in memory, counted.
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
    /// Endpoints with more in the store that have places again.
    woken: Vec<Endpoint>,
}

#[derive(Debug)]
struct Tenant {
    places: usize,
    /// Its bytes were used up: nothing is claimed before.
    full_until: Option<Instant>,
}

#[derive(Debug)]
struct Queue {
    places: usize,
    capacity: Capacity,
    /// More deliveries of the endpoint are due in the store: new ones wait behind them.
    behind: bool,
    /// It is in `woken`.
    woken: bool,
    /// Some of the last that were claimed were postponed.
    postponed: bool,
}

impl Capacity {
    /// Of an endpoint that nothing is known of.
    pub const NEW: Self = Self {
        places: 256,
        closed_until: None,
        asked: false,
    };

    /// Events name many endpoints themselves, which are one queue in the store: each is bounded by its lane.
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

    /// Takes places for new deliveries of a tenant, all of an endpoint's or none.
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
                // Whoever has places is woken when they are given back.
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

    /// Takes a place for a delivery that no pause keeps. A few more than an endpoint may have.
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

    /// Takes up to `max` places for a claim of an endpoint's deliveries.
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
        // With all of its places taken it is woken when it has some again.
        let hold = if places < own && places == max {
            Duration::ZERO
        } else {
            FULL_FOR
        };
        Grant { places, hold }
    }

    /// Notes what a claim left in the store: whether the endpoint has more that is due.
    pub(super) fn claimed(&self, endpoint: &Endpoint, more: bool) {
        let mut held = self.lock();
        held.queue(endpoint).behind = more;
        held.forget_unused(endpoint);
    }

    /// Notes that a claimed delivery was postponed alone: fewer are claimed next.
    pub(super) fn postponed(&self, endpoint: &Endpoint) {
        if let Some(queue) = self.lock().queues.get_mut(endpoint) {
            queue.postponed = true;
        }
    }

    /// Notes that a tenant's bytes are used up.
    pub(super) fn is_full(&self, tenant: &TenantId, now: Instant) {
        let mut held = self.lock();
        if let Some(tenant) = held.tenants.get_mut(tenant) {
            tenant.full_until = Some(now + FULL_FOR);
        }
    }

    /// Counts the bytes of a delivery that has its place.
    pub(super) fn add_bytes(&self, bytes: usize) {
        self.lock().bytes += bytes;
    }

    /// Tells whether all bytes are used up.
    pub(super) fn has_no_bytes(&self) -> bool {
        self.lock().bytes >= self.max_bytes
    }

    /// Gives places of an endpoint back, and bytes.
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

    /// Sets how many deliveries an endpoint may have in memory.
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

    /// Endpoints with more in the store that have places again since they were asked for last.
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

    /// Places that a tenant may still take.
    fn free(&self, held: &Held, tenant: &TenantId) -> usize {
        let free = self.room.saturating_sub(held.places);
        let own = held.tenants.get(tenant).map_or(0, |tenant| tenant.places);
        // After n more it holds own + n, and free - n are free.
        match own {
            0 => free.div_ceil(2),
            own => free.saturating_sub(own).div_ceil(2),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Counts are whole again before anything can panic.
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

    /// Tells whether an endpoint was woken.
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

    /// Wakes an endpoint that has more in the store, when a quarter of its places is free.
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

/// How long the store leaves an endpoint alone that has no places: then its turn comes again, should nobody have woken it.
const FULL_FOR: Duration = Duration::from_millis(500);
/// How many deliveries that no pause keeps may be in memory beyond an endpoint's capacity.
const FORCED: usize = 4;
/// How many are claimed after some were postponed.
const FEW: usize = 64;
/// A longer pause is looked at in between: another process may have taken it back.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SubscriptionId;

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
        // The first took half; the second as much as it left free then.
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
