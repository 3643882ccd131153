//! Endpoint queue: the deliveries that wait for one endpoint of one tenant, and the endpoint's
//! state.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::{AttemptClass, EndpointSpeed, Share};
use super::health::{Gate, Health, Sign};
use super::limit::Limit;
use super::queue::{Finish, Rules};
use super::signal::Signal;
use crate::dispatch::Capacity;
use hookgate_domain::{Event, SubscriptionId, Target, TenantId};
use hookgate_store::Endpoint;

/// Key of an endpoint queue. Two tenants never share one: the health of their endpoints is
/// independent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointKey,
}

/// Endpoint, as the scheduler distinguishes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum EndpointKey {
    Subscription(SubscriptionId),
    /// Scheme, host and port.
    Inline(Arc<str>),
}

#[derive(Debug)]
pub(super) struct EndpointQueue<T> {
    /// Deliveries that ignore pauses, because a caller waits for their result.
    forced: VecDeque<T>,
    young: VecDeque<T>,
    old: VecDeque<T>,
    /// Set when the next delivery is taken from `old`, if both queues have some.
    old_next: bool,
    pub(super) place: Place,
    /// Set while it is in the line for the share of retries.
    ///
    /// Meanwhile it may continue with fresh deliveries.
    pub(super) among_old: bool,
    pub(super) health: Health,
    pub(super) limit: Limit,
    pub(super) pace: EndpointSpeed,
    pub(super) in_flight: usize,
    forced_in_flight: usize,
    /// Capacity that was reported last.
    told: Capacity,
    /// Revision of the destination at the pause.
    revision: Option<u64>,
    /// Set when a pause has begun and `revision` belongs to an earlier one.
    pub(super) paused_anew: bool,
    /// Usual response time: an average in which the newest counts most.
    usual: Duration,
    /// Time when an attempt last came back, or when the only one began.
    progress: Instant,
}

/// A delivery taken from an endpoint queue.
pub(super) struct Popped<T> {
    pub(super) age: AttemptClass,
    /// Set when it is attempted even if the endpoint is paused.
    pub(super) forced: bool,
    pub(super) item: T,
}

/// Scheduling state of an endpoint queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is empty, or waits for its attempts in flight.
    Nowhere,
    /// It waits for its turn.
    Ring,
    /// It waits for this share of the budget.
    Parked(Share),
}

impl Key {
    /// Returns the key of a delivery's endpoint queue.
    pub(super) fn of(event: &Event, target: Target) -> Self {
        let endpoint = match target {
            Target::Subscription(id) => EndpointKey::Subscription(id),
            Target::Inline => {
                let origin = event
                    .deliver_to
                    .as_ref()
                    .map(|url| url.origin().ascii_serialization());
                EndpointKey::Inline(origin.unwrap_or_default().into())
            }
        };
        Self {
            tenant: event.tenant.clone(),
            endpoint,
        }
    }

    /// Endpoint by which the store orders; `None`: it shares one queue of the store with others.
    pub(super) fn in_store(&self) -> Option<Endpoint> {
        match self.endpoint {
            EndpointKey::Subscription(id) => Some(Endpoint {
                tenant: self.tenant.clone(),
                target: Target::Subscription(id),
            }),
            EndpointKey::Inline(_) => None,
        }
    }

    /// Returns `true` for an endpoint that an event named itself.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.endpoint, EndpointKey::Inline(_))
    }
}

impl<T> EndpointQueue<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            forced: VecDeque::new(),
            young: VecDeque::new(),
            old: VecDeque::new(),
            old_next: false,
            place: Place::Nowhere,
            among_old: false,
            health: Health::NEW,
            limit: Limit::NEW,
            pace: EndpointSpeed::Unknown,
            in_flight: 0,
            forced_in_flight: 0,
            told: Capacity::NEW,
            revision: None,
            paused_anew: false,
            usual: Duration::ZERO,
            progress: now,
        }
    }

    pub(super) fn push(&mut self, age: AttemptClass, item: T) {
        match age {
            AttemptClass::Fresh => self.young.push_back(item),
            AttemptClass::Retry => self.old.push_back(item),
        }
    }

    pub(super) fn push_forced(&mut self, item: T) {
        self.forced.push_back(item);
    }

    /// Takes the next delivery: forced ones first, then fresh and retried ones in turns.
    ///
    /// Only fresh ones are taken if the share of retries is used up.
    pub(super) fn pop(&mut self, may_be_old: bool, now: Instant) -> Option<Popped<T>> {
        let popped = |age, forced, item| Popped { age, forced, item };
        if self.may_force() {
            return self
                .forced
                .pop_front()
                .map(|item| popped(AttemptClass::Fresh, true, item));
        }
        if !self.has_own_room(now) {
            return None;
        }
        let old = may_be_old && !self.old.is_empty() && (self.old_next || self.young.is_empty());
        self.old_next = !old;
        if old {
            self.old
                .pop_front()
                .map(|item| popped(AttemptClass::Retry, false, item))
        } else {
            self.young
                .pop_front()
                .map(|item| popped(AttemptClass::Fresh, false, item))
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.forced.len() + self.young.len() + self.old.len()
    }

    pub(super) fn drain(&mut self) -> Vec<T> {
        let forced = self.forced.drain(..);
        forced
            .chain(self.young.drain(..))
            .chain(self.old.drain(..))
            .collect()
    }

    /// Removes all deliveries that a pause stops.
    pub(super) fn drain_unforced(&mut self) -> Vec<T> {
        self.young.drain(..).chain(self.old.drain(..)).collect()
    }

    /// Removes the newest deliveries over the capacity.
    pub(super) fn shed(&mut self, now: Instant, rules: &Rules) -> Vec<T> {
        let most = self.capacity(now, rules).places;
        let mut shed = Vec::new();
        while self.young.len() + self.old.len() + self.in_flight > most {
            let Some(item) = self.young.pop_back().or_else(|| self.old.pop_back()) else {
                break;
            };
            shed.push(item);
        }
        shed
    }

    /// Checks that the endpoint's limits allow one more attempt in flight.
    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.may_force() || self.has_own_room(now)
    }

    fn may_force(&self) -> bool {
        !self.forced.is_empty() && self.forced_in_flight == 0
    }

    fn has_own_room(&self, now: Instant) -> bool {
        let own = self.in_flight - self.forced_in_flight;
        match self.health.gate(now) {
            Gate::Open => own < self.limit.get(),
            Gate::Few => own < self.limit.get().min(FEW),
            Gate::Probe => own == 0,
            Gate::ClosedUntil(_) => false,
        }
    }

    /// Capacity in memory: deliveries of about a second; while the endpoint hangs or fails, enough
    /// to keep it busy.
    pub(super) fn capacity(&self, now: Instant, rules: &Rules) -> Capacity {
        let (limit, gate) = (self.limit.get(), self.health.gate(now));
        let busy = 2 * limit + BATCH;
        let places = match gate {
            Gate::ClosedUntil(_) | Gate::Probe => PROBES,
            Gate::Few => 2 * FEW,
            Gate::Open => match self.pace {
                EndpointSpeed::Unknown => Capacity::NEW.places,
                EndpointSpeed::Quick => {
                    let usual = self.usual.as_micros().max(100);
                    let a_second = rules.slow.as_micros() * limit as u128 / usual;
                    usize::try_from(a_second).unwrap_or(usize::MAX).max(busy)
                }
                EndpointSpeed::Slow => busy,
            },
        };
        let closed_until = match gate {
            Gate::ClosedUntil(until) => Some(until),
            Gate::Open | Gate::Few | Gate::Probe => None,
        };
        Capacity {
            places,
            closed_until,
            asked: matches!(self.health, Health::Paused { asked: true, .. }),
        }
    }

    /// Returns the capacity if it differs from the last report. Small changes of large values are
    /// not reported.
    pub(super) fn new_capacity(&mut self, now: Instant, rules: &Rules) -> Option<Capacity> {
        let (capacity, told) = (self.capacity(now, rules), self.told);
        let much = capacity.places.abs_diff(told.places) > told.places.min(capacity.places) / 4;
        if capacity.closed_until == told.closed_until && !much {
            return None;
        }
        self.told = capacity;
        Some(capacity)
    }

    /// Returns `true` while no attempts are made.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        matches!(self.health.gate(now), Gate::ClosedUntil(_))
    }

    /// Ends a pause when the destination has changed: the subscription was activated, or has
    /// another URL.
    pub(super) fn revised(&mut self, revision: Option<u64>) -> bool {
        let before = std::mem::replace(&mut self.revision, revision);
        let other = before.is_some() && before != revision;
        if other {
            self.health = Health::NEW;
        }
        other
    }

    /// Stores the revision at the pause.
    pub(super) fn paused_with(&mut self, revision: Option<u64>) {
        self.revision = revision;
        self.paused_anew = false;
    }

    pub(super) fn start(&mut self, forced: bool, now: Instant) {
        if self.in_flight == 0 {
            self.progress = now;
        }
        self.in_flight += 1;
        if forced {
            self.forced_in_flight += 1;
        } else {
            self.health = self.health.started();
        }
    }

    pub(super) fn finish(&mut self, finish: &Finish, now: Instant, rules: &Rules) {
        self.in_flight -= 1;
        self.progress = now;
        match finish.signal {
            Signal::Success => self.limit.succeeded(),
            Signal::Overloaded | Signal::Throttled(_) => self.limit.overloaded(self.in_flight, 1),
            Signal::Strained => self.limit.overloaded(self.in_flight, FEW),
            Signal::Answered | Signal::Failed | Signal::Nothing => self.limit.ended(),
        }
        let sign = finish.signal.sign(finish.took, rules.slow);
        if finish.forced {
            self.forced_in_flight -= 1;
            if sign == Some(Sign::Reached) {
                self.health = Health::NEW;
            }
        } else if let Some(sign) = sign {
            self.health = self.health.after(sign, now, rules.pauses);
        }
        if sign.is_some() {
            self.usual = if self.pace == EndpointSpeed::Unknown {
                finish.took
            } else {
                (self.usual * 3 + finish.took) / 4
            };
            self.pace = if self.usual > rules.slow {
                EndpointSpeed::Slow
            } else {
                EndpointSpeed::Quick
            };
        }
    }

    /// Marks an endpoint as slow if no attempt has come back for too long.
    pub(super) fn mark_slow(&mut self, now: Instant, slow: Duration) {
        if self.in_flight > 0 && now.duration_since(self.progress) > slow {
            self.pace = EndpointSpeed::Slow;
            self.usual = self.usual.max(now.duration_since(self.progress));
        }
    }

    /// Returns `true` if nothing waits or is in flight: eviction would lose only the endpoint's
    /// state.
    pub(super) fn is_unused(&self) -> bool {
        self.in_flight == 0 && self.waiting() == 0 && self.place == Place::Nowhere && !self.among_old
    }

    /// Returns `true` if the queue is unused and the endpoint's state is old.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        let paused = matches!(self.health.gate(now), Gate::ClosedUntil(_));
        self.is_unused() && !paused && now.duration_since(self.progress) > REMEMBERED
    }
}

/// Concurrent attempts at an endpoint that fails.
const FEW: usize = 8;
/// Deliveries in memory of an endpoint that is probed.
const PROBES: usize = 2;
/// Minimum number of deliveries in memory beyond those in flight.
const BATCH: usize = 32;
/// Lifetime of an unused endpoint's state.
///
/// It is longer than the longest pause, so that a failing endpoint is not taken for a new one.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
