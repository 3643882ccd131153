//! What the black-box tests are made of: a gateway process of one's own, a redis-server of one's own, receivers, a client.
//!
//! Every part takes a free port and a temporary directory, and ends when it is dropped, so that tests run side by side.
//! Nothing here knows the gateway's insides: it is started as a user starts it and spoken to over HTTP.

pub mod client;
pub mod gateway;
pub mod receiver;
pub mod redis_server;
pub mod signature;
pub mod wait;

pub use client::Client;
pub use gateway::{Gateway, Setup};
pub use receiver::{Received, Receiver, Reply};
pub use redis_server::{Fsync, RedisServer};
pub use wait::{BOUND, eventually};
