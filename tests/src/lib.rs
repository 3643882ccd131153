//! What the black-box tests are made of: a gateway process of one's own, a redis-server of one's own, receivers, a client.
//!
//! Every part takes a free port and a temporary directory, and ends when it is dropped, so that tests run side by side.
//! Nothing here knows the gateway's insides: it is started as a user starts it and spoken to over HTTP.

pub mod authority;
pub mod bindings;
pub mod client;
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
