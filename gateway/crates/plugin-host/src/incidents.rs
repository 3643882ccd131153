//! Incidents of the plugin host for operators: rare, and bounded in memory even without a reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::canary::Tripped;
use hookgate_domain::TenantId;

/// An event that operators should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// The circuit breaker of a version opened.
    CircuitOpened {
        /// Tenant.
        tenant: TenantId,
        /// Plugin.
        plugin: String,
        /// First digits of the version's digest.
        version: String,
        /// Kind of the last failure, from a closed set.
        kind: &'static str,
    },
    /// A canary failed too often and was stopped.
    CanaryStopped(Tripped),
}

/// Queue of incidents. Cheap to clone.
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
    /// Adds an incident. If the queue is full, the incident is dropped: the reader is far behind or
    /// absent.
    pub fn tell(&self, incident: Incident) {
        let mut waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push_back(incident);
        }
        drop(waiting);
        self.inner.told.notify_one();
    }

    /// Waits for the next incident.
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
