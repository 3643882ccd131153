//! The short way: deliveries that this process stored leased to itself go from memory to the ready queue.
//!
//! Ingest hands over what it accepted, the scheduler's claims hand over what they took; both need room first. Whoever leaves
//! something due in the store instead says so with [`Handover::due_at`], so that nobody has to look for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::domain::Timestamp;
use crate::store::Leased;

/// Hands leased deliveries over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handover {
    room: Arc<Semaphore>,
    bytes: Arc<Bytes>,
    ready: mpsc::UnboundedSender<Ready>,
    due: Arc<Due>,
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
    _place: OwnedSemaphorePermit,
    size: usize,
    bytes: Arc<Bytes>,
}

/// Room for so many deliveries.
#[derive(Debug)]
pub struct Reservation {
    room: OwnedSemaphorePermit,
    bytes: Arc<Bytes>,
    ready: mpsc::UnboundedSender<Ready>,
}

/// How much memory the events of the deliveries that have room take.
#[derive(Debug)]
struct Bytes {
    held: AtomicUsize,
    most: usize,
    fewer: Notify,
}

/// When something in the store is due that nobody has been told of.
#[derive(Debug)]
struct Due {
    /// In µs; `u64::MAX`: nothing.
    earliest: AtomicU64,
    earlier: Notify,
}

impl Handover {
    /// A hand-over with room for so many deliveries in memory, whose events take about so many bytes at most, and the end that
    /// the scheduler reads.
    pub fn new(room: usize, bytes: usize) -> (Self, mpsc::UnboundedReceiver<Ready>) {
        let (ready, scheduler) = mpsc::unbounded_channel();
        let due = Due {
            earliest: AtomicU64::new(u64::MAX),
            earlier: Notify::new(),
        };
        let bytes = Bytes {
            held: AtomicUsize::new(0),
            most: bytes,
            fewer: Notify::new(),
        };
        let handover = Self {
            room: Arc::new(Semaphore::new(room)),
            bytes: Arc::new(bytes),
            ready,
            due: Arc::new(due),
        };
        (handover, scheduler)
    }

    /// Room for so many, if there is that much now. Without it, store the deliveries as due: they will be claimed.
    pub fn reserve(&self, deliveries: usize) -> Option<Reservation> {
        if self.bytes.is_full() {
            return None;
        }
        let permits = u32::try_from(deliveries).ok()?;
        let room = self.room.clone().try_acquire_many_owned(permits).ok()?;
        Some(self.reservation(room))
    }

    /// Room for `least` to `most`, as much as there is; waits for the least. `None`: nobody reads any more.
    pub async fn reserve_some(&self, least: u32, most: usize) -> Option<Reservation> {
        self.bytes.room().await;
        let mut room = self.room.clone().acquire_many_owned(least).await.ok()?;
        let more = most.saturating_sub(room.num_permits()).min(self.room());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if let Ok(more) = self.room.clone().try_acquire_many_owned(more) {
            room.merge(more);
        }
        Some(self.reservation(room))
    }

    /// How many more there is room for.
    pub fn room(&self) -> usize {
        self.room.available_permits()
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

    fn reservation(&self, room: OwnedSemaphorePermit) -> Reservation {
        Reservation {
            room,
            bytes: Arc::clone(&self.bytes),
            ready: self.ready.clone(),
        }
    }
}

impl Reservation {
    /// Hands one delivery over. Without room left it is not handed over: its lease ends and it is claimed.
    pub fn hand_over(&mut self, leased: Leased) {
        let Some(place) = self.room.split(1) else { return };
        let room = Room::take(place, &self.bytes, size(&leased));
        // A scheduler that is gone has stopped claiming too: the lease ends and another process claims it.
        let _ = self.ready.send(Ready { leased, room });
    }

    /// For how many more there is room.
    pub fn room(&self) -> usize {
        self.room.num_permits()
    }
}

impl Room {
    fn take(place: OwnedSemaphorePermit, bytes: &Arc<Bytes>, size: usize) -> Self {
        bytes.held.fetch_add(size, Ordering::Relaxed);
        Self {
            _place: place,
            size,
            bytes: Arc::clone(bytes),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let before = self.bytes.held.fetch_sub(self.size, Ordering::AcqRel);
        if before >= self.bytes.most && before - self.size < self.bytes.most {
            self.bytes.fewer.notify_one();
        }
    }
}

impl Bytes {
    fn is_full(&self) -> bool {
        self.held.load(Ordering::Acquire) >= self.most
    }

    /// Waits until there is room. What is taken then may be more than there is room for, by a batch.
    async fn room(&self) {
        while self.is_full() {
            self.fewer.notified().await;
        }
    }
}

/// What a delivery holds in memory, about.
fn size(leased: &Leased) -> usize {
    let event = &leased.event;
    let of = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    OVERHEAD + event.data.len() + of(&event.metadata) + of(&leased.body)
}

const OVERHEAD: usize = 512;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::{DeliveryId, Event, Fate, Target, Trigger};
    use crate::store::Token;

    fn leased(bytes: usize) -> Leased {
        let event = Event {
            id: "evt_1".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            kind: "a.b".parse().unwrap(),
            created: Timestamp::default(),
            data: vec![b'1'; bytes].into(),
            metadata: None,
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: Default::default(),
            hops: Default::default(),
        };
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

    #[tokio::test]
    async fn i10_large_events_fill_it_before_many_do() {
        let (handover, mut ready) = Handover::new(100, 10_000);
        let mut room = handover.reserve(2).unwrap();
        room.hand_over(leased(4_000));
        assert!(handover.reserve(1).is_some());
        room.hand_over(leased(6_000));
        assert!(handover.reserve(1).is_none());
        let waiting = handover.reserve_some(1, 10);
        let mut waiting = std::pin::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(ready.recv().await);
        assert!(waiting.await.is_some());
        assert!(handover.reserve(1).is_some());
    }
}
