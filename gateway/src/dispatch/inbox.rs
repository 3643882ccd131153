//! In-memory inbox of the scheduler: leased deliveries go from memory to the ready queue.
//!
//! Ingest passes on deliveries that it stored leased to this process, the scheduler's claims those
//! that they took. Both must reserve memory first, of which each tenant and each endpoint has a
//! share (`shares`). A caller that leaves due deliveries in the store reports them with
//! [`Inbox::due_at`], so that the scheduler need not poll for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::leases::{HeldLease, Leases};
use super::shares::{Capacity, Shares};
use hookgate_domain::{Target, TenantId, Timestamp};
use hookgate_runtime::memory::{self, MemoryPool, MemoryUse};
use hookgate_store::{Endpoint, LeasePolicy, Leased, NewEvent};

/// Sending end of the inbox, with its limits. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    shares: Arc<Shares>,
    memory: MemoryPool,
    lease: Duration,
    leases: Leases,
    ready: mpsc::UnboundedSender<Ready>,
    due: Arc<Due>,
}

/// Limits of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of deliveries in memory.
    pub room: usize,
    /// Approximate maximum bytes of their events.
    pub bytes: usize,
    /// Duration of a new delivery's lease.
    pub lease: Duration,
}

/// Leased delivery in memory; dropping it releases its memory budget and ends its renewals.
#[derive(Debug)]
pub struct Ready {
    /// The delivery.
    pub leased: Leased,
    /// Lease of the delivery, with its current token.
    pub lease: HeldLease,
    /// Memory budget of the delivery.
    pub room: MemoryBudget,
}

/// Memory budget of one delivery: a slot and its bytes, released on drop.
#[derive(Debug)]
pub struct MemoryBudget {
    shares: Arc<Shares>,
    endpoint: Endpoint,
    bytes: usize,
    _memory: Arc<memory::Reservation>,
}

/// Reserved slots for deliveries of one tenant.
#[derive(Debug)]
pub struct Reservation {
    inbox: Inbox,
    tenant: TenantId,
    /// Number of slots by target; 0 for targets whose deliveries have to wait in the store.
    places: Vec<(Target, usize)>,
    /// Flag: some deliveries wait in the store, and the scheduler has to look for them.
    unseen: bool,
    /// Memory of new events; that of claimed events is reserved once they are read.
    memory: Option<Arc<memory::Reservation>>,
}

/// Permit for a claim of an endpoint's deliveries.
#[derive(Debug)]
pub struct ClaimPermit {
    /// Reserved slots, possibly none.
    pub room: Reservation,
    /// Time for which the store skips the endpoint, if it has more due deliveries.
    pub hold: Duration,
}

/// Earliest due time of deliveries in the store that were reported and not looked for yet.
#[derive(Debug)]
struct Due {
    /// In µs; `u64::MAX` for none.
    earliest: AtomicU64,
    earlier: Notify,
}

impl Inbox {
    /// Creates an inbox with these limits, and the end that the scheduler reads.
    /// Its deliveries have their share of the process's memory.
    pub fn new(limits: Limits, memory: MemoryPool) -> (Self, mpsc::UnboundedReceiver<Ready>) {
        let (ready, scheduler) = mpsc::unbounded_channel();
        let due = Due {
            earliest: AtomicU64::new(u64::MAX),
            earlier: Notify::new(),
        };
        let inbox = Self {
            shares: Arc::new(Shares::new(limits.room, limits.bytes)),
            memory,
            lease: limits.lease,
            leases: Leases::default(),
            ready,
            due: Arc::new(due),
        };
        (inbox, scheduler)
    }

    /// Reserves slots for the deliveries of a tenant's new events, as far as there are free ones.
    /// [`Reservation::lease`] is the lease policy for storing them. Without a reservation all are
    /// to be stored due: they will be claimed.
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
            inbox: self.clone(),
            tenant: tenant.clone(),
            places: taken.places,
            unseen: taken.unseen,
            memory: Some(memory),
        })
    }

    /// Reserves a slot for a forced delivery, such as a test of a subscription.
    /// It ignores pauses of the endpoint and deliveries that wait for it.
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
            inbox: self.clone(),
            tenant: tenant.clone(),
            places: vec![(target, 1)],
            unseen: false,
            memory,
        })
    }

    /// Reserves up to `max` slots for a claim of an endpoint's deliveries.
    pub fn reserve_claim(&self, endpoint: &Endpoint, max: usize) -> ClaimPermit {
        let max = if self.shares.has_no_bytes() { 0 } else { max };
        let grant = self.shares.take_some(endpoint, max, Instant::now());
        ClaimPermit {
            room: Reservation {
                inbox: self.clone(),
                tenant: endpoint.tenant.clone(),
                places: vec![(endpoint.target, grant.places)],
                unseen: false,
                memory: None,
            },
            hold: grant.hold,
        }
    }

    /// Records after a claim whether the endpoint has more due deliveries in the store.
    pub fn claimed(&self, endpoint: &Endpoint, more: bool) {
        self.shares.claimed(endpoint, more);
    }

    /// Sets the maximum number of an endpoint's deliveries in memory.
    pub fn set_capacity(&self, endpoint: &Endpoint, capacity: Capacity) {
        self.shares.set_capacity(endpoint, capacity);
    }

    /// Records that a claimed delivery was postponed individually: the next claim takes fewer.
    pub fn postponed(&self, endpoint: &Endpoint) {
        self.shares.postponed(endpoint);
    }

    /// Time for which this process leaves an endpoint alone from now, and whether the endpoint asked for that; `None`: it does not.
    pub fn pause_of(&self, endpoint: &Endpoint) -> Option<(Duration, bool)> {
        let now = Instant::now();
        let (until, asked) = self.shares.closed(endpoint, now)?;
        Some((until.duration_since(now), asked))
    }

    /// Time for which deliveries that are handed over are this process's.
    pub fn lease_time(&self) -> Duration {
        self.lease
    }

    /// Leases of the deliveries in memory.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Number of free places.
    pub fn room(&self) -> usize {
        self.shares.free_places()
    }

    /// Endpoints with more deliveries in the store that have free slots again.
    /// Each is returned once per wake-up.
    pub fn take_woken(&self) -> Vec<Endpoint> {
        self.shares.take_woken()
    }

    /// Waits until an endpoint is woken.
    pub async fn woken(&self) {
        self.shares.woken().await;
    }

    /// Reports that a delivery in the store is due at this time, or already.
    /// This process then claims it in time, unless another one is faster. An unreported delivery is
    /// found by the next poll of the store.
    pub fn due_at(&self, at: Timestamp) {
        let at = at.as_micros();
        if self.due.earliest.fetch_min(at, Ordering::AcqRel) > at {
            self.due.earlier.notify_one();
        }
    }

    /// Reports that a delivery in the store is due already.
    pub fn due_now(&self) {
        self.due_at(Timestamp::default());
    }

    /// Earliest time reported with `due_at`.
    pub fn next_due(&self) -> Option<Timestamp> {
        let earliest = self.due.earliest.load(Ordering::Acquire);
        (earliest != u64::MAX).then(|| Timestamp::from_micros(earliest))
    }

    /// Clears the reported times, at the beginning of a poll of the whole store.
    pub fn forget_due(&self) {
        self.due.earliest.store(u64::MAX, Ordering::Release);
    }

    /// Waits until `next_due` has become earlier.
    pub async fn earlier_due(&self) {
        self.due.earlier.notified().await;
    }
}

impl Reservation {
    /// Lease policy for storing the deliveries: leased if they have slots.
    pub fn lease(&self) -> LeasePolicy {
        let lease = self.inbox.lease;
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

    /// Passes one delivery to the scheduler.
    ///
    /// # Errors
    /// The delivery, if it has no slot or its tenant has no memory left. It has to be released to
    /// the store.
    pub fn hand_over(&mut self, leased: Leased) -> Result<(), Box<Leased>> {
        let target = leased.id.target;
        let Some((_, places)) = self
            .places
            .iter_mut()
            .find(|(of, places)| *of == target && *places > 0)
        else {
            return Err(Box::new(leased));
        };
        let (shares, bytes) = (&self.inbox.shares, size(&leased));
        let memory = match &self.memory {
            Some(memory) => Arc::clone(memory),
            None => match self
                .inbox
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
        let room = MemoryBudget {
            shares: Arc::clone(shares),
            endpoint: Endpoint {
                tenant: self.tenant.clone(),
                target,
            },
            bytes,
            _memory: memory,
        };
        // If the scheduler has ended, it has stopped claiming too: the lease ends and another
        // process claims the delivery.
        let lease = self.inbox.leases.hold(&leased);
        let _ = self.inbox.ready.send(Ready { leased, lease, room });
        Ok(())
    }

    /// Number of unused slots.
    pub fn room(&self) -> usize {
        self.places.iter().map(|(_, places)| places).sum()
    }

    /// Records that the events are stored: the deliveries that wait in the store are claimed.
    pub fn stored(&self) {
        if self.unseen {
            self.inbox.due_now();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for (target, places) in self.places.drain(..).filter(|(_, places)| *places > 0) {
            let tenant = self.tenant.clone();
            let endpoint = Endpoint { tenant, target };
            self.inbox.shares.give_back(&endpoint, places, 0);
        }
    }
}

impl MemoryBudget {
    /// Endpoint of the delivery.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for MemoryBudget {
    fn drop(&mut self) {
        self.shares.give_back(&self.endpoint, 1, self.bytes);
    }
}

/// Approximate memory of a delivery, in bytes.
fn size(leased: &Leased) -> usize {
    let body = leased.body.as_ref().map_or(0, bytes::Bytes::len);
    OVERHEAD + leased.event.size() + body
}

const OVERHEAD: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::units::Size;
    use hookgate_domain::{DeliveryId, Event, Fate, Trigger};
    use hookgate_store::Token;

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
            trace: None,
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

    fn inbox(bytes: usize, memory: u64) -> (Inbox, mpsc::UnboundedReceiver<Ready>) {
        let memory = MemoryPool::new(&memory::Config {
            max_bytes: Size::from_bytes(memory),
            max_bytes_per_tenant: Size::from_bytes(memory),
        });
        let limits = Limits {
            room: 100,
            bytes,
            lease: LEASE,
        };
        Inbox::new(limits, memory)
    }

    #[tokio::test]
    async fn i10_large_events_fill_it_before_many_do() {
        let (inbox, mut ready) = inbox(10_000, 1 << 30);
        let tenant = endpoint().tenant;
        for bytes in [4_000, 6_000] {
            let mut room = inbox.reserve(&tenant, &new(bytes)).expect("there is room");
            assert_eq!(room.lease(), LeasePolicy::Hold(LEASE));
            room.hand_over(leased(bytes)).expect("it has room");
        }
        assert!(inbox.reserve(&tenant, &new(1)).is_none());
        assert_eq!(inbox.reserve_claim(&endpoint(), 10).room.room(), 0);
        drop(ready.recv().await);
        assert!(inbox.reserve_claim(&endpoint(), 10).room.room() > 0);
    }

    #[tokio::test]
    async fn a_tenant_without_memory_leaves_its_deliveries_in_the_store() {
        let (inbox, mut ready) = inbox(usize::MAX, 10_000);
        let mut claimed = inbox.reserve_claim(&endpoint(), 10).room;
        claimed.hand_over(leased(4_000)).expect("it has room");
        let refused = claimed.hand_over(leased(4_000)).expect_err("no memory");
        assert_eq!(refused.event.data.len(), 4_000);
        drop(claimed);
        assert_eq!(
            inbox.reserve_claim(&endpoint(), 10).room.room(),
            0,
            "not for a while"
        );
        assert!(inbox.reserve(&endpoint().tenant, &new(4_000)).is_none());
        drop(ready.recv().await);
        assert_eq!((inbox.room(), inbox.memory.held()), (100, 0));
    }
}
