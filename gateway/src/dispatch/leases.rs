//! Leases of the deliveries in memory: each lasts until its delivery is settled, because the
//! scheduler renews it.
//!
//! The token of a lease changes with each renewal. It is therefore in one place in the process, and
//! whoever uses it locks it: a renewal and a settlement of the same delivery exclude one another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use hookgate_domain::{DeliveryId, Target, TenantId, Timestamp};
use hookgate_store::{Leased, Token};

/// Leases that this process holds. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Leases {
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    leases: HashMap<u64, Arc<Lease>>,
    /// Key of the next lease.
    next: u64,
}

/// Lease of one delivery.
#[derive(Debug)]
pub struct Lease {
    event: Arc<hookgate_domain::Event>,
    target: Target,
    run: u64,
    /// End of the lease in µs, the current token; 0 once another process may hold it.
    end: AtomicU64,
    tokens: AsyncMutex<Tokens>,
}

/// Lease that is renewed until it is dropped.
#[derive(Debug)]
pub struct HeldLease {
    lease: Arc<Lease>,
    leases: Leases,
    key: u64,
}

/// Exclusive use of a lease's token.
#[derive(Debug)]
pub struct LockedLease<'a> {
    lease: &'a Lease,
    tokens: AsyncMutexGuard<'a, Tokens>,
}

#[derive(Debug)]
struct Tokens {
    current: Token,
    /// Token of a renewal whose answer is not known: the lease has this one or the current one.
    proposed: Option<Token>,
    /// Set once the delivery is settled, or another process holds it.
    over: bool,
}

impl Leases {
    /// Adds the lease of a delivery.
    pub fn hold(&self, leased: &Leased) -> HeldLease {
        let lease = Arc::new(Lease::of(leased));
        let mut held = self.lock();
        let key = held.next;
        held.next += 1;
        held.leases.insert(key, Arc::clone(&lease));
        drop(held);
        HeldLease {
            lease,
            leases: self.clone(),
            key,
        }
    }

    /// Leases that end before a time, the earliest first, without those that are lost.
    pub fn ending_before(&self, time: Timestamp) -> Vec<Arc<Lease>> {
        let mut ending: Vec<(Timestamp, Arc<Lease>)> = self
            .lock()
            .leases
            .values()
            .filter_map(|lease| Some((lease.end()?, lease)))
            .filter(|(end, _)| *end < time)
            .map(|(end, lease)| (end, Arc::clone(lease)))
            .collect();
        ending.sort_by_key(|(end, _)| *end);
        ending.into_iter().map(|(_, lease)| lease).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Lease that nobody renews, for a delivery that is settled at once.
    pub fn of(leased: &Leased) -> Self {
        Self {
            event: Arc::clone(&leased.event),
            target: leased.id.target,
            run: leased.id.run,
            end: AtomicU64::new(leased.token.0.as_micros()),
            tokens: AsyncMutex::new(Tokens {
                current: leased.token,
                proposed: None,
                over: false,
            }),
        }
    }

    /// Tenant of the delivery.
    pub fn tenant(&self) -> &TenantId {
        &self.event.tenant
    }

    /// Id of the delivery.
    pub fn id(&self) -> DeliveryId {
        DeliveryId {
            event: self.event.id.clone(),
            target: self.target,
            run: self.run,
        }
    }

    /// End of the lease, as far as is known; `None` once another process may hold it.
    pub fn end(&self) -> Option<Timestamp> {
        let end = self.end.load(Ordering::Relaxed);
        (end > 0).then(|| Timestamp::from_micros(end))
    }

    /// Locks the token, after a renewal or settlement under way.
    pub async fn locked(&self) -> LockedLease<'_> {
        let tokens = self.tokens.lock().await;
        LockedLease { lease: self, tokens }
    }

    /// Locks the token for a renewal; `None` while the delivery is being settled, and from then on.
    pub fn try_locked(&self) -> Option<LockedLease<'_>> {
        let tokens = self.tokens.try_lock().ok().filter(|tokens| !tokens.over)?;
        Some(LockedLease { lease: self, tokens })
    }
}

impl LockedLease<'_> {
    /// The lease.
    pub fn lease(&self) -> &Lease {
        self.lease
    }

    /// Current token.
    pub fn token(&self) -> Token {
        self.tokens.current
    }

    /// Token for a renewal: this one, or that of the last renewal if its answer is not known, which
    /// is then repeated.
    pub fn propose(&mut self, token: Token) -> Token {
        *self.tokens.proposed.get_or_insert(token)
    }

    /// Records that the lease has the proposed token.
    pub fn renewed(&mut self) {
        if let Some(token) = self.tokens.proposed.take() {
            self.tokens.current = token;
            self.lease.end.store(token.0.as_micros(), Ordering::Relaxed);
        }
    }

    /// Records that the store refused the current token. Returns `true` if the lease may have the
    /// token of a renewal whose answer is not known: it is the current one now.
    pub fn refused(&mut self) -> bool {
        let proposed = self.tokens.proposed.is_some();
        self.renewed();
        proposed
    }

    /// Records that the delivery is settled: the lease is renewed no more.
    pub fn settled(&mut self) {
        self.tokens.over = true;
    }

    /// Records that another process may hold the lease: it is renewed no more.
    pub fn lost(&mut self) {
        self.tokens.over = true;
        self.lease.end.store(0, Ordering::Relaxed);
    }
}

impl std::ops::Deref for HeldLease {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.lease
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.leases.lock().leases.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::{Event, Fate, Trigger};
    use std::time::Duration;

    fn leased(id: &str, end: u64) -> Leased {
        let event = Event {
            id: id.parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            kind: "a.b".parse().unwrap(),
            created: Timestamp::default(),
            accepted: Timestamp::default(),
            data: bytes::Bytes::from_static(b"{}"),
            metadata: None,
            deliver_to: None,
            fate: Fate::Published,
            steps: Vec::new(),
            rules: Default::default(),
            hops: Default::default(),
            trace: None,
        };
        Leased {
            id: DeliveryId {
                event: event.id.clone(),
                target: Target::Inline,
                run: 0,
            },
            event: Arc::new(event),
            trigger: Trigger::Published,
            token: token(end),
            attempts: 0,
            first_attempt: None,
            crashes: 0,
            body: None,
        }
    }

    fn token(end: u64) -> Token {
        Token(Timestamp::from_micros(end))
    }

    fn ending(leases: &Leases, time: u64) -> Vec<String> {
        let ending = leases.ending_before(token(time).0);
        ending.iter().map(|lease| lease.id().event.to_string()).collect()
    }

    #[test]
    fn leases_end_in_order_until_they_are_dropped_or_lost() {
        let leases = Leases::default();
        let (late, early) = (
            leases.hold(&leased("late", 20)),
            leases.hold(&leased("early", 10)),
        );
        assert_eq!(ending(&leases, 21), ["early", "late"]);
        assert_eq!(ending(&leases, 20), ["early"]);

        let mut locked = early.try_locked().unwrap();
        assert_eq!(locked.propose(token(30)), token(30));
        locked.renewed();
        assert_eq!(locked.token(), token(30));
        drop(locked);
        assert_eq!(ending(&leases, 31), ["late", "early"]);

        late.try_locked().unwrap().lost();
        assert!(late.end().is_none() && late.try_locked().is_none());
        assert_eq!(ending(&leases, 31), ["early"]);
        drop(early);
        assert!(ending(&leases, 31).is_empty());
    }

    #[tokio::test]
    async fn lease_is_settled_with_the_token_of_a_renewal_whose_answer_was_lost() {
        let lease = Lease::of(&leased("e1", 10));
        let mut locked = lease.try_locked().unwrap();
        assert_eq!(locked.propose(token(20)), token(20));
        drop(locked);

        let mut locked = lease.try_locked().unwrap();
        assert_eq!(locked.token(), token(10));
        assert_eq!(locked.propose(token(30)), token(20), "the renewal is repeated");
        drop(locked);

        let mut locked = lease.locked().await;
        assert!(locked.refused());
        assert_eq!(locked.token(), token(20));
        assert!(!locked.refused(), "another process holds it");
        assert_eq!(locked.token(), token(20));
    }

    #[tokio::test]
    async fn renewal_and_settlement_exclude_one_another() {
        let lease = Arc::new(Lease::of(&leased("e1", 10)));
        let mut renewal = lease.try_locked().unwrap();
        renewal.propose(token(20));
        let settling = tokio::spawn({
            let lease = Arc::clone(&lease);
            async move {
                let mut locked = lease.locked().await;
                let token = locked.token();
                locked.settled();
                token
            }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!settling.is_finished());
        renewal.renewed();
        drop(renewal);
        assert_eq!(settling.await.unwrap(), token(20));
        assert!(lease.try_locked().is_none(), "it is renewed no more");
    }
}
