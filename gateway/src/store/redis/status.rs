//! How the server is, as `watch` last found it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::checks::Findings;
use super::keys::SHARDS;
use crate::store::{Health, Shard, StoreError};

/// How the server is.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    findings: Findings,
    /// Why it could not be connected to last time.
    reason: String,
    /// Events that the server confirmed and has no more.
    lost: u64,
}

/// How far each shard's sequence was confirmed to this process.
#[derive(Debug, Default)]
pub(super) struct Sequences([AtomicU64; SHARDS as usize]);

impl Status {
    /// What the last look found. Whoever asks for the health logs its warnings.
    pub(super) fn found(&self, findings: &Findings) {
        let Ok(mut state) = self.0.lock() else { return };
        state.findings.clone_from(findings);
        state.reason.clear();
    }

    /// Why it could not be connected to.
    pub(super) fn set_reason(&self, reason: &str) {
        let Ok(mut state) = self.0.lock() else { return };
        if state.reason != reason {
            tracing::warn!(reason, "store.unreachable");
            reason.clone_into(&mut state.reason);
        }
    }

    /// The server has lost so many events that it had confirmed.
    pub(super) fn lost(&self, shard: Shard, events: u64) {
        tracing::error!(shard = shard.0, events, "store.lost_events");
        if let Ok(mut state) = self.0.lock() {
            state.lost = state.lost.saturating_add(events);
        }
    }

    /// Why the server must not be used, when it must not.
    pub(super) fn refused(&self) -> Option<String> {
        self.0.lock().ok()?.findings.refused.clone()
    }

    /// Why new events are not taken, when they are not.
    pub(super) fn refusal(&self) -> Option<StoreError> {
        let state = self.0.lock().ok()?;
        let full = state
            .findings
            .full
            .then(|| StoreError::Full("Redis is nearly out of memory".to_owned()));
        state.findings.refused.clone().map(StoreError::Unusable).or(full)
    }

    /// How it is, when it is down for this reason.
    pub(super) fn health(&self, down: Option<&str>) -> Health {
        let Ok(state) = self.0.lock() else {
            return Health::default();
        };
        let mut all: Vec<String> = Vec::new();
        if let Some(reason) = down {
            let reason = if state.reason.is_empty() {
                reason
            } else {
                &state.reason
            };
            all.push(format!("Redis does not answer: {reason}"));
        }
        all.extend(warnings(&state.findings).map(str::to_owned));
        if state.lost > 0 {
            all.push(format!(
                "Redis has lost {} events that it had confirmed: it failed over, or was restarted or emptied",
                state.lost
            ));
        }
        let available = down.is_none();
        Health {
            available,
            accepting: available && state.findings.refused.is_none() && !state.findings.full,
            warnings: all,
        }
    }
}

fn warnings(findings: &Findings) -> impl Iterator<Item = &str> {
    let refused = findings.refused.iter();
    refused.chain(&findings.warnings).map(String::as_str)
}

impl Sequences {
    /// The server has confirmed events up to here.
    pub(super) fn confirm(&self, shard: Shard, sequence: u64) {
        if let Some(of) = self.0.get(usize::from(shard.0)) {
            of.fetch_max(sequence, Ordering::Relaxed);
        }
    }

    /// What was confirmed is lost from here on.
    pub(super) fn reset(&self, shard: Shard, sequence: u64) {
        if let Some(of) = self.0.get(usize::from(shard.0)) {
            of.store(sequence, Ordering::Relaxed);
        }
    }

    /// How far events are confirmed.
    pub(super) fn confirmed(&self, shard: Shard) -> u64 {
        self.0
            .get(usize::from(shard.0))
            .map_or(0, |of| of.load(Ordering::Relaxed))
    }
}
