//! What one tenant does is no other tenant's loss.

mod crashing;
mod endpoints;
mod shards;
