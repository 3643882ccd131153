//! Pool of idle connections, by origin.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::endpoint::Origin;

/// Idle connections; the last used one is reused first, so that surplus ones expire.
pub(super) struct Pool {
    limits: PoolLimits,
    idle: Mutex<Idle<Connection>>,
    /// Changed under the lock alone.
    generation: AtomicU64,
}

/// Limits of the pool: counts, and the longest idle time.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolLimits {
    pub(super) per_origin: usize,
    pub(super) total: usize,
    pub(super) age: Duration,
}

impl Pool {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            idle: Mutex::new(Idle::default()),
            generation: AtomicU64::new(0),
        }
    }

    /// Takes an idle connection. The caller checks that its peer has not closed it.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        // Expired connections are closed outside of the lock.
        let (found, _closed) = self.idle().take(origin, Instant::now());
        found
    }

    /// Number of times that it was cleared.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps a connection whose answer is complete, where there is room; no longer than its peer says that it does. One that was
    /// made before the pool was cleared, in an earlier generation, is closed.
    pub(super) fn put(
        &self,
        origin: &Origin,
        connection: Connection,
        (offered, generation): (Option<Duration>, u64),
    ) {
        let age = offered.map_or(self.limits.age, |offered| offered.min(self.limits.age));
        if age.is_zero() {
            return;
        }
        let expires = Instant::now() + age;
        // Closing one that found no room happens outside of the lock.
        let mut idle = self.idle();
        let closed = if self.generation() == generation {
            idle.put(origin, connection, expires, self.limits)
        } else {
            Some(connection)
        };
        drop(idle);
        drop(closed);
    }

    /// Closes expired connections.
    pub(super) fn sweep(&self) {
        let _closed = self.idle().sweep(Instant::now());
    }

    /// Closes all that wait.
    pub(super) fn clear(&self) {
        let mut idle = self.idle();
        self.generation.fetch_add(1, Ordering::Release);
        let closed = std::mem::take(&mut *idle);
        drop(idle);
        drop(closed);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle<Connection>> {
        // The state is consistent at every point that could panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rules of the pool, generic over the connection.
struct Idle<C> {
    /// Connections in the order of their return, each with its expiry.
    by_origin: HashMap<Origin, Vec<(Instant, C)>>,
    total: usize,
}

impl<C> Default for Idle<C> {
    fn default() -> Self {
        Self {
            by_origin: HashMap::new(),
            total: 0,
        }
    }
}

impl<C> Idle<C> {
    /// Takes the newest connection that has not expired, and all expired ones.
    fn take(&mut self, origin: &Origin, now: Instant) -> (Option<C>, Vec<C>) {
        let mut expired = Vec::new();
        let Some(waiting) = self.by_origin.get_mut(origin) else {
            return (None, expired);
        };
        while let Some((expires, connection)) = waiting.pop() {
            self.total -= 1;
            if now < expires {
                return (Some(connection), expired);
            }
            expired.push(connection);
        }
        (None, expired)
    }

    /// Inserts a connection; returns it if the limits are reached.
    fn put(&mut self, origin: &Origin, connection: C, expires: Instant, limits: PoolLimits) -> Option<C> {
        if self.total >= limits.total {
            return Some(connection);
        }
        // Without `entry`: an origin's key is cloned only when it is new.
        if let Some(waiting) = self.by_origin.get_mut(origin) {
            if waiting.len() >= limits.per_origin {
                return Some(connection);
            }
            waiting.push((expires, connection));
        } else {
            self.by_origin.insert(origin.clone(), vec![(expires, connection)]);
        }
        self.total += 1;
        None
    }

    fn sweep(&mut self, now: Instant) -> Vec<C> {
        let mut closed = Vec::new();
        self.by_origin.retain(|_, waiting| {
            let (old, fresh): (Vec<_>, Vec<_>) = std::mem::take(waiting)
                .into_iter()
                .partition(|(expires, _)| *expires <= now);
            closed.extend(old.into_iter().map(|(_, connection)| connection));
            *waiting = fresh;
            !waiting.is_empty()
        });
        self.total -= closed.len();
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PoolLimits = PoolLimits {
        per_origin: 2,
        total: 3,
        age: Duration::from_secs(10),
    };

    fn origin(port: u16) -> Origin {
        Origin {
            tls: false,
            host: "example.com".into(),
            literal: None,
            port,
        }
    }

    #[test]
    fn the_newest_first_within_the_limits() {
        let (mut idle, now) = (Idle::default(), Instant::now());
        let later = now + Duration::from_secs(10);
        assert_eq!(idle.take(&origin(1), now), (None, vec![]));
        for n in 1..=3 {
            let refused = idle.put(&origin(1), n, later, LIMITS);
            assert_eq!(refused, (n == 3).then_some(3));
        }
        assert_eq!(idle.put(&origin(2), 4, later, LIMITS), None);
        assert_eq!(idle.put(&origin(3), 5, later, LIMITS), Some(5));
        assert_eq!(idle.take(&origin(1), now), (Some(2), vec![]));
        assert_eq!(idle.put(&origin(3), 5, later, LIMITS), None);
    }

    #[test]
    fn the_old_go() {
        let (mut idle, start) = (Idle::default(), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        idle.put(&origin(1), 1, at(10), LIMITS);
        idle.put(&origin(1), 2, at(15), LIMITS);
        assert_eq!(idle.sweep(at(10)), [1]);
        assert_eq!(idle.take(&origin(1), at(15)), (None, vec![2]));
        assert_eq!((idle.total, idle.sweep(at(15))), (0, vec![]));
        assert!(idle.by_origin.is_empty());
    }

    #[test]
    fn an_endpoint_that_keeps_connections_shortly_loses_only_those() {
        let (mut idle, start) = (Idle::default(), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        idle.put(&origin(1), 1, at(30), LIMITS);
        idle.put(&origin(1), 2, at(4), LIMITS);
        assert_eq!(idle.take(&origin(1), at(5)), (Some(1), vec![2]));
    }
}
