//! Budgets of one operation: work and output bytes.
//!
//! Every loop and every allocation whose size a tenant, a producer or an endpoint chooses charges a
//! budget **before** it happens: one of these or, for memory that is held, the
//! `MemoryPool` of the crate `runtime`. Budgets are not `Sync`: a reference to one
//! cannot be held across an `await` of a spawned task, so that metered work runs to its end on the
//! thread that began it. Pure.

mod bytes;
mod work;

pub use bytes::{ByteBudget, OutOfBytes};
pub use work::{TooMuchWork, WorkBudget};
