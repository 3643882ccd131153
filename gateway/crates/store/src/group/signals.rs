//! Commit signals: wake tasks of this process that wait for new events of a tenant.
//! Commits of other processes to the same store are not seen here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use hookgate_domain::TenantId;

/// Signals by tenant, only for tenants with waiters. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub struct CommitSignals(Arc<Mutex<HashMap<TenantId, Signal>>>);

#[derive(Debug)]
struct Signal {
    waiters: usize,
    sender: watch::Sender<()>,
}

/// Waiter for the commits of one tenant. Misses no commit that ends after its creation.
#[derive(Debug)]
pub struct CommitWaiter {
    signals: CommitSignals,
    tenant: TenantId,
    receiver: watch::Receiver<()>,
}

impl CommitSignals {
    /// Begins to wait for a tenant's commits.
    pub fn waiter(&self, tenant: &TenantId) -> CommitWaiter {
        let mut signals = self.lock();
        let signal = signals.entry(tenant.clone()).or_insert_with(|| Signal {
            waiters: 0,
            sender: watch::Sender::new(()),
        });
        signal.waiters += 1;
        CommitWaiter {
            signals: self.clone(),
            tenant: tenant.clone(),
            receiver: signal.sender.subscribe(),
        }
    }

    /// Wakes the waiters of these tenants, each of which may be named more than once.
    pub(super) fn committed<'a>(&self, tenants: impl IntoIterator<Item = &'a TenantId>) {
        let signals = self.lock();
        for tenant in tenants {
            if let Some(signal) = signals.get(tenant) {
                signal.sender.send_replace(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Signal>> {
        // The counts are consistent again before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitWaiter {
    /// Waits for a commit since the last one seen.
    pub async fn committed(&mut self) {
        // The sender lives as long as this.
        let _ = self.receiver.changed().await;
    }

    /// Makes the next wait return at once, because the last commits could not be read.
    pub fn look_again(&mut self) {
        self.receiver.mark_changed();
    }
}

impl Drop for CommitWaiter {
    fn drop(&mut self) {
        let mut signals = self.signals.lock();
        if let Entry::Occupied(mut entry) = signals.entry(self.tenant.clone()) {
            entry.get_mut().waiters -= 1;
            if entry.get().waiters == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn commit_wakes_waiters_of_its_tenant_alone() {
        let signals = CommitSignals::default();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        signals.committed([&acme]);
        let (mut first, mut second) = (signals.waiter(&acme), signals.waiter(&acme));
        let mut other = signals.waiter(&globex);
        assert_eq!(first.committed().now_or_never(), None, "it came before");
        signals.committed([&acme, &acme]);
        for waiter in [&mut first, &mut second] {
            assert_eq!(waiter.committed().now_or_never(), Some(()));
            assert_eq!(waiter.committed().now_or_never(), None, "it was seen");
        }
        assert_eq!(other.committed().now_or_never(), None);
        first.look_again();
        assert_eq!(first.committed().now_or_never(), Some(()));
        drop(first);
        signals.committed([&acme]);
        assert_eq!(second.committed().now_or_never(), Some(()), "one still waits");
        drop((second, other));
        assert!(signals.lock().is_empty());
    }
}
