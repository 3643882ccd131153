//! One attempt of one delivery: look up where it goes, make the body, sign it, send it, decide, settle.
//!
//! The scheduler calls [`Attempter::attempt`] and then [`Attempter::settle`]; between the two the endpoint's place is free again
//! and only the store is waited for. Nothing here waits in a queue or keeps state: what a delivery needs is in the lease, the
//! registry's snapshot and the event. A crash before the settlement means that the lease runs out and another attempt is
//! made, with the same `webhook-id` and the same bytes.

mod attempt;
mod config;
mod destination;
mod settle;
mod shadow;
mod transform;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::dispatch::Inbox;
use crate::health::Watch;
use crate::system_events::SystemEvents;
use hookgate_domain::RetryPolicy;
use hookgate_egress::Client;
use hookgate_registry::Registry;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::clock::StoreClock;
use hookgate_store::group::Committer;

pub use attempt::Attempted;
pub use config::{BadConfig, Config};

/// Makes attempts. Cheap to clone.
#[derive(Clone)]
pub struct Attempter {
    parts: Arc<Parts>,
    config: Arc<Config>,
    retry: Arc<RetryPolicy>,
    /// Settlements fail at the moment, and it was told.
    settling_fails: Arc<AtomicBool>,
}

/// What a courier works with.
pub struct Parts {
    /// Where subscriptions are looked up.
    pub registry: Registry,
    /// The way out.
    pub client: Client,
    /// Where deliveries are settled.
    pub committer: Committer,
    /// Who is told when something becomes due.
    pub inbox: Inbox,
    /// What the time is here.
    pub clock: Clock,
    /// What the time is in the store.
    pub store_clock: StoreClock,
    /// Who is told that an attempt failed.
    pub watch: Watch,
    /// Who is told of what operators should know.
    pub system_events: SystemEvents,
    /// Where it counts.
    pub metrics: Metrics,
}

impl Attempter {
    /// A courier after this configuration; `retry` holds for subscriptions that do not say otherwise.
    pub fn new(config: Config, retry: RetryPolicy, parts: Parts) -> Self {
        Self {
            retry: Arc::new(retry),
            parts: Arc::new(parts),
            config: Arc::new(config),
            settling_fails: Arc::default(),
        }
    }

    /// A delivery with so many crashes is given up.
    pub fn max_crashes(&self) -> u32 {
        self.config.max_crashes
    }

    /// The longest that an attempt can take, its settlement included: a lease that ends earlier is too short to begin one.
    pub fn longest_attempt(&self) -> Duration {
        self.config.longest()
    }
}
