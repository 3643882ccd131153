//! A lane: what waits for one endpoint of one tenant, and what is known of that endpoint.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::{Age, Pace, Share};
use super::health::{Gate, Health, Sign};
use super::limit::Limit;
use super::queue::{Finish, Rules};
use super::signal::Signal;
use crate::dispatch::Capacity;
use crate::domain::{Event, SubscriptionId, Target, TenantId};
use crate::store::Endpoint;

/// Which lane. Two tenants never share one: the health of one's endpoint is not the other's matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointKey,
}

/// An endpoint as the scheduler tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum EndpointKey {
    Subscription(SubscriptionId),
    /// By scheme, host and port.
    Inline(Arc<str>),
}

#[derive(Debug)]
pub(super) struct Lane<T> {
    /// Deliveries that somebody waits for to learn how the endpoint is: no pause keeps them.
    forced: VecDeque<T>,
    young: VecDeque<T>,
    old: VecDeque<T>,
    /// Whose turn it is where both wait.
    old_next: bool,
    pub(super) place: Place,
    /// Whether it is in the line for the share of old deliveries; it may have gone on with young ones meanwhile.
    pub(super) among_old: bool,
    pub(super) health: Health,
    pub(super) limit: Limit,
    pub(super) pace: Pace,
    pub(super) in_flight: usize,
    forced_in_flight: usize,
    /// The capacity that was told last.
    told: Capacity,
    /// The revision of what it is sent with, as of its pause.
    revision: Option<u64>,
    /// A pause has begun, and the revision is that of an earlier one.
    pub(super) paused_anew: bool,
    /// Usual time of an answer, the newest counting most.
    usual: Duration,
    /// When an attempt last came back, or the only one began.
    progress: Instant,
}

/// A delivery that was taken from a lane.
pub(super) struct Popped<T> {
    pub(super) age: Age,
    /// It is attempted whether the endpoint is paused or not.
    pub(super) forced: bool,
    pub(super) item: T,
}

/// Where a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has nothing to do, or waits for its own attempts.
    Nowhere,
    /// Its turn comes.
    Ring,
    /// It waits for this share of the budget.
    Aside(Share),
}

impl Key {
    /// The lane of a delivery.
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

    /// The endpoint as the store orders by it; `None` where it is one of several in one queue there.
    pub(super) fn in_store(&self) -> Option<Endpoint> {
        match self.endpoint {
            EndpointKey::Subscription(id) => Some(Endpoint {
                tenant: self.tenant.clone(),
                target: Target::Subscription(id),
            }),
            EndpointKey::Inline(_) => None,
        }
    }

    /// Whether it is an endpoint that an event named itself.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.endpoint, EndpointKey::Inline(_))
    }
}

impl<T> Lane<T> {
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
            pace: Pace::Unknown,
            in_flight: 0,
            forced_in_flight: 0,
            told: Capacity::NEW,
            revision: None,
            paused_anew: false,
            usual: Duration::ZERO,
            progress: now,
        }
    }

    pub(super) fn push(&mut self, age: Age, item: T) {
        match age {
            Age::Young => self.young.push_back(item),
            Age::Old => self.old.push_back(item),
        }
    }

    pub(super) fn push_forced(&mut self, item: T) {
        self.forced.push_back(item);
    }

    /// The next: one that is forced, then the young and the old in turns, only the young where the old have no share left.
    pub(super) fn pop(&mut self, may_be_old: bool, now: Instant) -> Option<Popped<T>> {
        let popped = |age, forced, item| Popped { age, forced, item };
        if self.may_force() {
            return self.forced.pop_front().map(|item| popped(Age::Young, true, item));
        }
        if !self.has_own_room(now) {
            return None;
        }
        let old = may_be_old && !self.old.is_empty() && (self.old_next || self.young.is_empty());
        self.old_next = !old;
        if old {
            self.old.pop_front().map(|item| popped(Age::Old, false, item))
        } else {
            self.young.pop_front().map(|item| popped(Age::Young, false, item))
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

    /// All that a pause keeps.
    pub(super) fn drain_unforced(&mut self) -> Vec<T> {
        self.young.drain(..).chain(self.old.drain(..)).collect()
    }

    /// The newest of those that are more than it may have.
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

    /// Whether it may have one more in flight, for all that it knows itself.
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

    /// How many it may have in memory: what it delivers in about a second; while it hangs or fails, what keeps it busy.
    pub(super) fn capacity(&self, now: Instant, rules: &Rules) -> Capacity {
        let (limit, gate) = (self.limit.get(), self.health.gate(now));
        let busy = 2 * limit + BATCH;
        let places = match gate {
            Gate::ClosedUntil(_) | Gate::Probe => PROBES,
            Gate::Few => 2 * FEW,
            Gate::Open => match self.pace {
                Pace::Unknown => Capacity::NEW.places,
                Pace::Quick => {
                    let usual = self.usual.as_micros().max(100);
                    let a_second = rules.slow.as_micros() * limit as u128 / usual;
                    usize::try_from(a_second).unwrap_or(usize::MAX).max(busy)
                }
                Pace::Slow => busy,
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

    /// Its capacity, when that has become another since it was told last. Small changes of large ones are not told.
    pub(super) fn new_capacity(&mut self, now: Instant, rules: &Rules) -> Option<Capacity> {
        let (capacity, told) = (self.capacity(now, rules), self.told);
        let much = capacity.places.abs_diff(told.places) > told.places.min(capacity.places) / 4;
        if capacity.closed_until == told.closed_until && !much {
            return None;
        }
        self.told = capacity;
        Some(capacity)
    }

    /// Tells whether nothing is attempted now.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        matches!(self.health.gate(now), Gate::ClosedUntil(_))
    }

    /// Ends a pause when the endpoint is sent to in another way than before: it was activated, or its URL is another.
    pub(super) fn revised(&mut self, revision: Option<u64>) -> bool {
        let before = std::mem::replace(&mut self.revision, revision);
        let other = before.is_some() && before != revision;
        if other {
            self.health = Health::NEW;
        }
        other
    }

    /// Notes with which revision it was paused.
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
            self.usual = if self.pace == Pace::Unknown {
                finish.took
            } else {
                (self.usual * 3 + finish.took) / 4
            };
            self.pace = if self.usual > rules.slow {
                Pace::Slow
            } else {
                Pace::Quick
            };
        }
    }

    /// An endpoint from which nothing has come back for too long is slow, whatever it was.
    pub(super) fn find_out(&mut self, now: Instant, slow: Duration) {
        if self.in_flight > 0 && now.duration_since(self.progress) > slow {
            self.pace = Pace::Slow;
            self.usual = self.usual.max(now.duration_since(self.progress));
        }
    }

    /// Nothing waits or is in flight: all that would be lost with it is what is known of the endpoint.
    pub(super) fn is_unused(&self) -> bool {
        self.in_flight == 0 && self.waiting() == 0 && self.place == Place::Nowhere && !self.among_old
    }

    /// It is unused, and what is known of the endpoint is old.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        let paused = matches!(self.health.gate(now), Gate::ClosedUntil(_));
        self.is_unused() && !paused && now.duration_since(self.progress) > REMEMBERED
    }
}

/// How many are attempted at once of an endpoint that fails.
const FEW: usize = 8;
/// How many of an endpoint that is probed are in memory.
const PROBES: usize = 2;
/// How many more than are in flight wait in memory at least.
const BATCH: usize = 32;
/// Longer than the longest pause, so that a failing endpoint is not taken for a new one.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
