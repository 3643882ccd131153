//! Setting a tenant's ingress chain: every step's plugin is found, and checks its settings, before anything is changed.

use std::sync::Arc;

use super::apply::{Changes, TRIES};
use super::draft::{CHAIN, Draft};
use super::record::{ChainRecord, StepRecord, VERSION, encode};
use super::tenants::not_declared;
use super::{ChainSpec, Registry, RegistryError, StepSpec, Tenant};
use crate::domain::TenantId;
use crate::plugin::{Component, OnFailure};

impl Registry {
    /// Sets a tenant's ingress chain; no steps: events pass as they are. The events that are being accepted meanwhile
    /// see the chain before or the chain after.
    ///
    /// # Errors
    /// `NotFound`, `LimitReached`, `Invalid`, `PluginUnknown`, `SettingsRefused`, `RedactionSkipped`, `Declared`,
    /// `Conflict`, `Store`.
    pub async fn set_chain(&self, tenant: &TenantId, spec: ChainSpec) -> Result<Arc<Tenant>, RegistryError> {
        self.check_size(&spec)?;
        for _ in 0..TRIES {
            let draft = self.existing(tenant).await?;
            not_declared(draft.chain.as_ref().is_some_and(|chain| chain.declared), "chain")?;
            let changes = self.chain_change(&draft, &spec, false).await?;
            if changes.is_empty() || self.apply(tenant, draft.revision, changes).await? {
                return self.held_tenant(tenant);
            }
        }
        Err(RegistryError::Conflict)
    }

    /// What setting this chain changes in these entries, after every step has been checked.
    pub(super) async fn chain_change(
        &self,
        draft: &Draft,
        spec: &ChainSpec,
        declared: bool,
    ) -> Result<Changes, RegistryError> {
        if spec.steps.is_empty() {
            let there = draft.chain.iter();
            return Ok(there.map(|_| (CHAIN.to_owned(), None)).collect());
        }
        let mut steps = Vec::new();
        for (index, step) in spec.steps.iter().enumerate() {
            let (_, digest) = self.check_step(draft, index, step).await?;
            steps.push(StepRecord::from_spec(step, digest));
        }
        let record = ChainRecord {
            v: VERSION,
            steps,
            declared,
        };
        Ok(vec![(CHAIN.to_owned(), Some(encode(&record)))])
    }

    /// Checks a step; its component, and the digest that it is pinned to, if it is.
    pub(super) async fn check_step(
        &self,
        draft: &Draft,
        index: usize,
        step: &StepSpec,
    ) -> Result<(Arc<Component>, Option<String>), RegistryError> {
        let components = &self.inner.components;
        let (component, pin) = components
            .resolve(draft, &step.plugin, step.version.as_deref())
            .await?;
        if component.description.redacts && step.on_failure == OnFailure::Skip {
            return Err(RegistryError::RedactionSkipped { step: index });
        }
        let problems = components.check_settings(&component, &step.settings).await?;
        if !problems.is_empty() {
            return Err(RegistryError::SettingsRefused {
                step: index,
                plugin: step.plugin.clone(),
                problems,
            });
        }
        Ok((component, pin))
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
        if spec
            .steps
            .iter()
            .any(|step| step.settings.len() > largest.bytes())
        {
            return Err(RegistryError::invalid(
                "settings",
                format!("they are over {largest}"),
            ));
        }
        Ok(())
    }
}
