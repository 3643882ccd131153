//! Tests of the API: the router over a real embedded store, registry and plugin host.

mod document;
mod doors;
mod event_types;
mod lists;
mod publishing;
mod resources;
mod rig;
mod trials;
