//! Isolation between tenants: one tenant's actions do not harm another.

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
