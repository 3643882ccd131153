//! The scheduler: which delivery is attempted when. One service, two loops.
//!
//! * `claim` keeps the ready queue fed from the store: what is due because it failed before, was left by a process that died,
//!   or found no room when it was accepted. It sleeps until something is due.
//! * `run` takes what is ready, from there and from ingest's short way, puts it in the `queue` and starts attempts in its
//!   order, as many as the budget has. All that is decided is decided in the queue, a value without time or I/O; the loop only
//!   tells it what happened.
//!
//! What ends the process while it is attempted must not do so for ever: `journal` notes what is under way, so that the next
//! start counts it, and `suspects` attempts what was counted apart from the rest until `delivery` gives it up.
//!
//! Not needed for correctness: whatever is lost here (a crash, a bug) is leased in the store and comes back when its lease
//! ends.

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

pub use config::{BadConfig, Config};
pub use journal::Journal;

/// Runs deliveries. The service; its handle is the [`Inbox`].
pub struct Scheduler {
    config: Config,
    parts: Parts,
    ready: mpsc::UnboundedReceiver<Ready>,
}

/// What the scheduler works with.
pub struct Parts {
    /// What makes attempts.
    pub attempter: Attempter,
    /// Where it claims.
    pub store: Arc<dyn Store>,
    /// Where what is claimed goes: the other end of `ready`.
    pub inbox: Inbox,
    /// What the time is in the store; claims set it right.
    pub store_clock: StoreClock,
    /// Where attempts under way are noted.
    pub journal: Journal,
    /// Where it counts.
    pub metrics: Metrics,
}

impl Scheduler {
    /// A scheduler that reads this end of the hand-over.
    pub fn new(config: Config, parts: Parts, ready: mpsc::UnboundedReceiver<Ready>) -> Self {
        Self { config, parts, ready }
    }

    /// Runs until the shutdown, and then: claims no more, gives back what has not begun, and lets what has begun finish
    /// within the drain time. What takes longer is abandoned; its lease ends.
    pub async fn run(self, shutdown: CancellationToken) {
        let journal = self.parts.journal.clone();
        journal.recover(self.parts.store.as_ref(), &shutdown).await;
        let claimer = claim::Claimer::new(&self.config, &self.parts);
        let claims_ended = CancellationToken::new();
        let claiming = async {
            claimer.run(shutdown.clone()).await;
            claims_ended.cancel();
        };
        let running = async {
            let mut runner = run::Runner::new(&self.config, &self.parts, self.ready);
            runner.run(&shutdown).await;
            claims_ended.cancelled().await;
            runner.wind_up().await;
        };
        tokio::join!(claiming, running);
        journal.close();
    }
}
