//! Runner: feeds events into the queue and starts the attempts that the queue selects.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use rand::RngExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::AttemptClass;
use super::endpoint_queue::Key;
use super::journal::{Begun, Journal};
use super::queue::{Finish, Postponed, Queue, Start};
use super::signal::Signal;
use super::suspects::{Suspects, Ticket};
use super::{Config, Parts};
use crate::delivery::{Attempted, Attempter};
use crate::dispatch::Inbox;
use crate::dispatch::inbox::Ready;
use hookgate_domain::{AnswerRules, Target, Trigger};
use hookgate_runtime::telemetry::Metrics;
use hookgate_store::clock::StoreClock;
use hookgate_store::{Store, Token};

/// Starts attempts. Owned by the scheduler.
pub(super) struct Runner {
    ready: mpsc::UnboundedReceiver<Ready>,
    queue: Queue<Ready>,
    suspects: Suspects<Ready>,
    attempter: Attempter,
    journal: Journal,
    inbox: Inbox,
    store_clock: StoreClock,
    metrics: Metrics,
    store: Arc<dyn Store>,
    tasks: TaskTracker,
    finished: mpsc::UnboundedSender<Finish>,
    finishes: mpsc::UnboundedReceiver<Finish>,
    cleared: mpsc::UnboundedSender<Ticket>,
    clearances: mpsc::UnboundedReceiver<Ticket>,
    drain: Duration,
}

/// A place in the queue's budget, freed however the task that holds it ends.
struct Slot {
    finish: Option<Finish>,
    rules: AnswerRules,
    began: Instant,
    finished: mpsc::UnboundedSender<Finish>,
}

impl Runner {
    pub(super) fn new(config: &Config, parts: &Parts, ready: mpsc::UnboundedReceiver<Ready>) -> Self {
        let (finished, finishes) = mpsc::unbounded_channel();
        let (cleared, clearances) = mpsc::unbounded_channel();
        Self {
            ready,
            queue: Queue::new(config.rules()),
            suspects: Suspects::new(parts.attempter.max_crashes(), Instant::now()),
            attempter: parts.attempter.clone(),
            journal: parts.journal.clone(),
            inbox: parts.inbox.clone(),
            store_clock: parts.store_clock.clone(),
            metrics: parts.metrics.clone(),
            store: Arc::clone(&parts.store),
            tasks: TaskTracker::new(),
            finished,
            finishes,
            cleared,
            clearances,
            drain: config.drain.get(),
        }
    }

    pub(super) async fn run(&mut self, shutdown: &CancellationToken) {
        let (mut arrived, mut back) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut look = TokioInstant::now() + LOOK;
        loop {
            let idle = self.queue.is_idle();
            let suspects = self.suspects.wake_at(Instant::now());
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = self.ready.recv_many(&mut arrived, BATCH) => {}
                _ = self.finishes.recv_many(&mut back, BATCH) => {}
                Some(ticket) = self.clearances.recv() => self.suspects.finished(ticket),
                () = waking(suspects) => {}
                () = looking(look, idle) => {
                    self.tick(Instant::now());
                    look = TokioInstant::now() + LOOK;
                }
            }
            let now = Instant::now();
            for finish in back.drain(..) {
                self.back(&finish, now);
            }
            for ready in arrived.drain(..) {
                self.arrived(ready, now);
            }
            let mut starts = Vec::new();
            while let Some(start) = self.queue.next(now) {
                starts.push(start);
            }
            self.start_all(starts);
            while let Some((ticket, ready)) = self.suspects.next(now) {
                self.start_suspect(ticket, ready);
            }
            for (key, capacity) in self.queue.take_capacities() {
                if let Some(endpoint) = key.in_store() {
                    self.inbox.set_capacity(&endpoint, capacity);
                }
            }
            self.metrics
                .ready_queue_is(self.queue.waiting() + self.suspects.waiting());
        }
    }

    fn arrived(&mut self, ready: Ready, now: Instant) {
        match ready.leased.crashes {
            0 => {}
            crashes if crashes >= self.attempter.max_crashes() => {
                return self.give_back(ready, Attempted::Crashed);
            }
            crashes => return self.suspects.push(crashes, ready),
        }
        let key = Key::of(&ready.leased.event, ready.leased.id.target);
        let postponed = if ready.leased.trigger == Trigger::Test {
            self.queue.push_forced(&key, ready, now)
        } else {
            let age = if ready.leased.attempts < 2 {
                AttemptClass::Fresh
            } else {
                AttemptClass::Retry
            };
            self.queue.push(&key, age, ready, now)
        };
        if let Some(postponed) = postponed {
            self.postpone(postponed, now);
        }
    }

    fn back(&mut self, finish: &Finish, now: Instant) {
        let postponed = self.queue.finished(finish, now);
        if self.queue.is_paused_anew(&finish.key) {
            let revision = self.revision(&finish.key);
            self.queue.paused_with(&finish.key, revision);
        }
        if let Some(postponed) = postponed {
            self.postpone(postponed, now);
        }
    }

    fn tick(&mut self, now: Instant) {
        let shed = self.queue.tick(now);
        if !shed.is_empty() {
            self.inbox.due_at(self.store_clock.now().plus(SOON));
        }
        for shed in shed {
            self.give_back(shed, Attempted::Returned);
        }
        let attempter = self.attempter.clone();
        self.queue.revise(now, |key| revision(&attempter, key));
    }

    fn revision(&self, key: &Key) -> Option<u64> {
        revision(&self.attempter, key)
    }

    /// Starts attempts. The journal has them all before any begins: one write for many costs what one for one does.
    fn start_all(&self, mut starts: Vec<Start<Ready>>) {
        for start in &mut starts {
            refresh(&mut start.item);
        }
        let noted = self.note(starts.iter().map(|start| &start.item));
        for (start, begun) in starts.into_iter().zip(noted) {
            self.start(start, begun);
        }
    }

    /// Notes in the journal that attempts begin; nothing of those whose lease is too short for one.
    fn note<'a>(&self, readies: impl Iterator<Item = &'a Ready>) -> Vec<Option<Begun>> {
        let leases = readies.map(|ready| Some(&ready.leased).filter(|_| self.in_time(ready)));
        self.journal.begin(&leases.collect::<Vec<_>>())
    }

    /// One task an attempt. The endpoint's place is free before the store has answered.
    fn start(&self, start: Start<Ready>, begun: Option<Begun>) {
        let Start {
            key,
            age,
            forced,
            item: ready,
        } = start;
        let finish = Finish {
            key,
            age,
            forced,
            signal: Signal::Nothing,
            took: Duration::ZERO,
        };
        let rules = self.attempter.answer_rules(&ready.leased);
        let slot = Slot::new(finish, rules, self.finished.clone());
        self.attempt(ready, begun, |attempted| slot.free(attempted));
    }

    /// Starts an attempt of a suspect. Its place is free only after the settlement.
    ///
    /// Until then a crash of this delivery could be attributed to another one.
    fn start_suspect(&self, ticket: Ticket, mut ready: Ready) {
        refresh(&mut ready);
        tracing::info!(
            tenant = %ready.leased.event.tenant,
            delivery = %ready.leased.id,
            crashes = ready.leased.crashes,
            "delivery.suspected"
        );
        let cleared = Cleared {
            ticket,
            cleared: self.cleared.clone(),
        };
        let begun = self.note([&ready].into_iter()).pop().flatten();
        let settled = self.attempt(ready, begun, |_| {});
        self.tasks.spawn(async move {
            let _cleared = cleared;
            // A task that panicked has ended too.
            let _ = settled.await;
        });
    }

    /// Attempts a delivery and settles it, if its beginning was noted; one whose lease is too short goes back. `attempted` is
    /// called in between.
    fn attempt(
        &self,
        mut ready: Ready,
        begun: Option<Begun>,
        attempted: impl FnOnce(&Attempted) + Send + 'static,
    ) -> JoinHandle<()> {
        let attempter = self.attempter.clone();
        let work = async move {
            let Some(begun) = begun else {
                attempted(&Attempted::TooLate);
                attempter
                    .settle(ready.leased, &ready.lease, Attempted::TooLate)
                    .await;
                return;
            };
            let attempt = AssertUnwindSafe(attempter.attempt(&mut ready.leased)).catch_unwind();
            let made = match attempt.await {
                Ok(made) => made,
                Err(_) => attempter.panicked(&ready.leased),
            };
            attempted(&made);
            if attempter.settle(ready.leased, &ready.lease, made).await {
                begun.recorded();
            }
            drop(ready.room);
        };
        // Some kilobytes: unboxed they are copied half a dozen times on their way into the task and out of it.
        self.tasks.spawn(Box::pin(work))
    }

    /// Checks that this process holds the lease when an attempt begins. It is renewed meanwhile.
    fn in_time(&self, ready: &Ready) -> bool {
        let end = ready.lease.end();
        end.is_some_and(|end| self.store_clock.until(end) >= SHORTEST_LEASE)
    }

    /// Returns deliveries to the store.
    ///
    /// For a subscription, one record there holds all deliveries until the pause is over. Endpoints
    /// that events name themselves share one queue there: each delivery is postponed until the
    /// pause is over, and a little longer, so that they do not all return at the same moment.
    fn postpone(&self, postponed: Postponed<Ready>, now: Instant) {
        let pause = postponed.until.duration_since(now);
        self.inbox.due_at(self.store_clock.now().plus(pause));
        for ready in postponed.items {
            let endpoint = ready.room.endpoint();
            let attempted = if postponed.paused && endpoint.target != Target::Inline {
                Attempted::Returned
            } else {
                self.inbox.postponed(endpoint);
                let spread = (pause / 4).max(SPREAD);
                let by = pause + spread.mul_f64(rand::rng().random::<f64>());
                Attempted::Postponed { by }
            };
            self.give_back(ready, attempted);
        }
    }

    fn give_back(&self, ready: Ready, attempted: Attempted) {
        let attempter = self.attempter.clone();
        self.tasks.spawn(async move {
            attempter.settle(ready.leased, &ready.lease, attempted).await;
            drop(ready.room);
        });
    }

    /// Gives back deliveries that have not begun, and waits for attempts in flight.
    ///
    /// Deliveries of the last claim are given back too.
    pub(super) async fn wind_up(mut self) {
        let (waiting, in_flight) = (self.queue.waiting(), self.queue.in_flight());
        tracing::info!(count = in_flight, deliveries = waiting, "scheduler.draining");
        for waiting in self.queue.drain().into_iter().chain(self.suspects.drain()) {
            self.give_back(waiting, Attempted::TooLate);
        }
        self.ready.close();
        while let Some(late) = self.ready.recv().await {
            self.give_back(late, Attempted::TooLate);
        }
        self.tasks.close();
        let ended = tokio::select! {
            ended = timeout(self.drain, self.tasks.wait()) => ended.is_ok(),
            () = stays_away(&*self.store) => false,
        };
        if !ended {
            tracing::warn!(count = self.tasks.len(), "scheduler.abandoned");
        }
    }
}

impl Slot {
    fn new(finish: Finish, rules: AnswerRules, finished: mpsc::UnboundedSender<Finish>) -> Self {
        Self {
            finish: Some(finish),
            rules,
            began: Instant::now(),
            finished,
        }
    }

    fn free(mut self, attempted: &Attempted) {
        if let (Some(finish), Attempted::Made(attempt)) = (&mut self.finish, attempted) {
            finish.signal = Signal::of(&attempt.outcome, self.rules);
            finish.took = self.began.elapsed();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(finish) = self.finish.take() {
            // The runner may have ended already.
            let _ = self.finished.send(finish);
        }
    }
}

/// Reports the end of a suspect's attempt, however it ends.
struct Cleared {
    ticket: Ticket,
    cleared: mpsc::UnboundedSender<Ticket>,
}

impl Drop for Cleared {
    fn drop(&mut self) {
        // The runner may have ended already.
        let _ = self.cleared.send(self.ticket);
    }
}

/// Waits until the store has been down for `AWAY`: no outcome can be stored, and leases expire.
async fn stays_away(store: &dyn Store) {
    let mut answered = Instant::now();
    while answered.elapsed() < AWAY {
        if store.health().await.available {
            answered = Instant::now();
        }
        tokio::time::sleep(LOOK_AT_STORE).await;
    }
}

/// Waits until the next suspect may begin; for ever if there is no such time.
async fn waking(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// Copies the current token of a renewed lease, which the journal records.
fn refresh(ready: &mut Ready) {
    if let Some(end) = ready.lease.end() {
        ready.leased.token = Token(end);
    }
}

fn revision(attempter: &Attempter, key: &Key) -> Option<u64> {
    attempter.revision(&key.in_store()?)
}

/// Waits until the next tick; for ever while the queue is idle.
async fn looking(at: TokioInstant, idle: bool) {
    if idle {
        pending::<()>().await;
    } else {
        sleep_until(at).await;
    }
}

/// Minimum interval over which postponed deliveries are spread.
const SPREAD: Duration = Duration::from_secs(2);
/// Time after which a returned delivery is in the store again.
const SOON: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_millis(500);
const BATCH: usize = 256;
/// Minimum rest of a lease at the beginning of an attempt. Less is left only if renewals fail.
const SHORTEST_LEASE: Duration = Duration::from_millis(500);
/// Maximum time without an answer from the store before a shutdown stops waiting for it.
const AWAY: Duration = Duration::from_secs(2);
const LOOK_AT_STORE: Duration = Duration::from_millis(100);
