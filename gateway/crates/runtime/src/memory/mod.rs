//! Memory that requests, events and pages hold: one total for the process, a share per tenant.
//!
//! Whoever keeps a body, an event or a page reserves its bytes first ([`MemoryPool::reserve`]) and holds the [`Reservation`] as
//! long as the bytes. Over a limit nothing waits: the request is refused, a delivery stays in the store.

mod config;
mod pool;

pub use config::Config;
pub use pool::{MemoryFull, MemoryPool, MemoryUse, Reservation};
