//! Scheduler: decides which delivery is attempted when. One service, three loops.
//!
//! * `claim` fills the ready queue from the store with deliveries that are due: failed before, left
//!   by a process that died, or without room when they were accepted. It sleeps until something is
//!   due.
//! * `run` takes ready deliveries, from the claims and directly from ingest, puts them in the
//!   `queue` and starts attempts in its order, as far as the budget allows. All decisions are in
//!   the queue, a pure state machine without clock or I/O; the loop passes events to it.
//! * `renew` extends the leases of all deliveries in memory. Leases are short, so that other
//!   gateways soon take over what a killed one held.
//!
//! A delivery that crashes the process must not do so for ever: `journal` records the attempts
//! under way, so that the next start counts them, and `suspects` attempts the counted ones apart
//! from the rest until `delivery` gives them up.
//!
//! Correctness does not depend on the scheduler: a delivery lost here (a crash, a bug) is leased in
//! the store and is due again when its lease ends.

mod budget;
mod claim;
mod config;
mod endpoint_queue;
mod endpoint_queues;
mod health;
mod journal;
mod limit;
mod poll_schedule;
mod queue;
mod renew;
mod ring;
mod run;
mod signal;
mod suspects;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::delivery::Attempter;
use crate::dispatch::Inbox;
use crate::dispatch::inbox::Ready;
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::Store;
use hookgate_store::clock::StoreClock;

pub use config::{BadConfig, Config, EMBEDDED_LEASE};
pub use journal::Journal;

/// Runs deliveries. The service; its handle is the [`Inbox`].
pub struct Scheduler {
    config: Config,
    parts: Parts,
    ready: mpsc::UnboundedReceiver<Ready>,
}

/// Dependencies of the scheduler.
pub struct Parts {
    /// Makes attempts.
    pub attempter: Attempter,
    /// Store to claim from.
    pub store: Arc<dyn Store>,
    /// Sender of claimed deliveries: the other end of `ready`.
    pub inbox: Inbox,
    /// Store clock; claims correct it.
    pub store_clock: StoreClock,
    /// Journal of the attempts under way.
    pub journal: Journal,
    /// Metrics.
    pub metrics: Metrics,
}

impl Scheduler {
    /// Creates a scheduler that reads this end of the inbox.
    pub fn new(config: Config, parts: Parts, ready: mpsc::UnboundedReceiver<Ready>) -> Self {
        Self { config, parts, ready }
    }

    /// Runs until the shutdown, and then drains.
    ///
    /// Draining claims no more, gives back deliveries that have not begun, and lets attempts in
    /// flight finish within the drain time. Longer ones are abandoned; their leases expire.
    pub async fn run(self, shutdown: CancellationToken) {
        let journal = self.parts.journal.clone();
        journal.recover(self.parts.store.as_ref(), &shutdown).await;
        let claimer = claim::Claimer::new(&self.config, &self.parts);
        let claims_ended = CancellationToken::new();
        let claiming = async {
            claimer.run(shutdown.clone()).await;
            claims_ended.cancel();
        };
        let drained = CancellationToken::new();
        let renewer = renew::Renewer::new(&self.config, &self.parts);
        let running = async {
            let mut runner = run::Runner::new(&self.config, &self.parts, self.ready);
            runner.run(&shutdown).await;
            claims_ended.cancelled().await;
            runner.wind_up().await;
            drained.cancel();
        };
        tokio::join!(claiming, running, renewer.run(drained.clone()));
        journal.close();
    }
}
