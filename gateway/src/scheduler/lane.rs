//! A lane: what waits for one endpoint of one tenant, and what is known of that endpoint.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::{Age, Pace, Share};
use super::health::{Gate, Health};
use super::limit::Limit;
use super::queue::Rules;
use super::signal::Signal;
use crate::domain::{Event, SubscriptionId, Target, TenantId};

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
    /// Usual time of an answer, the newest counting most.
    usual: Duration,
    /// When an attempt last came back, or the only one began.
    progress: Instant,
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

    /// Whether it is an endpoint that an event named itself.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.endpoint, EndpointKey::Inline(_))
    }
}

impl<T> Lane<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            young: VecDeque::new(),
            old: VecDeque::new(),
            old_next: false,
            place: Place::Nowhere,
            among_old: false,
            health: Health::NEW,
            limit: Limit::NEW,
            pace: Pace::Unknown,
            in_flight: 0,
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

    /// The next: the young and the old in turns, only the young where the old have no share left.
    pub(super) fn pop(&mut self, may_be_old: bool) -> Option<(Age, T)> {
        let old = may_be_old && !self.old.is_empty() && (self.old_next || self.young.is_empty());
        self.old_next = !old;
        if old {
            self.old.pop_front().map(|item| (Age::Old, item))
        } else {
            self.young.pop_front().map(|item| (Age::Young, item))
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(super) fn drain(&mut self) -> Vec<T> {
        self.young.drain(..).chain(self.old.drain(..)).collect()
    }

    /// Whether it may have one more in flight, for all that it knows itself.
    pub(super) fn has_room(&self, now: Instant) -> bool {
        match self.health.gate(now) {
            Gate::Open => self.in_flight < self.limit.get(),
            Gate::Probe => self.in_flight == 0,
            Gate::ClosedUntil(_) => false,
        }
    }

    pub(super) fn start(&mut self, now: Instant) {
        if self.in_flight == 0 {
            self.progress = now;
        }
        self.in_flight += 1;
        self.health = self.health.probed();
    }

    pub(super) fn finish(&mut self, signal: Signal, took: Duration, now: Instant, rules: &Rules) {
        self.in_flight -= 1;
        self.progress = now;
        match signal {
            Signal::Success => self.limit.succeeded(),
            Signal::Overloaded => self.limit.overloaded(self.in_flight),
            Signal::Answered | Signal::Failed | Signal::Nothing => self.limit.ended(),
        }
        if let Some(reached) = signal.reached() {
            self.health = self.health.after(reached, now, rules.pauses);
            self.usual = if self.pace == Pace::Unknown {
                took
            } else {
                (self.usual * 3 + took) / 4
            };
            self.pace = if self.usual > rules.slow {
                Pace::Slow
            } else {
                Pace::Quick
            };
        } else if let Health::Probing { .. } = self.health
            && self.in_flight == 0
        {
            // The probe came to nothing without saying anything: the next delivery is the probe.
            self.progress = now;
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
        self.is_unused() && now.duration_since(self.progress) > REMEMBERED
    }
}

/// Longer than the longest pause, so that a failing endpoint is not taken for a new one.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
