//! Claimer: leases due deliveries from the store, from endpoints in turn, up to their capacity.
//!
//! One claim of a shard asks for the endpoints in turn and takes a part of the batch from each. All
//! deliveries of an endpoint that is paused, or has its share in memory, are held in the store; a
//! separate claim takes them as soon as the endpoint has capacity again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use rand::RngExt;
use tokio::time::{Instant as TokioInstant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::poll_schedule::{Change, PollSchedule};
use super::{Config, Parts};
use crate::delivery::{Attempted, Attempter};
use crate::dispatch::Inbox;
use crate::dispatch::inbox::ClaimPermit;
use crate::dispatch::leases::Lease;
use hookgate_runtime::telemetry::{Metrics, StoreOperation};
use hookgate_store::clock::StoreClock;
use hookgate_store::{Claimed, Endpoint, Leased, Pick, Shard, Store, StoreError};

/// Claims deliveries. Owned by the scheduler.
pub(super) struct Claimer {
    store: Arc<dyn Store>,
    attempter: Attempter,
    inbox: Inbox,
    store_clock: StoreClock,
    metrics: Metrics,
    config: Config,
}

impl Claimer {
    pub(super) fn new(config: &Config, parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            attempter: parts.attempter.clone(),
            inbox: parts.inbox.clone(),
            store_clock: parts.store_clock.clone(),
            metrics: parts.metrics.clone(),
            config: config.clone(),
        }
    }

    /// Claims until the shutdown.
    ///
    /// A claim under way at the shutdown is finished and its deliveries are handed over; the runner
    /// gives them back, so their leases need not expire.
    ///
    /// Claims from available shards run one after the other. A claim from a shard that failed
    /// before runs concurrently, so that a server that hangs delays only its own shards. It asks
    /// for the endpoints in turn first, and so reserves no capacity while it waits.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut schedule = PollSchedule::new(
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
                    self.looked(shard, &result, &mut schedule);
                    continue;
                }
                () = self.wait(&schedule) => {}
            }
            if self
                .inbox
                .next_due()
                .is_some_and(|due| due <= self.store_clock.now())
            {
                self.inbox.forget_due();
                schedule.all(Instant::now());
            }
            for (shard, endpoints) in self.woken() {
                // The endpoints of a closed shard get their turn when it is open again.
                if !schedule.is_closed(shard, Instant::now())
                    && let Err(error) = self.claim(shard, endpoints).await
                {
                    self.looked(shard, &Err(error), &mut schedule);
                }
            }
            for shard in schedule.due(Instant::now()) {
                let silent = schedule.silent_since(shard, Instant::now());
                if schedule.is_failing(shard) {
                    schedule.begin(shard);
                    beside.push(async move { (shard, claimer.look(shard, silent).await) });
                    continue;
                }
                let result = self.look(shard, silent).await;
                self.looked(shard, &result, &mut schedule);
                if shutdown.is_cancelled() {
                    break;
                }
            }
        }
        while beside.next().await.is_some() {}
    }

    /// Returns the endpoints that have capacity again, by shard.
    fn woken(&self) -> Vec<(Shard, Vec<Endpoint>)> {
        let mut woken: Vec<(Shard, Vec<Endpoint>)> = Vec::new();
        for endpoint in self.inbox.take_woken() {
            let shard = self.store.shard_of(&endpoint.tenant);
            match woken.iter_mut().find(|(other, _)| *other == shard) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => woken.push((shard, vec![endpoint])),
            }
        }
        woken
    }

    /// Waits until a delivery is due, as far as is known.
    async fn wait(&self, schedule: &PollSchedule) {
        let now = TokioInstant::now();
        let look = schedule.earliest();
        let look = look.map_or_else(|| now + self.config.poll_interval.get(), TokioInstant::from_std);
        loop {
            let told = self.inbox.next_due().map(|due| self.store_clock.until(due));
            let told = told.map_or(look, |wait| TokioInstant::now() + wait);
            tokio::select! {
                () = sleep_until(look.min(told)) => return,
                () = self.inbox.earlier_due() => {}
                () = self.inbox.woken() => return,
            }
        }
    }

    /// Claims from the endpoints of a shard whose turn it is.
    ///
    /// After a long silence of the shard, leases have ended whose holders could not renew them, and
    /// nothing is claimed yet.
    async fn look(&self, shard: Shard, silent_since: Instant) -> Result<Look, StoreError> {
        let asked = self.store_clock.own();
        let turns = self.store.turns(shard, TURNS).await?;
        self.store_clock.set(turns.now, asked, self.store_clock.own());
        if silent_since.elapsed() >= self.config.lease.get() / 2 {
            return Ok(Look::RESTS);
        }
        if turns.endpoints.is_empty() {
            return Ok(Look {
                wait: turns.next.map(|turn| turn.since(turns.now)),
                full: false,
                rests: false,
            });
        }
        let all = turns.endpoints.len() < TURNS;
        let look = self.claim(shard, turns.endpoints).await?;
        let full = look.full || !all;
        Ok(Look { full, ..look })
    }

    /// Claims from these endpoints, from each up to its capacity and its part of the batch.
    async fn claim(&self, shard: Shard, endpoints: Vec<Endpoint>) -> Result<Look, StoreError> {
        let part = (self.config.claim_batch / endpoints.len().max(1)).max(1);
        let room = |endpoint: &Endpoint| self.inbox.reserve_claim(endpoint, part);
        let rooms: Vec<ClaimPermit> = endpoints.iter().map(room).collect();
        let pick = |(endpoint, room): (&Endpoint, &ClaimPermit)| Pick {
            endpoint: endpoint.clone(),
            max: room.room.room(),
            hold: room.hold,
        };
        let picks: Vec<Pick> = endpoints.iter().zip(&rooms).map(pick).collect();
        let (asked, began) = (self.store_clock.own(), Instant::now());
        let claimed = self
            .store
            .claim_from(shard, &picks, self.config.lease.get())
            .await?;
        let Claimed {
            leased,
            late,
            more,
            now,
            next_due,
        } = claimed;
        self.store_clock.set(now, asked, self.store_clock.own());
        self.metrics
            .store_answered(StoreOperation::Claim, leased.len(), began.elapsed());
        for late in late {
            self.metrics.claimed_late_by(late);
        }
        let mut full = false;
        for (pick, more) in picks.iter().zip(more) {
            self.inbox.claimed(&pick.endpoint, more);
            full |= more && pick.hold.is_zero();
        }
        self.hand_over(&endpoints, rooms, leased).await;
        Ok(Look {
            wait: next_due.map(|due| due.since(now)),
            full,
            rests: false,
        })
    }

    /// Hands over claimed deliveries; those that exceed the capacity are returned to the store.
    async fn hand_over(&self, endpoints: &[Endpoint], mut rooms: Vec<ClaimPermit>, leased: Vec<Leased>) {
        let places: HashMap<&Endpoint, usize> = endpoints.iter().zip(0..).collect();
        let mut refused = Vec::new();
        for leased in leased {
            let endpoint = Endpoint {
                tenant: leased.event.tenant.clone(),
                target: leased.id.target,
            };
            let room = places.get(&endpoint).and_then(|at| rooms.get_mut(*at));
            match room {
                Some(room) => refused.extend(room.room.hand_over(leased).err().map(|back| *back)),
                None => refused.push(leased),
            }
        }
        let back = refused.into_iter().map(async |leased| {
            let lease = Lease::of(&leased);
            self.attempter.settle(leased, &lease, Attempted::Returned).await
        });
        join_all(back).await;
    }

    /// Schedules the next claim of a shard. Logs once when the first shard fails, and once when all
    /// answer again.
    fn looked(&self, shard: Shard, result: &Result<Look, StoreError>, schedule: &mut PollSchedule) {
        let now = Instant::now();
        let change = match result {
            Ok(look) => schedule.succeeded(shard, now, look.wait, look.full),
            Err(_) => schedule.failed(shard, now, rand::rng().random()),
        };
        if result.as_ref().is_ok_and(|look| look.rests) {
            schedule.rest(shard, now, REST);
        }
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

/// Result of a claim that decides when the next one is due.
struct Look {
    /// Time until the shard's next delivery is due.
    wait: Option<Duration>,
    /// More may be due already.
    full: bool,
    /// Nothing is to be claimed for a while.
    rests: bool,
}

impl Look {
    const RESTS: Self = Self {
        wait: None,
        full: false,
        rests: true,
    };
}

/// Maximum number of endpoints in one claim.
const TURNS: usize = 64;
/// Time without claims after a long silence of the store: other processes settle and renew again
/// within this time.
const REST: Duration = Duration::from_secs(3);
