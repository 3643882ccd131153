//! Group commit: callers pass single operations, the store receives batches.
//!
//! Ingest and the API accept through this module, delivery settles through it; the other operations
//! go to the store directly. The next batch forms while one is under way, so the batch size grows
//! with the store's latency. There is no timer: at low load a batch of one leaves at once. The
//! operations of one caller are never reordered (callers wait for their answer), and no operation
//! is sent twice.

mod lane;
mod signals;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::series::{Counted, Counting, Sample};
use super::{Accepted, Settled, Settlement, Store, StoreError, Submission};
use hookgate_runtime::telemetry::{Metrics, StoreOperation};
use lane::{Lane, LaneService};
pub use signals::{CommitSignals, CommitWaiter};

/// Batching of operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum number of submissions or settlements in one batch, 1 or more.
    pub max_batch: usize,
    /// Maximum number of concurrent batches of each kind, 1 or more.
    /// The embedded store has one writer and needs no more than one; a Redis works on one while
    /// another is on the network.
    pub in_flight: usize,
    /// Maximum number of waiting submissions, and of waiting settlements.
    /// More submissions are refused with `Full`; more settlements wait outside.
    pub queue: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_batch: 256,
            in_flight: 2,
            queue: 8192,
        }
    }
}

/// Commits single operations in groups. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    accepts: Lane<Submission, Accepted>,
    settles: Lane<Settlement, Settled>,
    signals: CommitSignals,
    counting: Counting,
}

/// Background service that forms the batches.
pub struct Service {
    store: Arc<dyn Store>,
    metrics: Metrics,
    accepts: LaneService<Submission, Accepted>,
    settles: LaneService<Settlement, Settled>,
    signals: CommitSignals,
    counting: Counting,
}

impl Committer {
    /// A committer over a store, and the service that must run for it to answer.
    pub fn new(store: Arc<dyn Store>, config: &Config, metrics: Metrics) -> (Self, Service) {
        let (accepts, accept_service) = lane::new(config);
        let (settles, settle_service) = lane::new(config);
        let (signals, counting) = (CommitSignals::default(), Counting::default());
        let committer = Self {
            accepts,
            settles,
            signals: signals.clone(),
            counting: counting.clone(),
        };
        let service = Service {
            store,
            metrics,
            accepts: accept_service,
            settles: settle_service,
            signals,
            counting,
        };
        (committer, service)
    }

    /// Signals of submissions that are accepted here.
    pub fn signals(&self) -> &CommitSignals {
        &self.signals
    }

    /// Adds a sample of pending deliveries to the time series, with the next counts that go to the store.
    pub fn sampled(&self, sample: Sample) {
        self.counting.sampled(sample);
    }

    /// Commits a submission in a batch.
    ///
    /// # Errors
    /// The store's errors; `Full` at once if too many submissions wait; `Unavailable` once the
    /// service has ended.
    pub async fn accept(&self, submission: Submission) -> Result<Accepted, StoreError> {
        self.accepts.offer(submission).await
    }

    /// Settles a delivery in a batch.
    /// If too many settlements wait, this call waits too: a refused settlement would be delivered
    /// twice, and callers are already bounded by their deliveries in flight.
    ///
    /// # Errors
    /// The store's errors; `Unavailable` once the service has ended.
    pub async fn settle(&self, settlement: Settlement) -> Result<Settled, StoreError> {
        self.settles.push(settlement).await
    }
}

impl Service {
    /// Forms batches until the shutdown, then commits the waiting operations.
    /// Shut it down after everything that settles.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self {
            store,
            metrics,
            accepts,
            settles,
            signals,
            counting,
        } = self;
        let ended = CancellationToken::new();
        let accepting = accepts.run(shutdown.clone(), |batch| {
            let (store, size, signals) = (store.clone(), batch.len(), signals.clone());
            let (counting, counted) = (counting.clone(), batch.iter().map(Counted::events).collect());
            let tenants: Vec<_> = batch.iter().map(|submission| submission.tenant.clone()).collect();
            measured(&metrics, StoreOperation::Accept, size, async move {
                let answers = store.accept(batch).await;
                // Independent of the answer: after an unknown outcome it may have been stored.
                signals.committed(&tenants);
                counting.accepted(counted, &answers);
                answers
            })
        });
        let settling = settles.run(shutdown, |batch| {
            let (store, size) = (store.clone(), batch.len());
            let (counting, counted) = (counting.clone(), batch.iter().map(Counted::attempt).collect());
            measured(&metrics, StoreOperation::Settle, size, async move {
                let answers = store.settle(batch).await;
                counting.settled(counted, &answers);
                answers
            })
        });
        let committing = async {
            tokio::join!(accepting, settling);
            ended.cancel();
        };
        tokio::join!(committing, roll_up(&*store, &counting, &ended));
    }
}

/// Adds counts to the store every few seconds, and once when all is committed.
async fn roll_up(store: &dyn Store, counting: &Counting, ended: &CancellationToken) {
    loop {
        let over = tokio::time::timeout(ROLL_UP_EVERY, ended.cancelled())
            .await
            .is_ok();
        let counts = counting.take();
        if !counts.is_empty()
            && let Err(error) = store.roll_up(counts).await
        {
            tracing::debug!(%error, "store.counts_lost");
        }
        if over {
            return;
        }
    }
}

/// Time between two additions of counts to the store.
const ROLL_UP_EVERY: Duration = Duration::from_secs(5);

async fn measured<A>(
    metrics: &Metrics,
    operation: StoreOperation,
    size: usize,
    batch: impl Future<Output = Vec<A>>,
) -> Vec<A> {
    let began = Instant::now();
    let answers = batch.await;
    metrics.store_answered(operation, size, began.elapsed());
    answers
}

#[cfg(test)]
mod tests;
