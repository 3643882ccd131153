//! Cache of recently decoded tenants.
//! Unchanged entries are not decoded, and their secrets not opened, again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tenant_state::TenantState;
use hookgate_domain::TenantId;

/// Cache of drafts, bounded in number and bytes; the least recently inserted one is evicted first.
#[derive(Default)]
pub(super) struct Recent {
    drafts: Mutex<VecDeque<(usize, Arc<TenantState>)>>,
}

impl Recent {
    pub(super) fn get(&self, tenant: &TenantId) -> Option<Arc<TenantState>> {
        let drafts = self.lock();
        let found = drafts.iter().find(|(_, tenant_state)| tenant_state.id == *tenant);
        found.map(|(_, tenant_state)| Arc::clone(tenant_state))
    }

    pub(super) fn put(&self, tenant_state: TenantState) {
        let mut drafts = self.lock();
        drafts.retain(|(_, held)| held.id != tenant_state.id);
        drafts.push_back((tenant_state.bytes(), Arc::new(tenant_state)));
        let mut bytes: usize = drafts.iter().map(|(bytes, _)| bytes).sum();
        while drafts.len() > MOST || bytes > MOST_BYTES {
            let Some((gone, _)) = drafts.pop_front() else {
                break;
            };
            bytes -= gone;
        }
    }

    pub(super) fn forget(&self, tenant: &TenantId) {
        self.lock().retain(|(_, held)| held.id != *tenant);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(usize, Arc<TenantState>)>> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MOST: usize = 256;
/// Maximum size of the cached entries in their stored form; decoded they take about as much.
const MOST_BYTES: usize = 32 << 20;
