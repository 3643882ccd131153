//! The short way: deliveries that this process stored leased to itself go from memory to the ready queue.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::store::Leased;

/// Hands leased deliveries over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handover {
    room: Arc<Semaphore>,
    ready: mpsc::UnboundedSender<Ready>,
}

/// A leased delivery in memory; the room it takes is given back when it is dropped.
#[derive(Debug)]
pub struct Ready {
    /// The delivery.
    pub leased: Leased,
    /// Its place in memory.
    pub room: OwnedSemaphorePermit,
}

/// Room for so many deliveries.
#[derive(Debug)]
pub struct Reservation {
    room: OwnedSemaphorePermit,
    ready: mpsc::UnboundedSender<Ready>,
}

impl Handover {
    /// A hand-over with room for so many deliveries in memory, and the end that the scheduler reads.
    pub fn new(room: usize) -> (Self, mpsc::UnboundedReceiver<Ready>) {
        let (ready, scheduler) = mpsc::unbounded_channel();
        (
            Self {
                room: Arc::new(Semaphore::new(room)),
                ready,
            },
            scheduler,
        )
    }

    /// Room for so many, if there is that much now. Without it, store the deliveries as due: they will be claimed.
    pub fn reserve(&self, deliveries: usize) -> Option<Reservation> {
        let permits = u32::try_from(deliveries).ok()?;
        let room = self.room.clone().try_acquire_many_owned(permits).ok()?;
        Some(Reservation {
            room,
            ready: self.ready.clone(),
        })
    }

    /// How many more there is room for.
    pub fn room(&self) -> usize {
        self.room.available_permits()
    }
}

impl Reservation {
    /// Hands one delivery over. Without room left it is not handed over: its lease ends and it is claimed.
    pub fn hand_over(&mut self, leased: Leased) {
        let Some(room) = self.room.split(1) else { return };
        // A scheduler that is gone has stopped claiming too: the lease ends and another process claims it.
        let _ = self.ready.send(Ready { leased, room });
    }
}
