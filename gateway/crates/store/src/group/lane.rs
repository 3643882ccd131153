//! Bounded queue of one kind of operation, and the loop that turns it into batches.

use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Config, StoreError};

type Answer<A> = Result<A, StoreError>;

/// Sending end: queues operations.
pub(super) struct Lane<T, A> {
    queue: mpsc::Sender<Waiting<T, A>>,
}

/// Receiving end: forms batches.
pub(super) struct LaneService<T, A> {
    queue: mpsc::Receiver<Waiting<T, A>>,
    max_batch: usize,
    in_flight: usize,
}

struct Waiting<T, A> {
    thing: T,
    answer: oneshot::Sender<Answer<A>>,
}

/// Both ends of a lane.
pub(super) fn new<T, A>(config: &Config) -> (Lane<T, A>, LaneService<T, A>) {
    let (sender, receiver) = mpsc::channel(config.queue.max(1));
    let service = LaneService {
        queue: receiver,
        max_batch: config.max_batch.max(1),
        in_flight: config.in_flight.max(1),
    };
    (Lane { queue: sender }, service)
}

impl<T, A> Clone for Lane<T, A> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<T, A> Lane<T, A> {
    /// Queues an operation if the queue has space, and waits for its answer.
    pub(super) async fn offer(&self, thing: T) -> Answer<A> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { thing, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    StoreError::Full("too many requests wait for it".to_owned())
                }
                mpsc::error::TrySendError::Closed(_) => ended(),
            })?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Waits for space, queues an operation, and waits for its answer.
    pub(super) async fn push(&self, thing: T) -> Answer<A> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { thing, answer };
        self.queue.send(waiting).await.map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl<T, A> LaneService<T, A> {
    /// Commits batches with `commit` until the shutdown, then the remaining operations.
    pub(super) async fn run<F>(mut self, shutdown: CancellationToken, commit: impl Fn(Vec<T>) -> F)
    where
        F: Future<Output = Vec<Answer<A>>>,
    {
        let mut under_way = FuturesUnordered::new();
        let mut next = Vec::new();
        loop {
            tokio::select! {
                Some(()) = under_way.next() => {}
                () = shutdown.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                taken = self.queue.recv_many(&mut next, self.max_batch), if under_way.len() < self.in_flight => {
                    if taken == 0 {
                        break;
                    }
                    let (things, answers) = split(std::mem::take(&mut next));
                    let batch = commit(things);
                    under_way.push(async move { reply(answers, batch.await) });
                }
            }
        }
        while under_way.next().await.is_some() {}
    }
}

fn split<T, A>(batch: Vec<Waiting<T, A>>) -> (Vec<T>, Vec<oneshot::Sender<Answer<A>>>) {
    batch
        .into_iter()
        .map(|waiting| (waiting.thing, waiting.answer))
        .unzip()
}

/// Sends each caller its answer; callers that stopped waiting get none.
/// Their operation may have happened, as after any lost answer.
fn reply<A>(callers: Vec<oneshot::Sender<Answer<A>>>, answers: Vec<Answer<A>>) {
    let mut answers = answers.into_iter();
    for caller in callers {
        let answer = answers.next().unwrap_or_else(|| Err(unanswered()));
        let _ = caller.send(answer);
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the gateway is shutting down".to_owned())
}

fn unanswered() -> StoreError {
    StoreError::Unavailable("it answered for fewer than it was asked".to_owned())
}
