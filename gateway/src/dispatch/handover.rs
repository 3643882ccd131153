//! The short way: deliveries that this process stored leased to itself go from memory to the ready queue.
//!
//! Ingest hands over what it accepted, the scheduler's claims hand over what they took; both need room first, of which each
//! tenant and each endpoint has its share (`shares`). Whoever leaves something due in the store instead says so with
//! [`Handover::due_at`], so that nobody has to look for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::shares::{Capacity, Shares};
use crate::domain::{Target, TenantId, Timestamp};
use crate::memory::{self, MemoryPool, MemoryUse};
use crate::store::{Endpoint, LeasePolicy, Leased, NewEvent};

/// Hands leased deliveries over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handover {
    shares: Arc<Shares>,
    memory: MemoryPool,
    lease: Duration,
    ready: mpsc::UnboundedSender<Ready>,
    due: Arc<Due>,
}

/// Limits of a hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deliveries in memory.
    pub room: usize,
    /// About how many bytes their events take.
    pub bytes: usize,
    /// How long they are this process's.
    pub lease: Duration,
}

/// A leased delivery in memory; the room it takes is given back when it is dropped.
#[derive(Debug)]
pub struct Ready {
    /// The delivery.
    pub leased: Leased,
    /// Its place in memory.
    pub room: Room,
}

/// A place for one delivery in memory.
#[derive(Debug)]
pub struct Room {
    shares: Arc<Shares>,
    endpoint: Endpoint,
    bytes: usize,
    _memory: Arc<memory::Reservation>,
}

/// Room for deliveries of one tenant.
#[derive(Debug)]
pub struct Reservation {
    handover: Handover,
    tenant: TenantId,
    /// Places by target; none where deliveries have to wait in the store.
    places: Vec<(Target, usize)>,
    /// Some of those that wait are to be looked for.
    unseen: bool,
    /// Of new events; that of claimed ones is reserved when they are here.
    memory: Option<Arc<memory::Reservation>>,
}

/// Answer to a claim that asks for room.
#[derive(Debug)]
pub struct ClaimRoom {
    /// The room there is; it may be for none.
    pub room: Reservation,
    /// How long the store is to leave the endpoint alone, if it has more that is due.
    pub hold: Duration,
}

/// When something in the store is due that nobody has been told of.
#[derive(Debug)]
struct Due {
    /// In µs; `u64::MAX`: nothing.
    earliest: AtomicU64,
    earlier: Notify,
}

impl Handover {
    /// A hand-over with these limits, whose deliveries have their share of the process's memory, and the end that the scheduler
    /// reads.
    pub fn new(limits: Limits, memory: MemoryPool) -> (Self, mpsc::UnboundedReceiver<Ready>) {
        let (ready, scheduler) = mpsc::unbounded_channel();
        let due = Due {
            earliest: AtomicU64::new(u64::MAX),
            earlier: Notify::new(),
        };
        let handover = Self {
            shares: Arc::new(Shares::new(limits.room, limits.bytes)),
            memory,
            lease: limits.lease,
            ready,
            due: Arc::new(due),
        };
        (handover, scheduler)
    }

    /// Room for the deliveries of new events of a tenant, as far as there is room now: [`Reservation::lease`] says which of them
    /// are to be stored leased. Without any, all are to be stored due: they will be claimed.
    pub fn reserve(&self, tenant: &TenantId, events: &[NewEvent]) -> Option<Reservation> {
        let deliveries: usize = events.iter().map(|new| new.targets.len()).sum();
        if deliveries == 0 || self.shares.has_no_bytes() {
            return None;
        }
        let bytes: usize = events.iter().map(|new| new.event.size()).sum();
        let bytes = bytes + deliveries * OVERHEAD;
        let memory = self.memory.reserve(Some(tenant), MemoryUse::Deliveries, bytes);
        let memory = Arc::new(memory.ok()?);
        let targets = events.iter().flat_map(|new| new.targets.iter().copied());
        let taken = self.shares.take_new(tenant, targets, Instant::now());
        Some(Reservation {
            handover: self.clone(),
            tenant: tenant.clone(),
            places: taken.places,
            unseen: taken.unseen,
            memory: Some(memory),
        })
    }

    /// Room for a delivery that somebody waits for to learn how the endpoint is: whatever waits for it, or pauses it.
    pub fn reserve_forced(&self, event: &NewEvent) -> Option<Reservation> {
        let (tenant, bytes) = (&event.event.tenant, event.event.size() + OVERHEAD);
        let memory = self.memory.reserve(Some(tenant), MemoryUse::Deliveries, bytes);
        let memory = Some(Arc::new(memory.ok()?));
        let target = *event.targets.first()?;
        let endpoint = Endpoint {
            tenant: tenant.clone(),
            target,
        };
        self.shares.take_forced(&endpoint).then(|| Reservation {
            handover: self.clone(),
            tenant: tenant.clone(),
            places: vec![(target, 1)],
            unseen: false,
            memory,
        })
    }

    /// Room for up to so many deliveries of an endpoint that are to be claimed.
    pub fn reserve_claim(&self, endpoint: &Endpoint, max: usize) -> ClaimRoom {
        let max = if self.shares.has_no_bytes() { 0 } else { max };
        let grant = self.shares.take_some(endpoint, max, Instant::now());
        ClaimRoom {
            room: Reservation {
                handover: self.clone(),
                tenant: endpoint.tenant.clone(),
                places: vec![(endpoint.target, grant.places)],
                unseen: false,
                memory: None,
            },
            hold: grant.hold,
        }
    }

    /// Notes what a claim left in the store: whether the endpoint has more that is due.
    pub fn claimed(&self, endpoint: &Endpoint, more: bool) {
        self.shares.claimed(endpoint, more);
    }

    /// Sets how many deliveries an endpoint may have in memory.
    pub fn set_capacity(&self, endpoint: &Endpoint, capacity: Capacity) {
        self.shares.set_capacity(endpoint, capacity);
    }

    /// Notes that a claimed delivery was postponed alone: fewer are claimed of the endpoint's.
    pub fn postponed(&self, endpoint: &Endpoint) {
        self.shares.postponed(endpoint);
    }

    /// How many more there is room for.
    pub fn room(&self) -> usize {
        self.shares.free_places()
    }

    /// Endpoints with more in the store that have room again since they were asked for last.
    pub fn take_woken(&self) -> Vec<Endpoint> {
        self.shares.take_woken()
    }

    /// Waits until an endpoint is woken.
    pub async fn woken(&self) {
        self.shares.woken().await;
    }

    /// Something in the store will be due then, or is due already: it is claimed in time by this process, if no other is
    /// faster. Without this it is found by the next look.
    pub fn due_at(&self, at: Timestamp) {
        let at = at.as_micros();
        if self.due.earliest.fetch_min(at, Ordering::AcqRel) > at {
            self.due.earlier.notify_one();
        }
    }

    /// Something was left in the store that is due already.
    pub fn due_now(&self) {
        self.due_at(Timestamp::default());
    }

    /// When the earliest of what `due_at` was told is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let earliest = self.due.earliest.load(Ordering::Acquire);
        (earliest != u64::MAX).then(|| Timestamp::from_micros(earliest))
    }

    /// Forgets what was told: a look at all of the store begins.
    pub fn forget_due(&self) {
        self.due.earliest.store(u64::MAX, Ordering::Release);
    }

    /// Waits until `next_due` has become earlier.
    pub async fn earlier_due(&self) {
        self.due.earlier.notified().await;
    }
}

impl Reservation {
    /// How the deliveries are to be stored: leased, where they have room.
    pub fn lease(&self) -> LeasePolicy {
        let lease = self.handover.lease;
        let waiting: Vec<Target> = self
            .places
            .iter()
            .filter(|(_, places)| *places == 0)
            .map(|(target, _)| *target)
            .collect();
        if waiting.is_empty() {
            LeasePolicy::Hold(lease)
        } else if waiting.len() == self.places.len() {
            LeasePolicy::Due
        } else {
            LeasePolicy::HoldExcept(lease, waiting)
        }
    }

    /// Hands one delivery over.
    ///
    /// # Errors
    /// The delivery, where it has no room: its tenant has no memory left for it. It is to go back to the store.
    pub fn hand_over(&mut self, leased: Leased) -> Result<(), Box<Leased>> {
        let target = leased.id.target;
        let Some((_, places)) = self
            .places
            .iter_mut()
            .find(|(of, places)| *of == target && *places > 0)
        else {
            return Err(Box::new(leased));
        };
        let (shares, bytes) = (&self.handover.shares, size(&leased));
        let memory = match &self.memory {
            Some(memory) => Arc::clone(memory),
            None => match self
                .handover
                .memory
                .reserve(Some(&self.tenant), MemoryUse::Deliveries, bytes)
            {
                Ok(memory) => Arc::new(memory),
                Err(_) => {
                    shares.is_full(&self.tenant, Instant::now());
                    return Err(Box::new(leased));
                }
            },
        };
        *places -= 1;
        shares.add_bytes(bytes);
        let room = Room {
            shares: Arc::clone(shares),
            endpoint: Endpoint {
                tenant: self.tenant.clone(),
                target,
            },
            bytes,
            _memory: memory,
        };
        // A scheduler that is gone has stopped claiming too: the lease ends and another process claims it.
        let _ = self.handover.ready.send(Ready { leased, room });
        Ok(())
    }

    /// For how many more there is room.
    pub fn room(&self) -> usize {
        self.places.iter().map(|(_, places)| places).sum()
    }

    /// Says that the events are stored: those of the deliveries that wait are claimed.
    pub fn stored(&self) {
        if self.unseen {
            self.handover.due_now();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for (target, places) in self.places.drain(..).filter(|(_, places)| *places > 0) {
            let tenant = self.tenant.clone();
            let endpoint = Endpoint { tenant, target };
            self.handover.shares.give_back(&endpoint, places, 0);
        }
    }
}

impl Room {
    /// Whose place it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shares.give_back(&self.endpoint, 1, self.bytes);
    }
}

/// What a delivery holds in memory, about.
fn size(leased: &Leased) -> usize {
    let body = leased.body.as_ref().map_or(0, bytes::Bytes::len);
    OVERHEAD + leased.event.size() + body
}

const OVERHEAD: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Size;
    use crate::domain::{DeliveryId, Event, Fate, Trigger};
    use crate::store::Token;

    const LEASE: Duration = Duration::from_secs(60);

    fn event(bytes: usize) -> Event {
        Event {
            id: "evt_1".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            kind: "a.b".parse().unwrap(),
            created: Timestamp::default(),
            accepted: Default::default(),
            data: vec![b'1'; bytes].into(),
            metadata: None,
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: Default::default(),
            hops: Default::default(),
        }
    }

    fn leased(bytes: usize) -> Leased {
        let event = event(bytes);
        Leased {
            id: DeliveryId {
                event: event.id.clone(),
                target: Target::Inline,
                run: 0,
            },
            event: Arc::new(event),
            trigger: Trigger::Published,
            token: Token(Timestamp::default()),
            attempts: 0,
            first_attempt: None,
            crashes: 0,
            body: None,
        }
    }

    fn new(bytes: usize) -> [NewEvent; 1] {
        [NewEvent {
            event: Arc::new(event(bytes)),
            targets: vec![Target::Inline],
            id_given: false,
        }]
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            tenant: "acme".parse().unwrap(),
            target: Target::Inline,
        }
    }

    fn handover(bytes: usize, memory: u64) -> (Handover, mpsc::UnboundedReceiver<Ready>) {
        let memory = MemoryPool::new(&memory::Config {
            max_bytes: Size::from_bytes(memory),
            max_bytes_per_tenant: Size::from_bytes(memory),
        });
        let limits = Limits {
            room: 100,
            bytes,
            lease: LEASE,
        };
        Handover::new(limits, memory)
    }

    #[tokio::test]
    async fn i10_large_events_fill_it_before_many_do() {
        let (handover, mut ready) = handover(10_000, 1 << 30);
        let tenant = endpoint().tenant;
        for bytes in [4_000, 6_000] {
            let mut room = handover.reserve(&tenant, &new(bytes)).expect("there is room");
            assert_eq!(room.lease(), LeasePolicy::Hold(LEASE));
            room.hand_over(leased(bytes)).expect("it has room");
        }
        assert!(handover.reserve(&tenant, &new(1)).is_none());
        assert_eq!(handover.reserve_claim(&endpoint(), 10).room.room(), 0);
        drop(ready.recv().await);
        assert!(handover.reserve_claim(&endpoint(), 10).room.room() > 0);
    }

    #[tokio::test]
    async fn a_tenant_without_memory_leaves_its_deliveries_in_the_store() {
        let (handover, mut ready) = handover(usize::MAX, 10_000);
        let mut claimed = handover.reserve_claim(&endpoint(), 10).room;
        claimed.hand_over(leased(4_000)).expect("it has room");
        let refused = claimed.hand_over(leased(4_000)).expect_err("no memory");
        assert_eq!(refused.event.data.len(), 4_000);
        drop(claimed);
        assert_eq!(
            handover.reserve_claim(&endpoint(), 10).room.room(),
            0,
            "not for a while"
        );
        assert!(handover.reserve(&endpoint().tenant, &new(4_000)).is_none());
        drop(ready.recv().await);
        assert_eq!((handover.room(), handover.memory.held()), (100, 0));
    }
}
