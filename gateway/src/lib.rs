//! Hookgate: a webhook gateway that runs each tenant's WebAssembly plugins.
//!
//! The way of an event is the order of these modules; `ARCHITECTURE.md` tells it as a story.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod budget;
pub mod clock;
pub mod document;
pub mod domain;
pub mod http;
pub mod ids;
pub mod memory;
pub mod tasks;
pub mod telemetry;

pub mod api;
pub mod backup;
pub mod catalogue;
pub mod config;
pub mod delivery;
pub mod dispatch;
pub mod egress;
pub mod feed;
pub mod health;
pub mod ingest;
pub mod keyring;
pub mod plugin;
pub mod privacy;
pub mod profile;
pub mod quota;
pub mod registry;
pub mod scheduler;
pub mod store;
pub mod system_events;

pub mod app;
pub mod cli;
