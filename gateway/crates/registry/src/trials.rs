//! Chains for dry runs: a tenant's own or a proposed one, runnable but not in force.

use std::sync::Arc;

use bytes::Bytes;

use super::components::{Among, parse_settings};
use super::{ChainSpec, Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_plugin_host::{Chain, Step};

/// Chain of a dry run.
#[derive(Debug)]
pub struct TrialChain {
    /// Runnable chain.
    pub chain: Arc<Chain>,
    /// Bytes of each step's component, where they are available.
    pub sources: Vec<Option<Bytes>>,
}

impl Registry {
    /// Builds a chain from a specification like [`Registry::set_chain`], without setting it.
    ///
    /// # Errors
    /// `NotFound`, `LimitReached`, `StepInvalid`, `PluginUnknown`, `SettingsRefused`,
    /// `RedactionSkipped`, `Store`.
    pub async fn trial_chain(
        &self,
        tenant: &TenantId,
        spec: &ChainSpec,
    ) -> Result<TrialChain, RegistryError> {
        self.check_size(spec)?;
        let tenant_state = self.existing(tenant).await?;
        let shared = self.shared().await?;
        let among = Among {
            tenant_state: &tenant_state,
            shared: &shared,
        };
        let components = &self.inner.components;
        let mut steps = Vec::with_capacity(spec.steps.len());
        let mut sources = Vec::with_capacity(spec.steps.len());
        for (index, step) in spec.steps.iter().enumerate() {
            let asked = step.version.as_deref();
            let resolved = self.check_version(among, index, step, asked).await?;
            let component = resolved.component;
            sources.push(components.source(&component.digest).await?);
            let settings = parse_settings(&step.settings)?;
            let bounds = self.check_limits(index, &component, &step.limits)?;
            let mut made = Step::new(step.plugin.clone(), Some(component), settings, step.on_failure);
            made.bounds = bounds;
            steps.push(made);
        }
        Ok(TrialChain {
            chain: Arc::new(components.host().chain(tenant, steps)),
            sources,
        })
    }
}
