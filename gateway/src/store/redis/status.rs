//! How the server is, as `watch` last found it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::checks::Findings;
use super::fault::Unfit;
use super::keys::SHARDS;
use crate::store::{Health, Shard, StoreError};

/// How the server is.
#[derive(Debug, Default)]
pub(super) struct Status {
    state: Mutex<State>,
    /// Whether `State::unfit` is set: looked at by every accepted batch.
    is_unfit: AtomicBool,
    /// Whether this process has seen a registry in the server.
    has_registry: AtomicBool,
    /// Whether `State::emptied` is set.
    is_emptied: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    findings: Findings,
    /// Why it last refused a command, unless it took one since.
    unfit: Option<Unfit>,
    /// It was emptied while this process used it.
    emptied: bool,
    /// Submissions and commands that were refused since it is unfit.
    turned_away: u64,
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
        self.change(|state| {
            state.findings.clone_from(findings);
            state.reason.clear();
        });
    }

    /// The server refused a command.
    pub(super) fn unfit(&self, unfit: Unfit) {
        self.change(|state| {
            state.unfit = Some(unfit);
            state.turned_away += 1;
        });
    }

    /// The server took a command that writes.
    pub(super) fn fit(&self) {
        if self.is_unfit.load(Ordering::Acquire) {
            self.change(|state| state.unfit = None);
        }
    }

    /// The server's registry is at this version; 0: it has none.
    ///
    /// # Errors
    /// `Unusable`: it had one before, so that it was emptied.
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

    /// Why nothing is written, where the server was emptied.
    pub(super) fn emptied_error(&self) -> Option<StoreError> {
        let emptied = self.is_emptied.load(Ordering::Acquire);
        emptied.then(|| StoreError::Unusable(EMPTIED.to_owned()))
    }

    /// Logs when the server becomes unfit, by another reason too, and when it is fit again: one line each, with how much was
    /// refused, and none by request.
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

    /// Why it could not be connected to.
    pub(super) fn set_reason(&self, reason: &str) {
        let Ok(mut state) = self.state.lock() else { return };
        if state.reason != reason {
            tracing::warn!(reason, "store.unreachable");
            reason.clone_into(&mut state.reason);
        }
    }

    /// The server has lost so many events that it had confirmed.
    pub(super) fn lost(&self, shard: Shard, events: u64) {
        tracing::error!(shard = shard.0, events, "store.lost_events");
        if let Ok(mut state) = self.state.lock() {
            state.lost = state.lost.saturating_add(events);
        }
    }

    /// Why the server must not be used, when it must not.
    pub(super) fn refused(&self) -> Option<String> {
        self.state.lock().ok()?.findings.refused.clone()
    }

    /// Why so many new submissions are not taken, when they are not.
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

    /// How it is, when it is down for this reason, or so many parts of a cluster do not answer.
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
    /// Why it keeps nothing that is sent to it, if so.
    fn unfit_for(&self) -> Option<String> {
        let refused = self.findings.refused.as_ref();
        let refused = refused.map(|reason| format!("Redis must not be used as it is set up: {reason}"));
        let emptied = self.emptied.then(|| EMPTIED.to_owned());
        let refused = refused.or(emptied);
        refused.or_else(|| self.unfit.map(|unfit| unfit.to_string()))
    }
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

/// Why an emptied server must not be used.
const EMPTIED: &str = "it was emptied: the tenants and events that were in it are gone; restore it, or start the gateways anew with --new-store";
/// The shards, and the registry.
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
