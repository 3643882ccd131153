//! Version upgrades of steps that follow the latest version or a range.
//! When another version is uploaded, a step moves if that version accepts its settings; otherwise
//! it keeps its version, and the upload's response reports it.

use std::sync::Arc;

use super::audit::AuditEntry;
use super::audit_record::AuditAction;
use super::chain_record::{RunningRecord, StepRecord};
use super::components::{Among, Meaning};
use super::edit::{Charge, TRIES};
use super::entry::Changes;
use super::entry::chain_entry;
use super::record::encode;
use super::version::Requirement;
use super::{Actor, Place, Registry, RegistryError, StepMove, StepState, Tenant};
use hookgate_domain::TenantId;
use hookgate_plugin_host::{Component, OnFailure, SettingsProblem};

/// Changes of chains caused by an upload.
#[derive(Debug, Default)]
pub(super) struct Upgraded {
    pub changes: Changes,
    pub steps: Vec<StepMove>,
    pub entries: Vec<AuditEntry>,
}

/// Step, or its canary, that may move to another version.
struct Candidate<'a> {
    place: Place,
    step: usize,
    canary: bool,
    record: &'a StepRecord,
    asked: Option<&'a str>,
    running: Option<RunningRecord>,
}

impl Registry {
    /// Moves the steps that name a plugin, given the plugin's versions in these entries.
    pub(super) async fn moved(&self, among: Among<'_>, plugin: &str) -> Result<Upgraded, RegistryError> {
        let mut moved = Upgraded::default();
        for (place, chain) in among.tenant_state.chains() {
            let mut next = chain.clone();
            for (step, record) in chain.steps.iter().enumerate() {
                if record.plugin != plugin {
                    continue;
                }
                for candidate in candidates(place, step, record) {
                    let (step, canary) = (candidate.step, candidate.canary);
                    if let Some(running) = self.try_upgrade(among, candidate, &mut moved).await? {
                        next.steps[step].go_over(running, canary);
                    }
                }
            }
            if moved
                .steps
                .iter()
                .any(|step| step.place == place && step.refused.is_empty())
            {
                moved.changes.push((chain_entry(place), Some(encode(&next))));
            }
        }
        Ok(moved)
    }

    /// Moves one step, if another version fits its requirement.
    async fn try_upgrade(
        &self,
        among: Among<'_>,
        candidate: Candidate<'_>,
        moved: &mut Upgraded,
    ) -> Result<Option<RunningRecord>, RegistryError> {
        let requirement = Requirement::of(candidate.asked)?;
        if !requirement.moves() {
            return Ok(None);
        }
        let plugin = candidate.record.plugin.as_str();
        let meaning = Meaning {
            among,
            plugin,
            requirement: &requirement,
            asked: candidate.asked,
        };
        let resolved = match self.inner.components.resolve(meaning).await {
            Ok(resolved) => resolved,
            // No version fits the range any more: the step keeps its version.
            Err(RegistryError::PluginUnknown { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let to = RunningRecord {
            version: resolved.component.description.version.clone(),
            digest: resolved.component.digest.clone(),
        };
        if candidate
            .running
            .as_ref()
            .is_some_and(|from| from.digest == to.digest)
        {
            return Ok(None);
        }
        let refused = self
            .refusals(&among.tenant_state.id, &resolved.component, candidate.record)
            .await?;
        let from = candidate.running.map(|from| from.version);
        let deed = if refused.is_empty() {
            AuditAction::Upgraded
        } else {
            AuditAction::Kept
        };
        let mut entry = AuditEntry::new(deed).at(candidate.place).of(plugin);
        entry = entry.from(from.as_deref()).to(Some(&to.version));
        if let Some(first) = refused.first() {
            entry = entry.because(&format!("{}: {}", first.pointer, first.message));
        }
        moved.entries.push(entry);
        let goes = refused.is_empty();
        moved.steps.push(StepMove {
            tenant: among.tenant_state.id.clone(),
            place: candidate.place,
            step: candidate.step,
            canary: candidate.canary,
            from,
            to: Some(to.version.clone()),
            refused,
        });
        Ok(goes.then_some(to))
    }

    /// Reasons why a version cannot replace a step's version.
    async fn refusals(
        &self,
        tenant: &TenantId,
        component: &Arc<Component>,
        record: &StepRecord,
    ) -> Result<Vec<SettingsProblem>, RegistryError> {
        let problem = |pointer: &str, message: String| SettingsProblem {
            pointer: pointer.to_owned(),
            message,
        };
        if component.description.redacts && record.on_failure() == OnFailure::Skip {
            let message = "this version redacts, so the step's failure must stop the event: `fail`";
            return Ok(vec![problem("/on_failure", message.to_owned())]);
        }
        let checked = self
            .inner
            .components
            .check_settings(tenant, component, &record.settings)
            .await;
        match checked {
            Ok(problems) => Ok(problems
                .into_iter()
                .map(|found| problem(&format!("/settings{}", found.pointer), found.message))
                .collect()),
            // It failed to answer and would fail at events too.
            Err(RegistryError::Invalid { problem: words, .. }) => Ok(vec![problem("/settings", words)]),
            Err(error) => Err(error),
        }
    }

    /// Moves the steps of all tenants that name one of the operator's plugins.
    /// Tenant by tenant, all steps of a tenant at once.
    pub(super) async fn upgrade_tenants(
        &self,
        plugin: &str,
        who: &Actor,
    ) -> Result<Vec<StepMove>, RegistryError> {
        self.catch_up().await?;
        let mut steps = Vec::new();
        for tenant in self.tenants() {
            let named = tenant.states().any(|(_, name, _)| name == plugin);
            if named {
                steps.extend(self.upgrade_tenant(&tenant.id, plugin, who).await?);
            }
        }
        Ok(steps)
    }

    async fn upgrade_tenant(
        &self,
        tenant: &TenantId,
        plugin: &str,
        who: &Actor,
    ) -> Result<Vec<StepMove>, RegistryError> {
        for _ in 0..TRIES {
            let shared = self.shared().await?;
            let Some(tenant_state) = self.tenant_state(tenant).await? else {
                return Ok(Vec::new());
            };
            if tenant_state.plugins.contains_key(plugin) {
                return Ok(Vec::new());
            }
            let among = Among {
                tenant_state: &tenant_state,
                shared: &shared,
            };
            let moved = self.moved(among, plugin).await?;
            let mut changes = moved.changes;
            self.add_audit_entry(&tenant_state, &mut changes, who, moved.entries);
            if changes.is_empty() || self.apply(&tenant_state, changes, Charge::Free).await? {
                return Ok(moved.steps);
            }
        }
        Err(RegistryError::Conflict)
    }
}

impl StepRecord {
    /// Switches the step, or its canary, to another version.
    fn go_over(&mut self, to: RunningRecord, canary: bool) {
        match &mut self.canary {
            Some(record) if canary => {
                record.running = to;
                record.stopped = None;
            }
            _ => {
                self.previous = self.running();
                self.digest = Some(to.digest);
                self.resolved = Some(to.version);
            }
        }
    }
}

impl Tenant {
    /// All steps of all chains: the chain's place, the plugin and the current version.
    pub(super) fn states(&self) -> impl Iterator<Item = (Place, &str, &StepState)> {
        let ingress = self.chain_spec.steps.iter().zip(&self.chain_states);
        let ingress = ingress.map(|(spec, state)| (Place::Ingress, spec.plugin.as_str(), state));
        let delivery = self.delivery.iter().flat_map(|(id, chain)| {
            let steps = chain.spec.steps.iter().zip(&chain.states);
            steps.map(|(spec, state)| (Place::Delivery(*id), spec.plugin.as_str(), state))
        });
        ingress.chain(delivery)
    }
}

/// Candidates of a step: the step itself and its canary.
fn candidates(place: Place, step: usize, record: &StepRecord) -> Vec<Candidate<'_>> {
    let itself = Candidate {
        place,
        step,
        canary: false,
        record,
        asked: record.version.as_deref(),
        running: record.running(),
    };
    let canary = record.canary.as_ref().map(|canary| Candidate {
        place,
        step,
        canary: true,
        record,
        asked: Some(&canary.version),
        running: Some(canary.running.clone()),
    });
    std::iter::once(itself).chain(canary).collect()
}
