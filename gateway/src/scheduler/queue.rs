//! Ready queue: decides which delivery is attempted next. Pure state machine: time and events are
//! arguments; no I/O.
//!
//! Deliveries wait in endpoint queues, one for each endpoint of a tenant. An endpoint queue that
//! cannot continue is set aside and costs nothing until the event that it waits for: one of its
//! attempts comes back, a share of the budget becomes free, or its pause ends.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::budget::{AttemptClass, Budget, EndpointSpeed, Share};
use super::endpoint_queue::{EndpointQueue, Key, Place, Popped};
use super::endpoint_queues::{EndpointQueues, QueueLimits};
use super::health::{Gate, PauseRules};
use super::ring::Ring;
use super::signal::Signal;
use crate::dispatch::Capacity;
use hookgate_domain::TenantId;

/// Waiting deliveries, and the state of their endpoints.
#[derive(Debug)]
pub(super) struct Queue<T> {
    rules: Rules,
    endpoint_queues: EndpointQueues<T>,
    ring: Ring<TenantId, Key>,
    aside: Parked,
    budget: Budget,
    waiting: usize,
    /// Endpoints whose capacity changed.
    capacities: Vec<(Key, Capacity)>,
}

/// Rules of the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Maximum attempts in flight.
    pub(super) in_flight: usize,
    /// Usual response time above which an endpoint is slow.
    pub(super) slow: Duration,
    /// Rules for pauses.
    pub(super) pauses: PauseRules,
    /// Maximum number of endpoint queues.
    pub(super) endpoint_queues: QueueLimits,
}

/// A delivery whose turn it is. It occupies its place until `finished` is called.
#[derive(Debug)]
pub(super) struct Start<T> {
    pub(super) key: Key,
    pub(super) age: AttemptClass,
    /// Set when it is attempted even if the endpoint is paused.
    pub(super) forced: bool,
    pub(super) item: T,
}

/// Result of a start.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) key: Key,
    pub(super) age: AttemptClass,
    pub(super) forced: bool,
    pub(super) signal: Signal,
    pub(super) took: Duration,
}

/// Deliveries that return to the store until a time: their endpoint is paused or over its capacity.
#[derive(Debug)]
pub(super) struct Postponed<T> {
    pub(super) items: Vec<T>,
    pub(super) until: Instant,
    /// Set when the endpoint is paused; otherwise there are too many deliveries or endpoints.
    pub(super) paused: bool,
}

impl<T> Postponed<T> {
    fn one(item: T, until: Instant, paused: bool) -> Self {
        let items = vec![item];
        Self { items, until, paused }
    }
}

/// Endpoint queues that wait for a share of the budget.
#[derive(Debug, Default)]
struct Parked {
    slow: VecDeque<Key>,
    unknown: VecDeque<Key>,
    old: VecDeque<Key>,
}

impl<T> Queue<T> {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            endpoint_queues: EndpointQueues::new(rules.endpoint_queues),
            ring: Ring::default(),
            aside: Parked::default(),
            budget: Budget::new(rules.in_flight),
            waiting: 0,
            capacities: Vec::new(),
        }
    }

    /// Number of waiting deliveries.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Number of attempts in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.budget.in_flight()
    }

    /// Adds a delivery to its endpoint queue. Returns it if the endpoint is paused or there is no
    /// room.
    pub(super) fn push(
        &mut self,
        key: &Key,
        age: AttemptClass,
        item: T,
        now: Instant,
    ) -> Option<Postponed<T>> {
        let Some(endpoint_queue) = self.endpoint_queues.open(key, now) else {
            return Some(Postponed::one(item, now + NO_LANE_FOR, false));
        };
        if let Gate::ClosedUntil(until) = endpoint_queue.health.gate(now) {
            return Some(Postponed::one(item, until, true));
        }
        if key.is_named()
            && endpoint_queue.waiting() + endpoint_queue.in_flight
                >= endpoint_queue.capacity(now, &self.rules).places
        {
            return Some(Postponed::one(item, now + TOO_MANY_FOR, false));
        }
        endpoint_queue.push(age, item);
        self.waiting += 1;
        // A queue that waits for the share of retries can continue with this fresh delivery.
        let for_old_only = endpoint_queue.place == Place::Parked(Share::Retry) && age == AttemptClass::Fresh;
        if endpoint_queue.place == Place::Nowhere || for_old_only {
            endpoint_queue.place = Place::Ring;
            self.ring.add(&key.tenant, key.clone());
        }
        None
    }

    /// Adds a delivery that no pause stops, because a caller waits for its result.
    pub(super) fn push_forced(&mut self, key: &Key, item: T, now: Instant) -> Option<Postponed<T>> {
        let Some(endpoint_queue) = self.endpoint_queues.open(key, now) else {
            return Some(Postponed::one(item, now + NO_LANE_FOR, false));
        };
        endpoint_queue.push_forced(item);
        self.waiting += 1;
        if matches!(endpoint_queue.place, Place::Nowhere | Place::Parked(Share::Retry)) {
            endpoint_queue.place = Place::Ring;
            self.ring.add(&key.tenant, key.clone());
        }
        None
    }

    /// Takes the next delivery that may start now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Start<T>> {
        while self.budget.lacks(EndpointSpeed::Quick, AttemptClass::Fresh) != Some(Share::All) {
            let key = self.ring.take()?;
            let Some(endpoint_queue) = self.endpoint_queues.get_mut(&key) else {
                continue;
            };
            endpoint_queue.place = Place::Nowhere;
            if !endpoint_queue.has_room(now) {
                // Its attempts in flight, or the end of its pause, add it again.
                continue;
            }
            let (pace, may_be_old) = (
                endpoint_queue.pace,
                self.budget
                    .lacks(endpoint_queue.pace, AttemptClass::Retry)
                    .is_none(),
            );
            if let Some(share @ Share::EndpointSpeed(_)) = self.budget.lacks(pace, AttemptClass::Fresh) {
                self.park(key, share);
                continue;
            }
            let Some(Popped { age, forced, item }) = endpoint_queue.pop(may_be_old, now) else {
                if endpoint_queue.waiting() > 0 {
                    self.park(key, Share::Retry);
                }
                continue;
            };
            endpoint_queue.start(forced, now);
            self.budget.take(pace, age);
            self.waiting -= 1;
            if endpoint_queue.waiting() > 0 {
                endpoint_queue.place = Place::Ring;
                self.ring.add(&key.tenant, key.clone());
            }
            return Some(Start {
                key,
                age,
                forced,
                item,
            });
        }
        None
    }

    /// Frees the place of an attempt that came back. Returns the deliveries that a pause now stops.
    pub(super) fn finished(&mut self, finish: &Finish, now: Instant) -> Option<Postponed<T>> {
        let endpoint_queue = self.endpoint_queues.get_mut(&finish.key)?;
        self.budget.give_back(endpoint_queue.pace, finish.age);
        let before = endpoint_queue.pace;
        let was_open = !endpoint_queue.is_paused(now);
        endpoint_queue.finish(finish, now, &self.rules);
        endpoint_queue.paused_anew |= was_open && endpoint_queue.is_paused(now);
        self.budget
            .repaced(before, endpoint_queue.pace, endpoint_queue.in_flight);
        let postponed = match endpoint_queue.health.gate(now) {
            Gate::ClosedUntil(until) => Some(Postponed {
                items: endpoint_queue.drain_unforced(),
                until,
                paused: true,
            }),
            Gate::Open | Gate::Few | Gate::Probe => None,
        };
        if let Some(capacity) = endpoint_queue.new_capacity(now, &self.rules) {
            self.capacities.push((finish.key.clone(), capacity));
        }
        self.waiting -= postponed.as_ref().map_or(0, |postponed| postponed.items.len());
        if endpoint_queue.waiting() > 0 && endpoint_queue.place == Place::Nowhere {
            endpoint_queue.place = Place::Ring;
            self.ring.add(&finish.key.tenant, finish.key.clone());
        }
        self.unpark();
        postponed.filter(|postponed| !postponed.items.is_empty())
    }

    /// Marks endpoints that do not answer as slow, and evicts old unused queues.
    ///
    /// Returns the deliveries over the capacity of their endpoints. Must be called regularly while
    /// anything is in flight or remembered.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<T> {
        let mut shed = Vec::new();
        for (key, endpoint_queue) in self.endpoint_queues.iter_mut() {
            let before = endpoint_queue.pace;
            endpoint_queue.mark_slow(now, self.rules.slow);
            self.budget
                .repaced(before, endpoint_queue.pace, endpoint_queue.in_flight);
            shed.extend(endpoint_queue.shed(now, &self.rules));
            if let Some(capacity) = endpoint_queue.new_capacity(now, &self.rules) {
                self.capacities.push((key.clone(), capacity));
            }
        }
        self.waiting -= shed.len();
        self.endpoint_queues.forget_old(now);
        self.unpark();
        shed
    }

    /// Ends the pauses of endpoints whose destination changed, which changes their `revision`.
    pub(super) fn revise(&mut self, now: Instant, revision: impl Fn(&Key) -> Option<u64>) {
        for (key, endpoint_queue) in self.endpoint_queues.iter_mut() {
            if let Gate::ClosedUntil(_) = endpoint_queue.health.gate(now)
                && endpoint_queue.revised(revision(key))
                && let Some(capacity) = endpoint_queue.new_capacity(now, &self.rules)
            {
                self.capacities.push((key.clone(), capacity));
            }
        }
    }

    /// Checks that an endpoint was paused since its revision was stored.
    pub(super) fn is_paused_anew(&mut self, key: &Key) -> bool {
        self.endpoint_queues
            .get_mut(key)
            .is_some_and(|endpoint_queue| endpoint_queue.paused_anew)
    }

    /// Stores the revision of an endpoint at its pause.
    pub(super) fn paused_with(&mut self, key: &Key, revision: Option<u64>) {
        if let Some(endpoint_queue) = self.endpoint_queues.get_mut(key) {
            endpoint_queue.paused_with(revision);
        }
    }

    /// Takes the endpoints whose capacity in memory has changed since the last call.
    pub(super) fn take_capacities(&mut self) -> Vec<(Key, Capacity)> {
        let forgotten = self.endpoint_queues.take_forgotten().into_iter();
        let mut changed: Vec<_> = forgotten.map(|key| (key, Capacity::NEW)).collect();
        changed.append(&mut self.capacities);
        changed
    }

    /// Returns `true` if `tick` has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.endpoint_queues.is_empty()
    }

    /// Removes all waiting deliveries.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.waiting = 0;
        self.endpoint_queues
            .values_mut()
            .flat_map(EndpointQueue::drain)
            .collect()
    }

    fn park(&mut self, key: Key, share: Share) {
        let Some(endpoint_queue) = self.endpoint_queues.get_mut(&key) else {
            return;
        };
        endpoint_queue.place = Place::Parked(share);
        match share {
            Share::EndpointSpeed(EndpointSpeed::Slow) => self.aside.slow.push_back(key),
            Share::EndpointSpeed(EndpointSpeed::Unknown | EndpointSpeed::Quick) => {
                self.aside.unknown.push_back(key);
            }
            Share::Retry | Share::All if !endpoint_queue.among_old => {
                endpoint_queue.among_old = true;
                self.aside.old.push_back(key);
            }
            Share::Retry | Share::All => {}
        }
    }

    /// Lets one endpoint queue continue for each share that has room again. Its attempt frees the
    /// next one when it comes back.
    fn unpark(&mut self) {
        for (waiting, pace, age, share) in [
            (
                &mut self.aside.slow,
                EndpointSpeed::Slow,
                AttemptClass::Fresh,
                Share::EndpointSpeed(EndpointSpeed::Slow),
            ),
            (
                &mut self.aside.unknown,
                EndpointSpeed::Unknown,
                AttemptClass::Fresh,
                Share::EndpointSpeed(EndpointSpeed::Unknown),
            ),
            (
                &mut self.aside.old,
                EndpointSpeed::Quick,
                AttemptClass::Retry,
                Share::Retry,
            ),
        ] {
            if self.budget.lacks(pace, age).is_some() {
                continue;
            }
            while let Some(key) = waiting.pop_front() {
                let Some(endpoint_queue) = self.endpoint_queues.get_mut(&key) else {
                    continue;
                };
                endpoint_queue.among_old &= age != AttemptClass::Retry;
                if endpoint_queue.place != Place::Parked(share) {
                    continue;
                }
                endpoint_queue.place = Place::Nowhere;
                if endpoint_queue.waiting() > 0 {
                    endpoint_queue.place = Place::Ring;
                    self.ring.add(&key.tenant, key.clone());
                    break;
                }
            }
        }
    }
}

/// Retry delay of a delivery whose endpoint has too many in memory.
const TOO_MANY_FOR: Duration = Duration::from_secs(2);
/// Retry delay of a delivery for which there was no endpoint queue.
const NO_LANE_FOR: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
