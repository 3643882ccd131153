//! Webhook contracts of products, as data and pure functions.
//!
//! [`profile`] is one product's contract: its envelope, signature, retry policy, endpoint rules and
//! product-specific routes. [`catalogue`] holds the tenant's event types and checks payloads
//! against their schemas. [`privacy`] classifies confidential fields and removes them. No I/O, no
//! clock, no randomness.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod catalogue;
pub mod privacy;
pub mod profile;
