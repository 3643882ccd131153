//! Tracked background tasks, which may outlive the request that started them.
//!
//! A task either runs to its end, which the shutdown waits for ([`Tasks::spawn`]), or is dropped
//! when the gateway stops ([`Tasks::spawn_until_stopped`]). The caller bounds the number of its
//! tasks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns tasks and waits for their end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Tasks of a gateway that stops with this token.
    pub fn new(stopping: CancellationToken) -> Self {
        let inner = Inner {
            tracker: TaskTracker::new(),
            stopping,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Spawns a task that a shutdown waits for.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.inner.tracker.spawn(work)
    }

    /// Spawns a task that a shutdown drops at its next `await`.
    /// For work that the next start or another gateway continues.
    pub fn spawn_until_stopped(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.inner.stopping.clone();
        self.inner.tracker.spawn(async move {
            stopping.run_until_cancelled(work).await;
        });
    }

    /// Number of running tasks.
    pub fn len(&self) -> usize {
        self.inner.tracker.len()
    }

    /// Returns `true` if no task is running.
    pub fn is_empty(&self) -> bool {
        self.inner.tracker.is_empty()
    }

    /// Waits until all tasks have ended, at most `longest`. Returns `true` if they have.
    pub async fn join(&self, longest: Duration) -> bool {
        self.inner.tracker.close();
        tokio::time::timeout(longest, self.inner.tracker.wait())
            .await
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_tasks_and_drops_those_that_may_be_dropped() {
        let stopping = CancellationToken::new();
        let tasks = Tasks::new(stopping.clone());
        let (go_on, wait) = tokio::sync::oneshot::channel();
        let carried = tasks.spawn(async { wait.await.unwrap_or(0) });
        tasks.spawn_until_stopped(std::future::pending());
        assert_eq!(tasks.len(), 2);
        stopping.cancel();
        assert!(!tasks.join(Duration::from_millis(10)).await, "one goes on");
        go_on.send(7).unwrap();
        assert!(tasks.join(Duration::from_secs(60)).await);
        assert_eq!(carried.await.unwrap(), 7);
    }
}
