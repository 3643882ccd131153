//! What a product promises about its webhooks, as data and pure functions.
//!
//! [`profile`] is one product's contract: its envelope, signature, retry schedule, rules for endpoints and front doors.
//! [`catalogue`] holds the tenant's event types and checks payloads against their schemas; [`privacy`] says which fields are
//! confidential and takes them out. No I/O, no clock, no randomness.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod catalogue;
pub mod privacy;
pub mod profile;
