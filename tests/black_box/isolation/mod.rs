//! What one tenant does is no other tenant's loss.

mod backlog;
mod compiling;
mod connections;
mod crashing;
mod endpoints;
mod host;
mod registry;
mod shards;
mod work;
mod waiting;
