//! Memory pool of the process: one total, a share per tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Config;
use hookgate_domain::TenantId;

/// Accounted memory of requests, events and pages. Cheap to clone.
///
/// Deliveries in memory ([`MemoryUse::Deliveries`]) have at most half of the total, and half of
/// each tenant's share, so that a backlog leaves memory for requests.
#[derive(Debug, Clone)]
pub struct MemoryPool {
    inner: Arc<Inner>,
}

/// Purpose of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryUse {
    /// Bodies of requests, and the documents parsed from them.
    Requests,
    /// Deliveries that wait in memory or are being made.
    Deliveries,
    /// Pages and other responses until they are sent.
    Pages,
}

/// Limit that a reservation exceeds. Both are temporary: a retry is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryFull {
    /// The total of the process.
    #[error("the gateway holds as much as it may (`memory.max_bytes`)")]
    Total,
    /// The share of the tenant.
    #[error("the tenant holds as much as it may (`memory.max_bytes_per_tenant`)")]
    Tenant,
}

/// Reserved bytes, released on drop.
#[derive(Debug)]
pub struct Reservation {
    pool: MemoryPool,
    owner: Option<TenantId>,
    purpose: MemoryUse,
    bytes: usize,
}

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_tenant: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: Sums,
    tenants: HashMap<TenantId, Sums>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    bytes: usize,
    deliveries: usize,
}

impl MemoryPool {
    /// Creates an empty pool.
    pub fn new(config: &Config) -> Self {
        let max = config.max_bytes.bytes();
        Self {
            inner: Arc::new(Inner {
                max,
                max_per_tenant: config.max_bytes_per_tenant.bytes().min(max),
                held: Mutex::default(),
            }),
        }
    }

    /// Reserves bytes for a tenant, or (`None`) for a client that is not known yet.
    ///
    /// # Errors
    /// The limit that would be exceeded.
    pub fn reserve(
        &self,
        owner: Option<&TenantId>,
        purpose: MemoryUse,
        bytes: usize,
    ) -> Result<Reservation, MemoryFull> {
        self.add(owner, purpose, bytes)?;
        Ok(Reservation {
            pool: self.clone(),
            owner: owner.cloned(),
            purpose,
            bytes,
        })
    }

    /// Limit of the total, in bytes.
    pub fn max(&self) -> usize {
        self.inner.max
    }

    /// Limit of one tenant, in bytes.
    pub fn max_per_tenant(&self) -> usize {
        self.inner.max_per_tenant
    }

    /// Reserved bytes in total.
    pub fn held(&self) -> usize {
        self.lock().all.bytes
    }

    /// Reserved bytes of a tenant.
    pub fn held_by(&self, tenant: &TenantId) -> usize {
        self.lock().tenants.get(tenant).map_or(0, |sums| sums.bytes)
    }

    fn add(&self, owner: Option<&TenantId>, purpose: MemoryUse, bytes: usize) -> Result<(), MemoryFull> {
        let mut held = self.lock();
        let all = held
            .all
            .with(purpose, bytes, self.inner.max)
            .ok_or(MemoryFull::Total)?;
        if let Some(owner) = owner {
            let sums = held.tenants.get(owner).copied().unwrap_or_default();
            let sums = sums
                .with(purpose, bytes, self.inner.max_per_tenant)
                .ok_or(MemoryFull::Tenant)?;
            held.tenants.insert(owner.clone(), sums);
        }
        held.all = all;
        Ok(())
    }

    fn remove(&self, owner: Option<&TenantId>, purpose: MemoryUse, bytes: usize) {
        let mut held = self.lock();
        held.all.subtract(purpose, bytes);
        let Some(owner) = owner else { return };
        if let Some(sums) = held.tenants.get_mut(owner) {
            sums.subtract(purpose, bytes);
            if sums.bytes == 0 {
                held.tenants.remove(owner);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // The sums are consistent at every point that could panic.
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    /// Sums with more bytes, if that is within the maximum.
    fn with(self, purpose: MemoryUse, bytes: usize, max: usize) -> Option<Self> {
        let sums = Self {
            bytes: self.bytes.checked_add(bytes)?,
            deliveries: match purpose {
                MemoryUse::Deliveries => self.deliveries + bytes,
                MemoryUse::Requests | MemoryUse::Pages => self.deliveries,
            },
        };
        let fits = match purpose {
            MemoryUse::Deliveries => sums.deliveries <= max / 2,
            MemoryUse::Requests | MemoryUse::Pages => true,
        };
        (fits && sums.bytes <= max).then_some(sums)
    }

    fn subtract(&mut self, purpose: MemoryUse, bytes: usize) {
        self.bytes -= bytes;
        if purpose == MemoryUse::Deliveries {
            self.deliveries -= bytes;
        }
    }
}

impl Reservation {
    /// Reserves more bytes.
    ///
    /// # Errors
    /// The limit that would be exceeded; the existing reservation remains.
    pub fn grow(&mut self, bytes: usize) -> Result<(), MemoryFull> {
        self.pool.add(self.owner.as_ref(), self.purpose, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Releases the bytes above this size.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.pool.remove(self.owner.as_ref(), self.purpose, less);
        self.bytes -= less;
    }

    /// Reserved bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pool.remove(self.owner.as_ref(), self.purpose, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookgate_domain::units::Size;

    fn pool(max: u64, per_tenant: u64) -> MemoryPool {
        MemoryPool::new(&Config {
            max_bytes: Size::from_bytes(max),
            max_bytes_per_tenant: Size::from_bytes(per_tenant),
        })
    }

    #[test]
    fn memory_pool_keeps_a_tenant_to_its_share() {
        let (pool, acme, globex) = (pool(100, 40), "acme".parse().unwrap(), "globex".parse().unwrap());
        let reserve = |owner, bytes| pool.reserve(owner, MemoryUse::Requests, bytes);
        let mut first = reserve(Some(&acme), 30).unwrap();
        assert_eq!(reserve(Some(&acme), 11).unwrap_err(), MemoryFull::Tenant);
        assert_eq!(first.grow(11), Err(MemoryFull::Tenant));
        let second = reserve(Some(&globex), 40).unwrap();
        let unknown = reserve(None, 30).unwrap();
        assert_eq!(reserve(Some(&acme), 1).unwrap_err(), MemoryFull::Total);
        drop(unknown);
        first.grow(10).unwrap();
        first.shrink_to(5);
        assert_eq!((first.bytes(), pool.held_by(&acme), pool.held()), (5, 5, 45));
        drop((first, second));
        assert_eq!((pool.held(), pool.held_by(&acme)), (0, 0));
        assert!(pool.lock().tenants.is_empty());
    }

    #[test]
    fn memory_pool_leaves_half_to_requests() {
        let (pool, acme) = (pool(100, 80), "acme".parse().unwrap());
        let deliveries = pool.reserve(Some(&acme), MemoryUse::Deliveries, 40).unwrap();
        let more = pool.reserve(Some(&acme), MemoryUse::Deliveries, 1);
        assert_eq!(more.unwrap_err(), MemoryFull::Tenant);
        assert!(pool.reserve(Some(&acme), MemoryUse::Pages, 40).is_ok());
        drop(deliveries);
        assert!(pool.reserve(Some(&acme), MemoryUse::Deliveries, 40).is_ok());
    }
}
