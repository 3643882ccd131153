//! Future that continues in a task when it is dropped before its end.
//!
//! When a producer closes its connection, its request is dropped at any `await`. Between the commit
//! and the hand-over that must not happen: the deliveries would be leased to this process but in no
//! queue until the lease ends. A separate task for every request would avoid it too, at the cost of
//! two task switches each; this costs one, and only for dropped requests.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use hookgate_runtime::tasks::Tasks;

/// Future that continues in a task when it is dropped before its end.
pub(super) struct DetachOnDrop<T: Send + 'static> {
    /// Work; `None` once it has ended.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    /// Tasks that continue the work; a shutdown waits for them.
    tasks: Tasks,
}

impl<T: Send + 'static> DetachOnDrop<T> {
    pub(super) fn new(tasks: &Tasks, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            tasks: tasks.clone(),
        }
    }
}

impl<T: Send + 'static> Future for DetachOnDrop<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for DetachOnDrop<T> {
    fn drop(&mut self) {
        // Without a runtime the process is ending; its leased deliveries are claimed when the lease
        // ends.
        if let (Some(work), Ok(_)) = (self.work.take(), Handle::try_current()) {
            self.tasks.spawn(work);
        }
    }
}
