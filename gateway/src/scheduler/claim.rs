//! Takes what is due from the store, as much as there is room for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rand::RngExt;
use tokio::time::{Instant as TokioInstant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::pace::{Change, Looks};
use super::{Config, Parts};
use crate::clock::Clock;
use crate::dispatch::{Handover, Reservation};
use crate::store::clock::StoreClock;
use crate::store::{Claimed, Shard, Store, StoreError};
use crate::telemetry::{Metrics, StoreOperation};

/// Claims. Owned by the scheduler.
pub(super) struct Claimer {
    store: Arc<dyn Store>,
    handover: Handover,
    clock: Clock,
    store_clock: StoreClock,
    metrics: Metrics,
    config: Config,
}

impl Claimer {
    pub(super) fn new(config: &Config, parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            handover: parts.handover.clone(),
            clock: parts.clock.clone(),
            store_clock: parts.store_clock.clone(),
            metrics: parts.metrics.clone(),
            config: config.clone(),
        }
    }

    /// Claims until the shutdown. A claim that is under way then is finished and its deliveries handed over, for the runner
    /// to give back: nobody waits for their leases.
    ///
    /// Claims from shards that answer follow one another. A claim from a shard that failed before runs beside them: a server
    /// that hangs delays its own shards only. Such a claim takes one delivery, so that it holds no room while it waits.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut looks = Looks::new(
            self.store.shards(),
            self.config.poll_interval.get(),
            Instant::now(),
        );
        let claimer = &self;
        let mut beside = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some((shard, result)) = beside.next(), if !beside.is_empty() => {
                    self.looked(shard, &result, &mut looks);
                    continue;
                }
                () = self.wait(&looks) => {}
            }
            if self
                .handover
                .next_due()
                .is_some_and(|due| due <= self.store_clock.now())
            {
                self.handover.forget_due();
                looks.all(Instant::now());
            }
            for shard in looks.due(Instant::now()) {
                if looks.is_failing(shard) {
                    match self.handover.reserve(1) {
                        Some(room) => {
                            looks.begin(shard);
                            beside.push(async move { (shard, claimer.claim(shard, room).await) });
                        }
                        None => looks.delay(shard, Instant::now()),
                    }
                    continue;
                }
                let room = self
                    .handover
                    .reserve_some(self.least_room(), self.config.claim_batch);
                let Some(Some(room)) = shutdown.run_until_cancelled(room).await else {
                    break;
                };
                let result = self.claim(shard, room).await;
                self.looked(shard, &result, &mut looks);
            }
        }
        while beside.next().await.is_some() {}
    }

    /// Until something is due, as far as is known.
    async fn wait(&self, looks: &Looks) {
        let now = TokioInstant::now();
        let look = looks.earliest();
        let look = look.map_or_else(|| now + self.config.poll_interval.get(), TokioInstant::from_std);
        loop {
            let told = self.handover.next_due().map(|due| self.store_clock.until(due));
            let told = told.map_or(look, |wait| TokioInstant::now() + wait);
            tokio::select! {
                () = sleep_until(look.min(told)) => return,
                () = self.handover.earlier_due() => {}
            }
        }
    }

    /// Claims of one or two, again and again while there is hardly any room, would keep the store busy with nothing.
    fn least_room(&self) -> u32 {
        let least = (self.config.claim_batch / 8).min(self.config.room / 4).max(1);
        u32::try_from(least).unwrap_or(1)
    }

    async fn claim(&self, shard: Shard, mut room: Reservation) -> Result<Look, StoreError> {
        let most = room.room();
        let (asked, began) = (self.clock.now(), Instant::now());
        let claimed = self.store.claim(shard, most, self.config.lease.get()).await?;
        let Claimed {
            leased,
            late,
            now,
            next_due,
        } = claimed;
        self.store_clock.set(now, asked, self.clock.now());
        self.metrics
            .store_answered(StoreOperation::Claim, leased.len(), began.elapsed());
        for late in late {
            self.metrics.claimed_late_by(late);
        }
        let look = Look {
            wait: next_due.map(|due| due.since(now)),
            full: leased.len() >= most,
        };
        for leased in leased {
            room.hand_over(leased);
        }
        Ok(look)
    }

    /// Sets when a shard is claimed from next. One log line when the first shard fails, one when all answer again.
    fn looked(&self, shard: Shard, result: &Result<Look, StoreError>, looks: &mut Looks) {
        let now = Instant::now();
        let change = match result {
            Ok(look) => looks.succeeded(shard, now, look.wait, look.full),
            Err(_) => looks.failed(shard, now, rand::rng().random()),
        };
        match (change, result) {
            (Change::FirstLost, Err(error)) => {
                tracing::warn!(shard = shard.0, %error, "store.unavailable");
                self.metrics.store_is(false);
            }
            (Change::AllFound, _) => {
                tracing::info!("store.available");
                self.metrics.store_is(true);
            }
            (Change::FirstLost | Change::None, _) => {}
        }
    }
}

/// The result of a claim, as far as it decides when the next one is.
struct Look {
    /// How long until the shard's next delivery is due.
    wait: Option<Duration>,
    /// There may be more due already.
    full: bool,
}
