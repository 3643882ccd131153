//! Hookgate: a webhook gateway that runs each tenant's WebAssembly plugins.
//!
//! The way of an event is the order of these modules; `ARCHITECTURE.md` tells it as a story.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod http;
pub mod ui;

pub mod api;
pub mod backup;
pub mod config;
pub mod delivery;
pub mod dispatch;
pub mod feed;
pub mod health;
pub mod ingest;
pub mod keyring;
pub mod quota;
pub mod scheduler;
pub mod system_events;
pub mod traces;

pub mod app;
pub mod cli;
