//! Parts of the black-box tests: a gateway process, a redis-server, receivers and a client for each
//! test.
//!
//! Every part takes a free port and a temporary directory, and ends on drop, so that tests run in
//! parallel. Nothing here uses the gateway's internals: it is started as a user starts it and
//! called over HTTP.

pub mod authority;
pub mod bindings;
pub mod client;
pub mod collector;
pub mod consumer;
pub mod curl;
pub mod faults;
pub mod gateway;
pub use hookgate_testing::guests;
pub mod receiver;
pub mod redis_server;
pub mod relay;
pub mod signature;
pub mod wait;

pub use authority::Authority;
pub use client::{Answer, Client};
pub use consumer::{Consumer, Language};
pub use curl::curl;
pub use gateway::{Gateway, OPERATOR_KEY, Setup, command, root};
pub use receiver::{Received, Receiver, Reply};
pub use redis_server::{Fsync, RedisServer};
pub use relay::{Message, Relay};
pub use wait::{BOUND, eventually};
