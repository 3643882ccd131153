//! Admission control: a limit on requests in flight, with a share per tenant.
//! Above the limit a request is refused; none waits.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hookgate_domain::TenantId;

/// Limit of concurrent requests, in total and per tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct InFlightLimit {
    inner: Arc<Inner>,
}

/// Limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InFlightFull {
    /// Limit of all requests.
    Total,
    /// Limit of the tenant.
    Tenant,
}

/// Request in flight, until this is dropped.
#[derive(Debug)]
pub struct InFlight {
    limit: InFlightLimit,
    tenant: TenantId,
}

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_tenant: usize,
    all: AtomicUsize,
    /// Requests by tenant, in shards that different tenants rarely share.
    shards: [Mutex<HashMap<TenantId, usize>>; SHARDS],
    hasher: RandomState,
}

impl InFlightLimit {
    /// Creates a limit, in total and per tenant.
    pub fn new(max: usize, max_per_tenant: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                max,
                max_per_tenant,
                all: AtomicUsize::new(0),
                shards: Default::default(),
                hasher: RandomState::new(),
            }),
        }
    }

    /// Admits a request of a tenant.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn enter(&self, tenant: &TenantId) -> Result<InFlight, InFlightFull> {
        let inner = &*self.inner;
        if inner.all.fetch_add(1, Relaxed) >= inner.max {
            inner.all.fetch_sub(1, Relaxed);
            return Err(InFlightFull::Total);
        }
        let mut shard = self.shard(tenant);
        let count = match shard.get_mut(tenant) {
            Some(count) => count,
            None => shard.entry(tenant.clone()).or_default(),
        };
        if *count >= inner.max_per_tenant {
            inner.all.fetch_sub(1, Relaxed);
            return Err(InFlightFull::Tenant);
        }
        *count += 1;
        drop(shard);
        Ok(InFlight {
            limit: self.clone(),
            tenant: tenant.clone(),
        })
    }

    fn shard(&self, tenant: &TenantId) -> std::sync::MutexGuard<'_, HashMap<TenantId, usize>> {
        let hash = self.inner.hasher.hash_one(tenant);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        // The counts are consistent at every point that could panic.
        self.inner.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.limit.inner.all.fetch_sub(1, Relaxed);
        let mut shard = self.limit.shard(&self.tenant);
        if let Some(count) = shard.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 && shard.len() > IDLE_TENANTS {
                shard.remove(&self.tenant);
            }
        }
    }
}

const SHARDS: usize = 16;
/// Idle tenants that a shard retains, so that their next request need not insert an entry.
const IDLE_TENANTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_flight_limit_keeps_a_tenant_to_its_share() {
        let limit = InFlightLimit::new(3, 2);
        let (acme, globex): (TenantId, TenantId) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let first = limit.enter(&acme).unwrap();
        let _second = limit.enter(&acme).unwrap();
        assert_eq!(limit.enter(&acme).unwrap_err(), InFlightFull::Tenant);
        let _third = limit.enter(&globex).unwrap();
        assert_eq!(limit.enter(&globex).unwrap_err(), InFlightFull::Total);
        drop(first);
        assert!(limit.enter(&globex).is_ok());
        assert!(limit.enter(&acme).is_ok());
    }
}
