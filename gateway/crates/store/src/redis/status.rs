//! Status of the server, as `watch` found it last.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::checks::Findings;
use super::fault::Unfit;
use super::keys::SHARDS;
use crate::{Health, Shard, StoreError};

/// Status of the server.
#[derive(Debug, Default)]
pub(super) struct Status {
    state: Mutex<State>,
    /// Flag: `State::unfit` is set. Every accepted batch checks it.
    is_unfit: AtomicBool,
    /// Flag: this process has seen a registry in the server.
    has_registry: AtomicBool,
    /// Flag: `State::emptied` is set.
    is_emptied: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    findings: Findings,
    /// Reason of the last refusal; `None` once the server accepts a write.
    unfit: Option<Unfit>,
    /// Flag: the server was emptied while this process used it.
    emptied: bool,
    /// Number of submissions and commands that were refused since the server became unfit.
    turned_away: u64,
    /// Reason of the last failure to connect.
    reason: String,
    /// Number of events that the server had confirmed and lost.
    lost: u64,
}

/// Highest sequence of each shard that was confirmed to this process.
#[derive(Debug, Default)]
pub(super) struct Sequences([AtomicU64; SHARDS as usize]);

impl Status {
    /// Records the findings of the last check. Readers of the health log its warnings.
    pub(super) fn found(&self, findings: &Findings) {
        self.change(|state| {
            state.findings.clone_from(findings);
            state.reason.clear();
        });
    }

    /// Records that the server refused a command.
    pub(super) fn unfit(&self, unfit: Unfit) {
        self.change(|state| {
            state.unfit = Some(unfit);
            state.turned_away += 1;
        });
    }

    /// Records that the server accepted a write.
    pub(super) fn fit(&self) {
        if self.is_unfit.load(Ordering::Acquire) {
            self.change(|state| state.unfit = None);
        }
    }

    /// Records the version of the server's registry; 0 if it has none.
    ///
    /// # Errors
    /// `Unusable`: the server had a registry before, so it was emptied.
    pub(super) fn registry_is_at(&self, version: u64) -> Result<(), StoreError> {
        if version > 0 {
            self.has_registry.store(true, Ordering::Release);
        }
        let emptied = version == 0 && self.has_registry.load(Ordering::Acquire);
        if self.is_emptied.swap(emptied, Ordering::AcqRel) != emptied {
            self.change(|state| state.emptied = emptied);
        }
        self.emptied_error().map_or(Ok(()), Err)
    }

    /// Error of all writes to an emptied server.
    pub(super) fn emptied_error(&self) -> Option<StoreError> {
        let emptied = self.is_emptied.load(Ordering::Acquire);
        emptied.then(|| StoreError::Unusable(EMPTIED.to_owned()))
    }

    /// Changes the state and logs transitions between fit and unfit, including a changed reason.
    /// One line per transition, with the number of refusals; none per request.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let Ok(mut state) = self.state.lock() else { return };
        let before = state.unfit_for();
        change(&mut state);
        let now = state.unfit_for();
        self.is_unfit.store(state.unfit.is_some(), Ordering::Release);
        match now {
            Some(reason) if before.as_ref() != Some(&reason) => tracing::error!(reason, "store.unfit"),
            None if before.is_some() => {
                let refused = std::mem::take(&mut state.turned_away);
                tracing::info!(refused, "store.fit");
            }
            Some(_) | None => {}
        }
    }

    /// Records the reason of a failure to connect; logs a changed reason.
    pub(super) fn set_reason(&self, reason: &str) {
        let Ok(mut state) = self.state.lock() else { return };
        if state.reason != reason {
            tracing::warn!(reason, "store.unreachable");
            reason.clone_into(&mut state.reason);
        }
    }

    /// Records the number of confirmed events that the server lost.
    pub(super) fn lost(&self, shard: Shard, events: u64) {
        tracing::error!(shard = shard.0, events, "store.lost_events");
        if let Ok(mut state) = self.state.lock() {
            state.lost = state.lost.saturating_add(events);
        }
    }

    /// Reason why the server must not be used, if any.
    pub(super) fn refused(&self) -> Option<String> {
        self.state.lock().ok()?.findings.refused.clone()
    }

    /// Error of new submissions, if they are refused; counts `submissions` as refused.
    pub(super) fn refusal(&self, submissions: usize) -> Option<StoreError> {
        let mut state = self.state.lock().ok()?;
        if let Some(reason) = state.findings.refused.clone() {
            state.turned_away += submissions as u64;
            return Some(StoreError::Unusable(reason));
        }
        if state.emptied {
            state.turned_away += submissions as u64;
            return Some(StoreError::Unusable(EMPTIED.to_owned()));
        }
        let full = state.findings.full;
        full.then(|| StoreError::Full("Redis is nearly out of memory".to_owned()))
    }

    /// Health of the store; `down` is the reason of a lost connection.
    /// `lost` is the number of cluster parts that do not answer, with a reason.
    pub(super) fn health(&self, down: Option<&str>, lost: Option<(usize, String)>) -> Health {
        let Ok(state) = self.state.lock() else {
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
        let unfit = state.unfit_for();
        all.extend(unfit.clone());
        if let Some((parts, reason)) = lost {
            all.push(format!(
                "{parts} of {PARTS} parts of the Redis cluster do not answer: {reason}"
            ));
        }
        all.extend_from_slice(&state.findings.warnings);
        if state.lost > 0 {
            all.push(format!(
                "Redis has lost {} events that it had confirmed: it failed over, or was restarted or emptied",
                state.lost
            ));
        }
        let available = down.is_none();
        Health {
            available,
            accepting: available && unfit.is_none() && !state.findings.full,
            unfit,
            lost_events: state.lost,
            damaged_records: 0,
            warnings: all,
        }
    }
}

impl State {
    /// Reason why the server persists nothing, if any.
    fn unfit_for(&self) -> Option<String> {
        let refused = self.findings.refused.as_ref();
        let refused = refused.map(|reason| format!("Redis must not be used as it is set up: {reason}"));
        let emptied = self.emptied.then(|| EMPTIED.to_owned());
        let refused = refused.or(emptied);
        refused.or_else(|| self.unfit.map(|unfit| unfit.to_string()))
    }
}

impl Sequences {
    /// Records that the server confirmed events up to this sequence.
    pub(super) fn confirm(&self, shard: Shard, sequence: u64) {
        if let Some(of) = self.0.get(usize::from(shard.0)) {
            of.fetch_max(sequence, Ordering::Relaxed);
        }
    }

    /// Resets the confirmed sequence after a loss.
    pub(super) fn reset(&self, shard: Shard, sequence: u64) {
        if let Some(of) = self.0.get(usize::from(shard.0)) {
            of.store(sequence, Ordering::Relaxed);
        }
    }

    /// Highest confirmed sequence.
    pub(super) fn confirmed(&self, shard: Shard) -> u64 {
        self.0
            .get(usize::from(shard.0))
            .map_or(0, |of| of.load(Ordering::Relaxed))
    }
}

/// Reason why an emptied server must not be used.
const EMPTIED: &str = "it was emptied: the tenants and events that were in it are gone; restore it, or start the gateways anew with --new-store";
/// Parts of a cluster: the shards, and the registry.
const PARTS: u16 = SHARDS + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfit_server_is_told_until_it_takes_a_write() {
        let status = Status::default();
        assert!(status.health(None, None).accepting);
        status.unfit(Unfit::NoReplicas);
        status.unfit(Unfit::NoReplicas);
        let health = status.health(None, None);
        assert!(health.available && !health.accepting);
        assert!(health.unfit.is_some_and(|reason| reason.contains("min-replicas")));
        assert!(status.refusal(1).is_none(), "it is asked: that finds out");
        status.fit();
        assert!(status.health(None, None).accepting);

        let evicting = Findings {
            refused: Some("its maxmemory-policy is allkeys-lru".to_owned()),
            ..Findings::default()
        };
        status.found(&evicting);
        status.fit();
        assert!(matches!(status.refusal(3), Some(StoreError::Unusable(_))));
        assert!(!status.health(None, None).accepting);
        status.found(&Findings::default());
        assert_eq!(status.health(None, None).unfit, None);
    }

    #[test]
    fn emptied_server_is_told_from_a_new_one() {
        let status = Status::default();
        assert!(status.registry_is_at(0).is_ok(), "it is new");
        assert!(status.registry_is_at(3).is_ok());
        assert!(status.registry_is_at(0).is_err());
        assert!(status.refusal(1).is_some() && !status.health(None, None).accepting);
        assert!(status.registry_is_at(2).is_ok(), "it was restored");
        assert!(status.refusal(1).is_none() && status.health(None, None).accepting);
    }

    #[test]
    fn lost_parts_of_a_cluster_are_told() {
        let health = Status::default().health(None, Some((5, "refused".to_owned())));
        assert!(
            health.accepting && health.warnings[0].contains("5 of 17"),
            "{health:?}"
        );
    }
}
