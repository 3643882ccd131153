//! Cache of recently decoded tenants.
//! Unchanged entries are not decoded, and their secrets not opened, again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::draft::Draft;
use hookgate_domain::TenantId;

/// Cache of drafts, bounded in number and bytes; the least recently inserted one is evicted first.
#[derive(Default)]
pub(super) struct Recent {
    drafts: Mutex<VecDeque<(usize, Arc<Draft>)>>,
}

impl Recent {
    pub(super) fn get(&self, tenant: &TenantId) -> Option<Arc<Draft>> {
        let drafts = self.lock();
        let found = drafts.iter().find(|(_, draft)| draft.id == *tenant);
        found.map(|(_, draft)| Arc::clone(draft))
    }

    pub(super) fn put(&self, draft: Draft) {
        let mut drafts = self.lock();
        drafts.retain(|(_, held)| held.id != draft.id);
        drafts.push_back((draft.bytes(), Arc::new(draft)));
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

    fn lock(&self) -> MutexGuard<'_, VecDeque<(usize, Arc<Draft>)>> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MOST: usize = 256;
/// Maximum size of the cached entries in their stored form; decoded they take about as much.
const MOST_BYTES: usize = 32 << 20;
