//! Setting of a chain: every plugin is resolved and checks its settings before anything is changed.

use std::sync::Arc;

use super::audit::AuditEntry;
use super::audit_record::AuditAction;
use super::chain_record::{CanaryRecord, ChainRecord, LimitsRecord, RunningRecord, StepRecord};
use super::components::{Among, Meaning, Resolved};
use super::edit::{Charge, TRIES};
use super::entry::Changes;
use super::entry::chain_entry;
use super::error::not_declared;
use super::record::encode;
use super::version::Requirement;
use super::{Actor, CanarySpec, ChainSpec, Place, Registry, RegistryError, StepSpec, Tenant};
use hookgate_domain::TenantId;
use hookgate_plugin_host::{Component, Config, OnFailure, StepLimits};

impl Registry {
    /// Sets one of a tenant's chains; without steps, events pass unchanged.
    /// Events in progress run either the previous chain or the new one.
    ///
    /// # Errors
    /// `NotFound`, `LimitReached`, `Invalid`, `StepInvalid`, `PluginUnknown`, `SettingsRefused`,
    /// `RedactionSkipped`, `Declared`, `Conflict`, `Store`.
    pub async fn set_chain(
        &self,
        tenant: &TenantId,
        place: Place,
        spec: ChainSpec,
        who: &Actor,
    ) -> Result<Arc<Tenant>, RegistryError> {
        self.check_size(&spec)?;
        let charge = if spec.steps.is_empty() {
            Charge::Free
        } else {
            Charge::Quota
        };
        for _ in 0..TRIES {
            let shared = self.shared().await?;
            let tenant_state = self.existing(tenant).await?;
            let among = Among {
                tenant_state: &tenant_state,
                shared: &shared,
            };
            let kept = tenant_state.chain_at(place);
            not_declared(kept.is_some_and(|chain| chain.declared), "chain")?;
            if let Place::Delivery(id) = place
                && !tenant_state.subscriptions.contains_key(&id)
            {
                return Err(RegistryError::NotFound("subscription"));
            }
            let mut changes = self.chain_change(among, place, &spec, false).await?;
            self.add_audit_entry(&tenant_state, &mut changes, who, set(kept, place, &spec));
            if changes.is_empty() || self.apply(&tenant_state, changes, charge).await? {
                // An operator's upload in the meantime moved the stored steps, but not these new
                // ones: resolve them again.
                if self.shared().await?.revision == shared.revision {
                    self.loaded(tenant, place).await;
                    return self.held_tenant(tenant);
                }
            }
        }
        Err(RegistryError::Conflict)
    }

    /// Changes that set this chain in these entries, after every step has been checked.
    pub(super) async fn chain_change(
        &self,
        among: Among<'_>,
        place: Place,
        spec: &ChainSpec,
        declared: bool,
    ) -> Result<Changes, RegistryError> {
        let kept = among.tenant_state.chain_at(place);
        if spec.steps.is_empty() {
            return Ok(kept.iter().map(|_| (chain_entry(place), None)).collect());
        }
        let mut steps = Vec::new();
        for (index, step) in spec.steps.iter().enumerate() {
            let before = kept.and_then(|kept| before(kept, index, step));
            steps.push(self.step_record(among, index, step, before).await?);
        }
        let record = ChainRecord::new(steps, declared);
        Ok(vec![(chain_entry(place), Some(encode(&record)))])
    }

    /// Stored form of a step, after its plugin has checked its settings.
    async fn step_record(
        &self,
        among: Among<'_>,
        index: usize,
        step: &StepSpec,
        before: Option<&StepRecord>,
    ) -> Result<StepRecord, RegistryError> {
        let resolved = self
            .check_version(among, index, step, step.version.as_deref())
            .await?;
        self.check_limits(index, &resolved.component, &step.limits)?;
        let digest = resolved.digest;
        let previous = before.and_then(StepRecord::running);
        let previous = match previous {
            Some(ran) if Some(&ran.digest) != digest.as_ref() => Some(ran),
            Some(_) | None => before.and_then(|before| before.previous.clone()),
        };
        let canary = match &step.canary {
            Some(canary) => Some(self.canary_record(among, index, step, canary).await?),
            None => None,
        };
        Ok(StepRecord {
            plugin: step.plugin.clone(),
            version: step.version.clone(),
            resolved: digest
                .is_some()
                .then(|| resolved.component.description.version.clone()),
            digest,
            previous,
            settings: step.settings.clone(),
            on_failure: step.on_failure.into(),
            limits: LimitsRecord::of(step.limits),
            canary,
        })
    }

    async fn canary_record(
        &self,
        among: Among<'_>,
        index: usize,
        step: &StepSpec,
        canary: &CanarySpec,
    ) -> Result<CanaryRecord, RegistryError> {
        let resolved = self
            .check_version(among, index, step, Some(&canary.version))
            .await?;
        let running = RunningRecord {
            version: resolved.component.description.version.clone(),
            digest: resolved.component.digest.clone(),
        };
        // Setting a chain restarts a stopped canary.
        Ok(CanaryRecord {
            version: canary.version.clone(),
            running,
            share: canary.share.millionths(),
            stopped: None,
        })
    }

    /// Effective limits of a component: the step's limits override the gateway's.
    pub(super) fn check_limits(
        &self,
        index: usize,
        component: &Component,
        limits: &StepLimits,
    ) -> Result<Option<Arc<Config>>, RegistryError> {
        let bounds = self.inner.components.bounds(component, limits);
        bounds.map_err(|(field, problem)| RegistryError::StepInvalid {
            step: index,
            field: format!("limits/{field}"),
            problem,
        })
    }

    /// Resolves a version for a step, and has it check the step's settings.
    pub(super) async fn check_version(
        &self,
        among: Among<'_>,
        index: usize,
        step: &StepSpec,
        version: Option<&str>,
    ) -> Result<Resolved, RegistryError> {
        let components = &self.inner.components;
        let bad = |problem: RegistryError| match problem {
            RegistryError::Invalid { field, problem } => RegistryError::StepInvalid {
                step: index,
                field: field.to_owned(),
                problem,
            },
            other => other,
        };
        let meaning = Meaning {
            among,
            plugin: &step.plugin,
            requirement: &Requirement::of(version).map_err(bad)?,
            asked: version,
        };
        let resolved = components.resolve(meaning).await?;
        if resolved.component.description.redacts && step.on_failure == OnFailure::Skip {
            return Err(RegistryError::RedactionSkipped { step: index });
        }
        let checked = components
            .check_settings(&among.tenant_state.id, &resolved.component, &step.settings)
            .await;
        let problems = checked.map_err(bad)?;
        if !problems.is_empty() {
            return Err(RegistryError::SettingsRefused {
                step: index,
                plugin: step.plugin.clone(),
                problems,
            });
        }
        Ok(resolved)
    }

    pub(super) fn check_size(&self, spec: &ChainSpec) -> Result<(), RegistryError> {
        let limit = self.inner.config.max_steps;
        if spec.steps.len() > limit {
            return Err(RegistryError::LimitReached {
                what: "steps of a chain",
                limit,
            });
        }
        let largest = self.inner.config.max_settings_size;
        let too_large = |step: &StepSpec| step.settings.len() > largest.bytes();
        match spec.steps.iter().position(too_large) {
            Some(step) => Err(RegistryError::StepInvalid {
                step,
                field: "settings".to_owned(),
                problem: format!("they are over {largest}"),
            }),
            None => Ok(()),
        }
    }
}

/// Predecessor of a step: same plugin and index, else the only step of that plugin.
fn before<'a>(kept: &'a ChainRecord, index: usize, step: &StepSpec) -> Option<&'a StepRecord> {
    let same = |record: &&StepRecord| record.plugin == step.plugin;
    let mut others = kept.steps.iter().filter(same);
    let only = others.next().filter(|_| others.next().is_none());
    kept.steps.get(index).filter(same).or(only)
}

/// History entries for setting a chain.
pub(super) fn set(kept: Option<&ChainRecord>, place: Place, spec: &ChainSpec) -> Vec<AuditEntry> {
    if spec.steps.is_empty() {
        return vec![AuditEntry::new(AuditAction::ChainRemoved).at(place)];
    }
    let names: Vec<_> = spec.steps.iter().map(|step| step.plugin.as_str()).collect();
    let mut entries = vec![
        AuditEntry::new(AuditAction::ChainSet)
            .at(place)
            .because(&names.join(", ")),
    ];
    for (index, step) in spec.steps.iter().enumerate() {
        let Some(canary) = &step.canary else { continue };
        let same = kept
            .and_then(|kept| before(kept, index, step))
            .and_then(|before| before.canary.as_ref())
            .is_some_and(|before| before.version == canary.version && before.stopped.is_none());
        if !same {
            let begun = AuditEntry::new(AuditAction::CanaryBegun)
                .at(place)
                .of(&step.plugin);
            entries.insert(0, begun.to(Some(&canary.version)));
        }
    }
    entries
}
