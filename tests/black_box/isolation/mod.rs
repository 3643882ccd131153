//! What one tenant does is no other tenant's loss.

mod backlog;
mod compiling;
mod connections;
mod crashing;
mod endpoints;
mod host;
mod pages;
mod quotas;
mod registry;
mod shards;
mod waiting;
mod work;
