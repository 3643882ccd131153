//! Work that is carried to its end even if whoever asked for it goes away.
//!
//! A producer that hangs up has its request dropped wherever it waits. Between the commit and the hand-over that must not
//! happen: the deliveries would be leased to this process and in nobody's hands until the lease ends. A task of its own would do
//! it too and cost every request two switches; this costs only those that are dropped one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use hookgate_runtime::tasks::Tasks;

/// A future that goes on in a task when it is dropped before its end.
pub(super) struct Carried<T: Send + 'static> {
    /// `None`: it has ended.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    /// What carries it on; a shutdown waits for that.
    tasks: Tasks,
}

impl<T: Send + 'static> Carried<T> {
    pub(super) fn new(tasks: &Tasks, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            tasks: tasks.clone(),
        }
    }
}

impl<T: Send + 'static> Future for Carried<T> {
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

impl<T: Send + 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and what is leased to it is claimed when the lease ends.
        if let (Some(work), Ok(_)) = (self.work.take(), Handle::try_current()) {
            self.tasks.spawn(work);
        }
    }
}
