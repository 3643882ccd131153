//! Batches form while one is under way; every caller gets the answer to its operation.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::contract::{attempt, delivery_id, submission, target, tenant};
use crate::series::{Point, RollUp, Series, SeriesKind, SeriesStep, Waiting};
use crate::{
    Claimed, FeedPage, FeedPosition, Health, Interrupted, Lists, LogEntry, LogRange, Next, NoteOwner, Pick,
    RegistryRecord, Shard, StoredEvent, Token, Turns,
};
use hookgate_domain::{
    Attempt, Delivery, DeliveryId, EventId, Stats, StoredLimits, StoredUsage, SubscriptionId, Target,
    TenantId, Timestamp, Trigger,
};

/// Store that answers when permitted, and records the batch sizes.
struct Gated {
    gate: Semaphore,
    asked: Mutex<Vec<usize>>,
}

impl Gated {
    fn new(open_for: usize) -> Arc<Self> {
        Arc::new(Self {
            gate: Semaphore::new(open_for),
            asked: Mutex::default(),
        })
    }

    async fn pass(&self, size: usize) {
        self.asked.lock().unwrap().push(size);
        self.gate.acquire().await.unwrap().forget();
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until this many batches were received.
    async fn was_asked(&self, times: usize) {
        let wait = async {
            while self.asked().len() < times {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    }
}

#[async_trait]
impl Lists for Gated {
    async fn attempts(&self, _: &TenantId, _: LogRange, _: usize) -> Result<Vec<LogEntry>, StoreError> {
        unreachable!()
    }
    fn attempts_since(&self, _: Timestamp) -> FeedPosition {
        unreachable!()
    }
    async fn events(&self, _: &TenantId, _: &[EventId]) -> Result<Vec<Option<StoredEvent>>, StoreError> {
        unreachable!()
    }
    async fn events_of_key(&self, _: &TenantId, _: &str) -> Result<Vec<EventId>, StoreError> {
        unreachable!()
    }
}

#[async_trait]
impl Series for Gated {
    async fn roll_up(&self, _: Vec<RollUp>) -> Result<(), StoreError> {
        Ok(())
    }
    async fn series(
        &self,
        _: &TenantId,
        _: SeriesKind,
        _: SeriesStep,
        _: (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, StoreError> {
        unreachable!()
    }

    async fn waiting(&self, _: &TenantId, _: &[Target]) -> Result<Vec<Waiting>, StoreError> {
        unreachable!()
    }
}

#[async_trait]
impl Store for Gated {
    async fn accept(&self, batch: Vec<Submission>) -> Vec<Result<Accepted, StoreError>> {
        self.pass(batch.len()).await;
        let id = |s: Submission| Ok(Accepted::Repeated(vec![s.events[0].event.id.clone()]));
        batch.into_iter().map(id).collect()
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Vec<Result<Settled, StoreError>> {
        self.pass(batch.len()).await;
        // One answer too few.
        batch.iter().skip(1).map(|_| Ok(Settled::Missing)).collect()
    }

    async fn turns(&self, _: Shard, _: usize) -> Result<Turns, StoreError> {
        unreachable!()
    }
    async fn claim_from(&self, _: Shard, _: &[Pick], _: Duration) -> Result<Claimed, StoreError> {
        unreachable!()
    }
    fn shard_of(&self, _: &TenantId) -> Shard {
        unreachable!()
    }
    async fn interrupted(&self, _: Vec<Interrupted>) -> Result<usize, StoreError> {
        unreachable!()
    }
    async fn enqueue(
        &self,
        _: &TenantId,
        _: Vec<(DeliveryId, Trigger)>,
        _: StoredLimits,
    ) -> Result<usize, StoreError> {
        unreachable!()
    }
    async fn usage(&self, _: &TenantId, _: Duration) -> Result<StoredUsage, StoreError> {
        unreachable!()
    }
    fn last_usage(&self, _: &TenantId) -> Option<StoredUsage> {
        unreachable!()
    }
    async fn feed(&self, _: &TenantId, _: FeedPosition, _: usize) -> Result<FeedPage, StoreError> {
        unreachable!()
    }
    async fn feed_back(&self, _: &TenantId, _: FeedPosition, _: usize) -> Result<FeedPage, StoreError> {
        unreachable!()
    }
    async fn feed_since(&self, _: &TenantId, _: Timestamp) -> Result<FeedPosition, StoreError> {
        unreachable!()
    }
    async fn forget_tenant(&self, _: &TenantId, _: FeedPosition) -> Result<bool, StoreError> {
        unreachable!()
    }
    async fn note(&self, _: &str) -> Result<Option<Bytes>, StoreError> {
        unreachable!()
    }
    async fn notes_of(&self, _: &str) -> Result<u64, StoreError> {
        unreachable!()
    }
    async fn note_put(
        &self,
        _: &str,
        _: Bytes,
        _: Duration,
        _: Option<&NoteOwner>,
    ) -> Result<Option<Bytes>, StoreError> {
        unreachable!()
    }
    async fn note_replace(
        &self,
        _: &str,
        _: Bytes,
        _: Option<(Bytes, Duration)>,
        _: Option<&NoteOwner>,
    ) -> Result<bool, StoreError> {
        unreachable!()
    }
    async fn event(&self, _: &TenantId, _: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        unreachable!()
    }
    async fn delivery(
        &self,
        _: &TenantId,
        _: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
        unreachable!()
    }
    async fn dead_letters(
        &self,
        _: &TenantId,
        _: Option<Timestamp>,
        _: usize,
    ) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError> {
        unreachable!()
    }
    async fn stats(&self, _: &TenantId, _: SubscriptionId) -> Result<Stats, StoreError> {
        unreachable!()
    }
    async fn forget_stats(&self, _: &TenantId, _: &[SubscriptionId]) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn sweep(&self) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn registry_changes(&self, _: u64) -> Result<(u64, Vec<TenantId>), StoreError> {
        unreachable!()
    }
    async fn registry_load(&self, _: &TenantId) -> Result<Option<RegistryRecord>, StoreError> {
        unreachable!()
    }
    async fn registry_apply(
        &self,
        _: &TenantId,
        _: u64,
        _: Vec<(String, Option<Bytes>)>,
    ) -> Result<u64, StoreError> {
        unreachable!()
    }
    async fn blob_put(&self, _: &str, _: Bytes) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn blob_get(&self, _: &str) -> Result<Option<Bytes>, StoreError> {
        unreachable!()
    }
    async fn blob_delete(&self, _: &str) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn health(&self) -> Health {
        Health::default()
    }
    fn shards(&self) -> u16 {
        1
    }
}

fn running(
    store: &Arc<Gated>,
    config: &Config,
) -> (Committer, CancellationToken, tokio::task::JoinHandle<()>) {
    let (committer, service) = Committer::new(store.clone(), config, Metrics::new());
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(service.run(shutdown.clone()));
    (committer, shutdown, task)
}

async fn accept(committer: &Committer, id: &str) -> Result<Accepted, StoreError> {
    committer.accept(submission(&tenant("acme"), &[id], &[])).await
}

fn settlement(id: &str) -> Settlement {
    Settlement {
        tenant: tenant("acme"),
        id: delivery_id(id, target(1)),
        token: Token(Timestamp::default()),
        attempt: Some(attempt(1, 200)),
        about: None,
        tally: None,
        next: Next::Done,
    }
}

#[tokio::test]
async fn what_waits_while_a_batch_is_under_way_is_the_next_batch() {
    let store = Gated::new(0);
    let config = Config {
        max_batch: 8,
        in_flight: 1,
        queue: 64,
    };
    let (committer, ..) = running(&store, &config);
    let ids: Vec<String> = (0..21).map(|n| format!("e{n}")).collect();
    let callers = ids.iter().map(|id| accept(&committer, id));
    let driven = async {
        store.was_asked(1).await;
        store.gate.add_permits(100);
    };
    let (answers, ()) = tokio::join!(join_all(callers), driven);
    for (answer, id) in answers.into_iter().zip(&ids) {
        assert_eq!(
            answer.unwrap(),
            Accepted::Repeated(vec![id.parse().unwrap()]),
            "its own answer"
        );
    }
    let sizes = store.asked();
    assert_eq!(sizes.iter().sum::<usize>(), 21);
    assert!(sizes.iter().all(|size| *size <= 8));
    assert!(sizes.len() <= 5, "grouped: {sizes:?}");
}

#[tokio::test]
async fn no_more_batches_are_under_way_than_configured() {
    let store = Gated::new(0);
    let config = Config {
        max_batch: 1,
        in_flight: 2,
        queue: 64,
    };
    let (committer, ..) = running(&store, &config);
    let ids: Vec<String> = (0..5).map(|n| format!("e{n}")).collect();
    let driven = async {
        for under_way in 2..=5 {
            store.was_asked(under_way).await;
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            assert_eq!(store.asked().len(), under_way);
            store.gate.add_permits(1);
        }
        store.gate.add_permits(1);
    };
    tokio::join!(join_all(ids.iter().map(|id| accept(&committer, id))), driven);
}

#[tokio::test]
async fn too_many_are_refused_at_once() {
    let store = Gated::new(0);
    let config = Config {
        max_batch: 1,
        in_flight: 1,
        queue: 2,
    };
    let (committer, ..) = running(&store, &config);
    let first = accept(&committer, "e0");
    let rest = async {
        store.was_asked(1).await;
        let overflow = async {
            let refused = accept(&committer, "e3").await;
            store.gate.add_permits(10);
            refused
        };
        tokio::join!(
            biased;
            accept(&committer, "e1"),
            accept(&committer, "e2"),
            overflow
        )
    };
    let (first, (second, third, refused)) = tokio::join!(first, rest);
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
}

#[tokio::test]
async fn a_shutdown_commits_what_waits_and_refuses_the_rest() {
    let store = Gated::new(0);
    let config = Config {
        max_batch: 1,
        in_flight: 1,
        queue: 8,
    };
    let (committer, shutdown, task) = running(&store, &config);
    let driven = async {
        store.was_asked(1).await;
        shutdown.cancel();
        store.gate.add_permits(10);
    };
    let (answers, ()) = tokio::join!(
        join_all(["e0", "e1", "e2"].map(|id| accept(&committer, id))),
        driven
    );
    assert!(answers.iter().all(Result::is_ok));
    task.await.unwrap();
    assert!(matches!(
        accept(&committer, "late").await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        committer.settle(settlement("late")).await,
        Err(StoreError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_missing_answer_is_an_unknown_one() {
    let store = Gated::new(10);
    let (committer, ..) = running(&store, &Config::default());
    let answer = committer.settle(settlement("e1")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}
