//! The API as a client sees it: the router over a real embedded store, registry and plugin host.

mod document;
mod doors;
mod event_types;
mod lists;
mod publishing;
mod resources;
mod rig;
mod trials;
