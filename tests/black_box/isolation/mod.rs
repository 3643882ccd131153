//! What one tenant does is no other tenant's loss.

mod backlog;
mod connections;
mod crashing;
mod endpoints;
mod host;
mod quotas;
mod registry;
mod shards;
mod work;
