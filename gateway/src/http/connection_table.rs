//! Connection table: a bounded number of connections, a share per address, eviction of idle ones.
//!
//! When the table is full, a new connection evicts others: first those that have sent nothing yet,
//! then idle ones without a valid key, then those that send a head slowly, then idle ones, the
//! oldest of each class first ([`EvictionClass`]). Only if every connection is in the middle of a
//! request is the new one refused. So a flood of silent connections displaces no client with a
//! request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::slow_client::{EvictionClass, Pace};

/// Table of open connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ConnectionTable {
    inner: Arc<Inner>,
}

/// Reason to refuse a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Requests in progress take all places (`server.max_connections`).
    Full,
    /// The address has its maximum of connections (`server.max_connections_per_address`).
    Address,
}

/// Place of a connection in the table, released on drop.
#[derive(Debug)]
pub(super) struct Place {
    table: ConnectionTable,
    id: u64,
    address: IpAddr,
}

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_address: usize,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    paces: HashMap<u64, (IpAddr, Arc<Pace>)>,
    addresses: HashMap<IpAddr, usize>,
    /// Evicted connections that have not ended yet.
    leaving: usize,
}

impl ConnectionTable {
    /// Table of `max` places, of which one address may have `max_per_address`.
    pub(super) fn new(max: usize, max_per_address: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                max: max.max(1),
                max_per_address: max_per_address.max(1),
                open: Mutex::default(),
                freed: Notify::new(),
            }),
        }
    }

    /// Takes a place for a new connection, after the connections evicted for it have ended.
    ///
    /// # Errors
    /// No connection can be evicted.
    pub(super) async fn admit(&self, address: IpAddr, pace: &Arc<Pace>) -> Result<Place, Refused> {
        let address = network(address);
        let patience = Instant::now() + EVICTION_TIME;
        loop {
            match self.try_admit(address, pace) {
                Ok(place) => return Ok(place),
                Err((refused, false)) => return Err(refused),
                Err((refused, true)) => {
                    let left = patience.saturating_duration_since(Instant::now());
                    if tokio::time::timeout(left, self.inner.freed.notified())
                        .await
                        .is_err()
                    {
                        return Err(refused);
                    }
                }
            }
        }
    }

    /// Number of open connections.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().paces.len()
    }

    /// Tries to take a place. The error has the reason, and `true` if a place will be free at once.
    fn try_admit(&self, address: IpAddr, pace: &Arc<Pace>) -> Result<Place, (Refused, bool)> {
        let mut open = self.lock();
        let of_address = open.addresses.get(&address).copied().unwrap_or(0);
        if of_address >= self.inner.max_per_address {
            // Only silent connections are evicted: idle ones belong to other clients, or the
            // address may reuse them.
            let batch = (self.inner.max_per_address / BATCH).max(1);
            let evicted = open.evict(batch, |class, from| {
                class < EvictionClass::Idle && from == address
            });
            return Err((Refused::Address, evicted));
        }
        if open.paces.len() >= self.inner.max {
            if open.leaving == 0 {
                let batch = (self.inner.max / BATCH).max(1);
                open.evict(batch, |_, _| true);
            }
            return Err((Refused::Full, open.leaving > 0));
        }
        let id = open.next;
        open.next += 1;
        open.paces.insert(id, (address, Arc::clone(pace)));
        *open.addresses.entry(address).or_default() += 1;
        Ok(Place {
            table: self.clone(),
            id,
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The table is consistent at every point that could panic.
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Evicts up to `most` permitted connections, by class and age. Returns `true` if any was
    /// evicted.
    fn evict(&mut self, most: usize, may_go: impl Fn(EvictionClass, IpAddr) -> bool) -> bool {
        let mut found: Vec<_> = self
            .paces
            .values()
            .filter_map(|(address, pace)| {
                let (class, since) = pace.eviction_class()?;
                may_go(class, *address).then_some((class, since, pace))
            })
            .collect();
        let most = most.min(found.len());
        if most == 0 {
            return false;
        }
        found.select_nth_unstable_by_key(most - 1, |(class, since, _)| (*class, *since));
        for (_, _, pace) in &found[..most] {
            pace.evict();
        }
        self.leaving += most;
        true
    }
}

impl Place {
    /// Revokes the eviction of this connection: a request arrived before it.
    pub(super) fn keep(&self, pace: &Pace) {
        let mut open = self.table.lock();
        if pace.keep() {
            open.leaving = open.leaving.saturating_sub(1);
        }
        drop(open);
        self.table.inner.freed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.table.lock();
        if let Some((_, pace)) = open.paces.remove(&self.id)
            && pace.is_evicted()
        {
            open.leaving = open.leaving.saturating_sub(1);
        }
        if let Some(count) = open.addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.addresses.remove(&self.address);
            }
        }
        drop(open);
        self.table.inner.freed.notify_one();
    }
}

/// Address whose connections count together: an IPv4 address, or the /64 network of an IPv6 client.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}

/// Divisor of the connections evicted together: a flood does not search the table for each.
const BATCH: usize = 64;
/// Time that evicted connections have to end.
const EVICTION_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// Connection whose task ends when it is evicted.
    async fn open(table: &ConnectionTable, address: IpAddr, mark: fn(&Pace)) -> Result<Arc<Pace>, Refused> {
        let pace = Pace::new();
        let place = table.admit(address, &pace).await?;
        mark(&pace);
        let evicted = Arc::clone(&pace);
        tokio::spawn(async move {
            evicted.eviction().await;
            drop(place);
        });
        Ok(pace)
    }

    fn silent(_: &Pace) {}
    fn served(pace: &Pace) {
        pace.serving();
        pace.served();
    }
    fn known(pace: &Pace) {
        pace.authenticated();
        served(pace);
    }

    #[tokio::test]
    async fn connection_table_evicts_silent_then_idle_and_never_a_request() {
        let table = ConnectionTable::new(4, 100);
        let serving = open(&table, ADDRESS, Pace::serving).await.unwrap();
        let idle = open(&table, ADDRESS, known).await.unwrap();
        let unknown = open(&table, ADDRESS, served).await.unwrap();
        let waiting = open(&table, ADDRESS, silent).await.unwrap();
        for gone in [&waiting, &unknown, &idle] {
            assert!(!gone.is_evicted());
            open(&table, ADDRESS, Pace::serving).await.unwrap();
            assert!(gone.is_evicted());
            assert_eq!(table.len(), 4);
        }
        let refused = open(&table, ADDRESS, silent).await;
        assert_eq!(refused.err(), Some(Refused::Full));
        assert!(!serving.is_evicted());
    }

    #[tokio::test]
    async fn connection_table_keeps_an_address_to_its_share() {
        let table = ConnectionTable::new(10, 2);
        let first = open(&table, ADDRESS, silent).await.unwrap();
        open(&table, ADDRESS, Pace::serving).await.unwrap();
        open(&table, ADDRESS, Pace::serving).await.unwrap();
        assert!(first.is_evicted(), "it had sent nothing");
        let refused = open(&table, ADDRESS, silent).await;
        assert_eq!(refused.err(), Some(Refused::Address));
        open(&table, OTHER, silent).await.unwrap();
    }

    #[test]
    fn connection_table_counts_an_ipv6_network_as_one_address() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::2:0:0:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
