//! A chain of a tenant as a snapshot has it: what was asked for, what its steps run, and how far its components are loaded.
//!
//! A snapshot is published before the components of its chains are loaded (`loads`). Until then the chain is *loading*: its
//! events are refused or wait, and none is processed by the chain before it.

use std::sync::Arc;

use super::chain_record::{ChainRecord, StepRecord};
use super::{ChainSpec, StepState};
use hookgate_plugin_host::Chain;

/// A chain of a tenant.
#[derive(Debug, Clone)]
pub struct TenantChain {
    /// As it was asked for.
    pub spec: ChainSpec,
    /// What its steps run at present, one for each.
    pub states: Vec<StepState>,
    /// As it is run. While it is loading, every step whose component is not there yet fails as `missing`.
    pub run: Arc<Chain>,
    /// As it is stored.
    pub(super) source: Arc<ChainRecord>,
    /// Components that its steps and canaries had to be built without.
    pub(super) lacking: Vec<Wanted>,
    /// Whether one of them is a step's own and may still come: it was not tried in vain.
    pub(super) is_loading: bool,
}

/// A component that is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub digest: String,
    /// The name of the plugin that it is, for the log.
    pub plugin: String,
    pub role: Role,
}

/// Which events need a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// All of them: it is a step's own.
    Step,
    /// Some of them: it is a canary, without which the step runs its own.
    Canary,
}

impl Wanted {
    pub(super) fn new(step: &StepRecord, digest: &str, role: Role) -> Self {
        Self {
            digest: digest.to_owned(),
            plugin: step.plugin.clone(),
            role,
        }
    }
}

impl TenantChain {
    /// Tells whether it cannot run yet: a step's component is being loaded.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }
}
