//! Memory budget of requests, events and pages: one total for the process, a share per tenant.
//!
//! Code that holds a body, an event or a page reserves its bytes first ([`MemoryPool::reserve`])
//! and keeps the [`Reservation`] as long as the bytes. A full budget never blocks: a request is
//! refused, a delivery stays in the store.

mod config;
mod pool;

pub use config::Config;
pub use pool::{MemoryFull, MemoryPool, MemoryUse, Reservation};
