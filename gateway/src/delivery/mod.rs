//! One attempt of one delivery: look up its destination, build the body, sign, send, decide,
//! settle.
//!
//! The scheduler calls [`Attempter::attempt`] and then [`Attempter::settle`]. Between the two the
//! endpoint's place is free again, and only the store's answer is outstanding. This module waits in
//! no queue and keeps no state: the lease, the registry's snapshot and the event hold all that a
//! delivery needs. After a crash before the settlement the lease expires, and another attempt is
//! made with the same `webhook-id` and the same bytes.

mod attempt;
mod config;
mod destination;
mod settle;
mod shadow;
mod traced;
mod transform;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::dispatch::Inbox;
use crate::health::Watch;
use crate::system_events::SystemEvents;
use hookgate_domain::RetryPolicy;
use hookgate_egress::Client;
use hookgate_registry::Registry;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::Metrics;
use hookgate_runtime::telemetry::traces::Tracer;
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
    /// Set while settlements fail and the failure is logged.
    settling_fails: Arc<AtomicBool>,
}

/// Dependencies of an [`Attempter`].
pub struct Parts {
    /// Source of subscriptions.
    pub registry: Registry,
    /// HTTP client.
    pub client: Client,
    /// Settles deliveries in the store.
    pub committer: Committer,
    /// Receives the times at which deliveries become due.
    pub inbox: Inbox,
    /// Gateway clock.
    pub clock: Clock,
    /// Store clock.
    pub store_clock: StoreClock,
    /// Receives failed attempts.
    pub watch: Watch,
    /// Receives events for operators.
    pub system_events: SystemEvents,
    /// Metrics.
    pub metrics: Metrics,
    /// Records traces of attempts.
    pub tracer: Tracer,
}

impl Attempter {
    /// Creates an attempter; `retry` is the policy of subscriptions that set none.
    pub fn new(config: Config, retry: RetryPolicy, parts: Parts) -> Self {
        Self {
            retry: Arc::new(retry),
            parts: Arc::new(parts),
            config: Arc::new(config),
            settling_fails: Arc::default(),
        }
    }

    /// Number of crashes after which a delivery is given up.
    pub fn max_crashes(&self) -> u32 {
        self.config.max_crashes
    }
}
