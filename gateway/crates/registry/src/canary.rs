//! Canary promotion and roll-back: on request, and automatic stops of failing canaries.

use tracing::warn;

use super::audit::AuditEntry;
use super::audit_record::AuditAction;
use super::chain_record::{ChainRecord, RunningRecord, StepRecord, StoppedRecord};
use super::entry::Changes;
use super::entry::chain_entry;
use super::error::not_declared;
use super::record::encode;
use super::tenant_state::TenantState;
use super::{Actor, Place, Registry, RegistryError, StepMove};
use hookgate_domain::TenantId;
use hookgate_plugin_host::{Incident, Tripped};

/// Operation on the steps of one plugin: its input, and the changes and history entries so far.
struct Turn<'a> {
    tenant_state: &'a TenantState,
    plugin: &'a str,
    changes: Changes,
    steps: Vec<StepMove>,
    entries: Vec<AuditEntry>,
}

impl Registry {
    /// Promotes a plugin's canaries in all of a tenant's chains at once.
    /// Each step is pinned to its canary's version.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (there is no canary), `Declared`, `Conflict`, `Store`.
    pub async fn promote(
        &self,
        tenant: &TenantId,
        plugin: &str,
        who: &Actor,
    ) -> Result<Vec<StepMove>, RegistryError> {
        self.turn(tenant, plugin, who, |step| {
            let canary = step.canary.as_ref().filter(|canary| canary.stopped.is_none())?;
            let to = canary.running.clone();
            step.canary = None;
            Some((AuditAction::Promoted, true, step.pin(to)))
        })
        .await
    }

    /// Rolls a plugin back in all of a tenant's chains at once.
    /// Stops its canaries; a step without a running canary is pinned to the version that it ran
    /// before.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (no canary and no previous version), `Declared`, `Conflict`,
    /// `Store`.
    pub async fn roll_back(
        &self,
        tenant: &TenantId,
        plugin: &str,
        who: &Actor,
    ) -> Result<Vec<StepMove>, RegistryError> {
        let at = self.inner.clock.now().as_micros();
        self.turn(tenant, plugin, who, move |step| {
            let running = step.running().map(|ran| ran.version);
            let canary = step.canary.as_mut().filter(|canary| canary.stopped.is_none());
            if let Some(canary) = canary {
                let from = canary.running.version.clone();
                canary.stopped = Some(StoppedRecord {
                    at,
                    reason: "it was rolled back by hand".to_owned(),
                });
                return Some((
                    AuditAction::CanaryStopped,
                    true,
                    (Some(from), running.unwrap_or_default()),
                ));
            }
            let to = step.previous.take()?;
            Some((AuditAction::RolledBack, false, step.pin(to)))
        })
        .await
    }

    /// Stops a canary that failed too often. Returns `false` if it was stopped or replaced already.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Store`.
    pub(super) async fn stop_failing_canary(&self, tripped: &Tripped) -> Result<bool, RegistryError> {
        let what = &tripped.what;
        let reason = format!("{} of {} calls failed", tripped.failures, tripped.calls);
        let at = self.inner.clock.now().as_micros();
        let place: Place = what.place.parse().map_err(|_| RegistryError::NotFound("chain"))?;
        self.change_freely(&what.tenant, |tenant_state| {
            let Some(chain) = tenant_state.chain_at(place) else {
                return Ok((Vec::new(), false));
            };
            let (mut next, mut entries) = (chain.clone(), Vec::new());
            for step in next.steps.iter_mut().filter(|step| step.plugin == what.plugin) {
                let to = step.running().map(|ran| ran.version);
                let Some(canary) = &mut step.canary else { continue };
                if canary.stopped.is_some() || canary.running.digest != what.digest {
                    continue;
                }
                canary.stopped = Some(StoppedRecord {
                    at,
                    reason: reason.clone(),
                });
                let entry = AuditEntry::new(AuditAction::CanaryStopped)
                    .at(place)
                    .of(&what.plugin);
                let from = Some(canary.running.version.as_str());
                entries.push(entry.from(from).to(to.as_deref()).because(&reason));
            }
            if entries.is_empty() {
                return Ok((Vec::new(), false));
            }
            let mut changes = vec![(chain_entry(place), Some(encode(&next)))];
            self.add_audit_entry(tenant_state, &mut changes, &Actor::Automatic, entries);
            Ok((changes, true))
        })
        .await
    }

    /// Stops a canary for [`Sync`](super::Sync) and reports the incident.
    /// A missing chain or tenant is no error; an unavailable store is returned for `Sync` to
    /// report.
    pub(super) async fn roll_back_failing(&self, tripped: &Tripped) -> Result<(), RegistryError> {
        let what = &tripped.what;
        match self.stop_failing_canary(tripped).await {
            Ok(true) => {
                warn!(
                    tenant = %what.tenant,
                    plugin = what.plugin,
                    version = what.digest.get(..12),
                    count = tripped.failures,
                    "canary.stopped"
                );
                let stopped = Incident::CanaryStopped(tripped.clone());
                self.host().incidents().tell(stopped);
            }
            Ok(false) | Err(RegistryError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Applies an operation to every step of a plugin that it is possible for.
    /// `each` returns the action for the history, `true` if it concerns the canary, and the
    /// versions before and after.
    async fn turn(
        &self,
        tenant: &TenantId,
        plugin: &str,
        who: &Actor,
        each: impl Fn(&mut StepRecord) -> Option<(AuditAction, bool, (Option<String>, String))>,
    ) -> Result<Vec<StepMove>, RegistryError> {
        let steps = self.change_freely(tenant, |tenant_state| {
            let mut turn = Turn {
                tenant_state,
                plugin,
                changes: Vec::new(),
                steps: Vec::new(),
                entries: Vec::new(),
            };
            for (place, chain) in tenant_state.chains() {
                turn.chain(place, chain, &each)?;
            }
            if turn.steps.is_empty() {
                let words =
                    format!("no step of `{plugin}` has a canary that runs, or a version to go back to");
                return Err(RegistryError::WrongState(words));
            }
            self.add_audit_entry(tenant_state, &mut turn.changes, who, turn.entries);
            Ok((turn.changes, turn.steps))
        });
        let steps = steps.await?;
        for step in &steps {
            self.loaded(tenant, step.place).await;
        }
        Ok(steps)
    }
}

impl Turn<'_> {
    fn chain(
        &mut self,
        place: Place,
        chain: &ChainRecord,
        each: impl Fn(&mut StepRecord) -> Option<(AuditAction, bool, (Option<String>, String))>,
    ) -> Result<(), RegistryError> {
        let mut next = chain.clone();
        let done = self.steps.len();
        for (index, step) in next.steps.iter_mut().enumerate() {
            if step.plugin != self.plugin {
                continue;
            }
            let Some((deed, canary, (from, to))) = each(step) else {
                continue;
            };
            // The declared version of a step stays in force: only a canary can be stopped.
            not_declared(chain.declared && deed != AuditAction::CanaryStopped, "chain")?;
            let entry = AuditEntry::new(deed).at(place).of(self.plugin);
            self.entries.push(entry.from(from.as_deref()).to(Some(&to)));
            self.steps.push(StepMove {
                tenant: self.tenant_state.id.clone(),
                place,
                step: index,
                canary,
                from,
                to: Some(to),
                refused: Vec::new(),
            });
        }
        if self.steps.len() > done {
            self.changes.push((chain_entry(place), Some(encode(&next))));
        }
        Ok(())
    }
}

impl StepRecord {
    /// Pins the step to this version. Returns the versions before and after.
    fn pin(&mut self, to: RunningRecord) -> (Option<String>, String) {
        let before = self.running();
        let versions = (before.as_ref().map(|ran| ran.version.clone()), to.version.clone());
        self.previous = before;
        self.version = Some(to.version.clone());
        self.resolved = Some(to.version);
        self.digest = Some(to.digest);
        versions
    }
}
