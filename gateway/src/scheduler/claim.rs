//! Takes what is due from the store, as much as there is room for.

use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use tokio::time::{Instant as TokioInstant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::pace::{Backoff, Looks};
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
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut looks = Looks::new(
            self.store.shards(),
            self.config.poll_interval.get(),
            Instant::now(),
        );
        let mut backoff = Backoff::default();
        while shutdown.run_until_cancelled(self.wait(&looks)).await.is_some() {
            if self
                .handover
                .next_due()
                .is_some_and(|due| due <= self.store_clock.now())
            {
                self.handover.forget_due();
                looks.all(Instant::now());
            }
            for shard in looks.due(Instant::now()) {
                let room = self
                    .handover
                    .reserve_some(self.least_room(), self.config.claim_batch);
                let Some(Some(room)) = shutdown.run_until_cancelled(room).await else {
                    return;
                };
                match self.claim(shard, room, &mut looks).await {
                    Ok(()) => self.store_answers(&mut backoff),
                    Err(error) => {
                        let pause = self.store_away(&mut backoff, &error);
                        shutdown.run_until_cancelled(sleep(pause)).await;
                        break;
                    }
                }
            }
        }
    }

    /// Until something is due, as far as is known.
    async fn wait(&self, looks: &Looks) {
        let look = looks
            .earliest()
            .map_or_else(TokioInstant::now, TokioInstant::from_std);
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

    async fn claim(&self, shard: Shard, mut room: Reservation, looks: &mut Looks) -> Result<(), StoreError> {
        let most = room.room();
        let (asked, began) = (self.clock.now(), Instant::now());
        let claimed = self.store.claim(shard, most, self.config.lease.get()).await?;
        let Claimed {
            leased,
            now,
            next_due,
        } = claimed;
        self.store_clock.set(now, asked, self.clock.now());
        self.metrics
            .store_answered(StoreOperation::Claim, leased.len(), began.elapsed());
        let wait = next_due.map(|due| due.since(now));
        looks.looked(shard, Instant::now(), wait, leased.len() >= most);
        for leased in leased {
            room.hand_over(leased);
        }
        Ok(())
    }

    fn store_answers(&self, backoff: &mut Backoff) {
        if backoff.succeeded() {
            tracing::info!("store.available");
            self.metrics.store_is(true);
        }
    }

    fn store_away(&self, backoff: &mut Backoff, error: &StoreError) -> std::time::Duration {
        if !backoff.is_away() {
            tracing::warn!(%error, "store.unavailable");
            self.metrics.store_is(false);
        }
        backoff.failed(rand::rng().random())
    }
}
