//! What the plugin host has to tell operators: seldom, and so bounded that nobody has to listen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::canary::Tripped;
use hookgate_domain::TenantId;

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// A version was stopped so often in a row that it is left alone for a while.
    LeftAlone {
        /// Whose calls.
        tenant: TenantId,
        /// Which plugin.
        plugin: String,
        /// The first digits of its digest.
        version: String,
        /// How it was stopped last: a word from a closed set.
        kind: &'static str,
    },
    /// A canary failed too often and was called off.
    CanaryStopped(Tripped),
}

/// Where incidents wait to be told. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Incidents {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<VecDeque<Incident>>,
    told: Notify,
}

impl Incidents {
    /// Tells one. What is over a bound is not told: whoever listens is far behind, or nobody does.
    pub fn tell(&self, incident: Incident) {
        let mut waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push_back(incident);
        }
        drop(waiting);
        self.inner.told.notify_one();
    }

    /// Waits for one.
    pub async fn next(&self) -> Incident {
        loop {
            let first = self
                .inner
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            match first {
                Some(incident) => return incident,
                None => self.inner.told.notified().await,
            }
        }
    }
}

const MOST_WAITING: usize = 1_000;
