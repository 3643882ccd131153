//! Connections that wait for their next request, by what they are connected to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::endpoint::Origin;

/// Unused connections. The one that was used last is used next, so that those which are too many grow old and go.
pub(super) struct Pool {
    limits: PoolLimits,
    idle: Mutex<Idle<Connection>>,
}

/// How many are kept and for how long.
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
        }
    }

    /// A connection, if one waits. Whether its peer has hung up in the meantime is for the caller to ask.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        self.idle().take(origin, Instant::now(), self.limits.age)
    }

    /// Keeps a connection whose answer is complete, where there is room.
    pub(super) fn put(&self, origin: &Origin, connection: Connection) {
        // Closing one that found no room happens outside of the lock.
        let _closed = self.idle().put(origin, connection, Instant::now(), self.limits);
    }

    /// Closes what has waited too long.
    pub(super) fn sweep(&self) {
        let _closed = self.idle().sweep(Instant::now(), self.limits.age);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle<Connection>> {
        // What is inside is whole between any two statements that could panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rules, over anything.
struct Idle<C> {
    /// The oldest first.
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
    fn take(&mut self, origin: &Origin, now: Instant, age: Duration) -> Option<C> {
        let (since, connection) = self.by_origin.get_mut(origin)?.pop()?;
        self.total -= 1;
        // When the newest is too old, all are; the sweep closes them.
        (now.duration_since(since) < age).then_some(connection)
    }

    /// What found no room comes back.
    fn put(&mut self, origin: &Origin, connection: C, now: Instant, limits: PoolLimits) -> Option<C> {
        if self.total >= limits.total {
            return Some(connection);
        }
        // Without `entry`: an origin's key is cloned only when it is new.
        if let Some(waiting) = self.by_origin.get_mut(origin) {
            if waiting.len() >= limits.per_origin {
                return Some(connection);
            }
            waiting.push((now, connection));
        } else {
            self.by_origin.insert(origin.clone(), vec![(now, connection)]);
        }
        self.total += 1;
        None
    }

    fn sweep(&mut self, now: Instant, age: Duration) -> Vec<C> {
        let mut closed = Vec::new();
        self.by_origin.retain(|_, waiting| {
            let fresh = waiting.partition_point(|(since, _)| now.duration_since(*since) >= age);
            closed.extend(waiting.drain(..fresh).map(|(_, connection)| connection));
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
        assert_eq!(idle.take(&origin(1), now, LIMITS.age), None);
        for n in 1..=3 {
            let refused = idle.put(&origin(1), n, now, LIMITS);
            assert_eq!(refused, (n == 3).then_some(3));
        }
        assert_eq!(idle.put(&origin(2), 4, now, LIMITS), None);
        assert_eq!(idle.put(&origin(3), 5, now, LIMITS), Some(5));
        assert_eq!(idle.take(&origin(1), now, LIMITS.age), Some(2));
        assert_eq!(idle.put(&origin(3), 5, now, LIMITS), None);
    }

    #[test]
    fn the_old_go() {
        let (mut idle, start) = (Idle::default(), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        idle.put(&origin(1), 1, at(0), LIMITS);
        idle.put(&origin(1), 2, at(5), LIMITS);
        assert_eq!(idle.sweep(at(10), LIMITS.age), [1]);
        assert_eq!(idle.take(&origin(1), at(15), LIMITS.age), None);
        assert_eq!((idle.total, idle.sweep(at(15), LIMITS.age)), (0, vec![]));
        assert!(idle.by_origin.is_empty());
    }
}
