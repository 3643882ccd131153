//! The ready queue: which delivery is attempted next. A value: it is told the time and what happened, and does nothing itself.
//!
//! Deliveries wait in lanes, one an endpoint of a tenant. A lane that may not go on now stands aside and costs nothing until
//! what it waits for has happened: an attempt of its own coming back, a share of the budget becoming free, its pause ending.

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

/// Deliveries that wait, and the state of the endpoints that they wait for.
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

/// By what the queue decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Attempts in flight.
    pub(super) in_flight: usize,
    /// An endpoint that takes longer to answer is slow.
    pub(super) slow: Duration,
    /// When endpoints are paused.
    pub(super) pauses: PauseRules,
    /// How many endpoints are known at most.
    pub(super) endpoint_queues: QueueLimits,
}

/// A delivery whose turn it is; its place is held until `finished` is told.
#[derive(Debug)]
pub(super) struct Start<T> {
    pub(super) key: Key,
    pub(super) age: AttemptClass,
    /// It is attempted whether the endpoint is paused or not.
    pub(super) forced: bool,
    pub(super) item: T,
}

/// What came of a start.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) key: Key,
    pub(super) age: AttemptClass,
    pub(super) forced: bool,
    pub(super) signal: Signal,
    pub(super) took: Duration,
}

/// Deliveries whose endpoint is paused, or one too many: they go back to the store until then.
#[derive(Debug)]
pub(super) struct Postponed<T> {
    pub(super) items: Vec<T>,
    pub(super) until: Instant,
    /// Their endpoint is paused; otherwise there are too many.
    pub(super) paused: bool,
}

impl<T> Postponed<T> {
    fn one(item: T, until: Instant, paused: bool) -> Self {
        let items = vec![item];
        Self { items, until, paused }
    }
}

/// Lanes that wait for a share of the budget.
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

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.budget.in_flight()
    }

    /// Puts a delivery in its lane, unless the endpoint is paused or there is no lane to be had.
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
        // What keeps old deliveries waiting does not keep this one.
        let for_old_only = endpoint_queue.place == Place::Parked(Share::Retry) && age == AttemptClass::Fresh;
        if endpoint_queue.place == Place::Nowhere || for_old_only {
            endpoint_queue.place = Place::Ring;
            self.ring.add(&key.tenant, key.clone());
        }
        None
    }

    /// Puts a delivery in its lane that no pause keeps: somebody waits to learn how the endpoint is.
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

    /// The delivery whose turn it is, if any may go now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Start<T>> {
        while self.budget.lacks(EndpointSpeed::Quick, AttemptClass::Fresh) != Some(Share::All) {
            let key = self.ring.take()?;
            let Some(endpoint_queue) = self.endpoint_queues.get_mut(&key) else {
                continue;
            };
            endpoint_queue.place = Place::Nowhere;
            if !endpoint_queue.has_room(now) {
                // Its own attempts, or the end of its pause, bring it back.
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

    /// An attempt came back: its place is free. What now has to wait longer than is worth it in memory comes back.
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

    /// Finds the endpoints out that have not come back for too long, and forgets those that are not needed. What is more than an
    /// endpoint may have in memory comes back. To be called now and then while anything is in flight or remembered.
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

    /// Ends the pauses of endpoints that are sent to in another way than before. `revision` changes when they are.
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

    /// Tells whether an endpoint was paused since its revision was noted.
    pub(super) fn is_paused_anew(&mut self, key: &Key) -> bool {
        self.endpoint_queues
            .get_mut(key)
            .is_some_and(|endpoint_queue| endpoint_queue.paused_anew)
    }

    /// Notes with which revision an endpoint was paused.
    pub(super) fn paused_with(&mut self, key: &Key, revision: Option<u64>) {
        if let Some(endpoint_queue) = self.endpoint_queues.get_mut(key) {
            endpoint_queue.paused_with(revision);
        }
    }

    /// The endpoints whose capacity in memory has changed since.
    pub(super) fn take_capacities(&mut self) -> Vec<(Key, Capacity)> {
        let forgotten = self.endpoint_queues.take_forgotten().into_iter();
        let mut changed: Vec<_> = forgotten.map(|key| (key, Capacity::NEW)).collect();
        changed.append(&mut self.capacities);
        changed
    }

    /// Whether `tick` has anything to do.
    pub(super) fn is_idle(&self) -> bool {
        self.endpoint_queues.is_empty()
    }

    /// All that waits, to be given up.
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

    /// Lets one lane go on for each share that has a place again; when it has gone on, its coming back frees the next.
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

/// When a delivery is tried again of whose endpoint there are too many in memory.
const TOO_MANY_FOR: Duration = Duration::from_secs(2);
/// When a delivery that found no lane tries again.
const NO_LANE_FOR: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
