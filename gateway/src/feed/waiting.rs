//! Limits on requests that wait for new events: a total, and a share per tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookgate_domain::TenantId;

/// Slots for waiting requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Waiting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_tenant: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// Slot, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Waiting,
    tenant: TenantId,
}

/// Limit that leaves no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WaitingFull {
    /// All slots are taken.
    #[error("`feed.max_waiting`")]
    All,
    /// The tenant's share is taken.
    #[error("`feed.max_waiting_per_tenant`")]
    Tenant,
}

impl Waiting {
    pub(super) fn new(max: usize, max_per_tenant: usize) -> Self {
        Self(Arc::new(Inner {
            max,
            max_per_tenant,
            taken: Mutex::default(),
        }))
    }

    /// Takes a slot for a request of a tenant.
    ///
    /// # Errors
    /// The limit that leaves no slot.
    pub(super) fn enter(&self, tenant: &TenantId) -> Result<Place, WaitingFull> {
        let mut taken = self.lock();
        let own = taken.by_tenant.get(tenant).copied().unwrap_or(0);
        if own >= self.0.max_per_tenant {
            return Err(WaitingFull::Tenant);
        }
        if taken.all >= self.0.max {
            return Err(WaitingFull::All);
        }
        taken.all += 1;
        taken.by_tenant.insert(tenant.clone(), own + 1);
        Ok(Place {
            waiting: self.clone(),
            tenant: tenant.clone(),
        })
    }

    /// Number of slots that a tenant has now.
    pub(super) fn of(&self, tenant: &TenantId) -> usize {
        self.lock().by_tenant.get(tenant).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Counts are consistent before anything can panic.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.waiting.lock();
        taken.all -= 1;
        if let Some(own) = taken.by_tenant.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_requests_of_one_tenant_leave_places_to_others() {
        let waiting = Waiting::new(3, 2);
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let places = [waiting.enter(&acme).unwrap(), waiting.enter(&acme).unwrap()];
        assert_eq!(waiting.enter(&acme).unwrap_err(), WaitingFull::Tenant);
        let other = waiting.enter(&globex).unwrap();
        assert_eq!(waiting.enter(&globex).unwrap_err(), WaitingFull::All);
        drop(places);
        assert!(waiting.enter(&acme).is_ok());
        drop(other);
        assert!(waiting.lock().by_tenant.is_empty() && waiting.lock().all == 0);
    }
}
