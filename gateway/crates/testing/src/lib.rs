//! Real test counterparts for the other crates: an HTTP receiver, hand-written components, and a
//! plugin host.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

pub mod guests;
mod host;
pub mod receiver;

pub use host::{host, patient};
