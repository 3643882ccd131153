//! Real counterparts for the tests of the other crates: an HTTP receiver, components made by hand, and a plugin host.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

pub mod guests;
mod host;
pub mod receiver;

pub use host::{host, patient};
