//! Renewer: extends the leases of the deliveries in memory, waiting or in flight, until each is
//! settled.
//!
//! A lease is renewed after a third of its time. A delivery that is settled before costs nothing
//! here. Each shard is renewed separately: one that does not answer delays only its own leases.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Config, Parts};
use crate::dispatch::leases::{Lease, Leases, LockedLease};
use hookgate_domain::Timestamp;
use hookgate_runtime::telemetry::{Metrics, StoreOperation};
use hookgate_store::clock::StoreClock;
use hookgate_store::{Next, Settled, Settlement, Shard, Store, Token};

/// Renews leases. Owned by the scheduler.
pub(super) struct Renewer {
    store: Arc<dyn Store>,
    leases: Leases,
    store_clock: StoreClock,
    metrics: Metrics,
    lease: Duration,
}

impl Renewer {
    pub(super) fn new(config: &Config, parts: &Parts) -> Self {
        Self {
            store: Arc::clone(&parts.store),
            leases: parts.inbox.leases().clone(),
            store_clock: parts.store_clock.clone(),
            metrics: parts.metrics.clone(),
            lease: config.lease.get(),
        }
    }

    /// Renews until nothing is in memory any more.
    pub(super) async fn run(self, ended: CancellationToken) {
        let mut ticks = interval((self.lease / TICKS_PER_LEASE).min(LONGEST_TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut busy = HashSet::new();
        let mut renewals = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                Some(shard) = renewals.next(), if !renewals.is_empty() => {
                    busy.remove(&shard);
                    continue;
                }
                _ = ticks.tick() => {}
            }
            for (shard, leases) in self.due() {
                if busy.insert(shard) {
                    renewals.push(self.renew(shard, leases));
                }
            }
        }
    }

    /// Leases to be renewed, by shard.
    fn due(&self) -> Vec<(Shard, Vec<Arc<Lease>>)> {
        let mut shards: Vec<(Shard, Vec<Arc<Lease>>)> = Vec::new();
        for lease in self.leases.ending_before(self.renewed_before()) {
            let shard = self.store.shard_of(lease.tenant());
            match shards.iter_mut().find(|(other, _)| *other == shard) {
                Some((_, leases)) => leases.push(lease),
                None => shards.push((shard, vec![lease])),
            }
        }
        shards
    }

    /// End of the leases that are due: a third of their time is over.
    fn renewed_before(&self) -> Timestamp {
        self.store_clock.now().plus(self.lease * 2 / 3)
    }

    async fn renew(&self, shard: Shard, leases: Vec<Arc<Lease>>) -> Shard {
        for batch in leases.chunks(BATCH) {
            self.extend(batch).await;
            // The repetition of a renewal whose answer was lost may have added little.
            let due = self.renewed_before();
            let again: Vec<_> = batch
                .iter()
                .filter(|lease| lease.end().is_some_and(|end| end < due))
                .cloned()
                .collect();
            self.extend(&again).await;
        }
        shard
    }

    /// Extends leases, except of deliveries that are being settled.
    async fn extend(&self, leases: &[Arc<Lease>]) {
        let mut locked: Vec<LockedLease<'_>> = leases.iter().filter_map(|lease| lease.try_locked()).collect();
        if locked.is_empty() {
            return;
        }
        let end = Token(self.store_clock.now().plus(self.lease));
        let batch: Vec<_> = locked.iter_mut().map(|lease| extension(lease, end)).collect();
        let (size, began) = (batch.len(), Instant::now());
        let answers = self.store.settle(batch).await;
        self.metrics
            .store_answered(StoreOperation::Renew, size, began.elapsed());
        for (lease, answer) in locked.iter_mut().zip(answers) {
            match answer {
                Ok(Settled::Applied(_)) => lease.renewed(),
                Ok(Settled::Stale | Settled::Missing) => lease.lost(),
                // It may have been renewed: the next renewal repeats this one.
                Err(error) => tracing::debug!(delivery = %lease.lease().id(), %error, "lease.not_renewed"),
            }
        }
    }
}

/// Settlement that extends a lease to a time.
fn extension(lease: &mut LockedLease<'_>, end: Token) -> Settlement {
    Settlement {
        tenant: lease.lease().tenant().clone(),
        id: lease.lease().id(),
        token: lease.token(),
        attempt: None,
        about: None,
        tally: None,
        next: Next::Extend(lease.propose(end).0),
    }
}

/// Checks for leases that are due during the time of one.
const TICKS_PER_LEASE: u32 = 12;
/// Maximum time between two checks, after which renewals continue when the store is back.
const LONGEST_TICK: Duration = Duration::from_secs(1);
/// Maximum number of leases in one call of the store.
const BATCH: usize = 256;
