//! Chain of a tenant in a snapshot: specification, versions of its steps, and loading state.
//!
//! A snapshot is published before the components of its chains are loaded (`loads`). Until then the
//! chain is *loading*: its events are refused or wait, and the previous chain processes none of
//! them.

use std::sync::Arc;

use super::chain_record::{ChainRecord, StepRecord};
use super::{ChainSpec, StepState};
use hookgate_plugin_host::Chain;

/// Chain of a tenant.
#[derive(Debug, Clone)]
pub struct TenantChain {
    /// Requested chain.
    pub spec: ChainSpec,
    /// Version that each step runs at present.
    pub states: Vec<StepState>,
    /// Runnable chain. While it is loading, every step with a missing component fails as `missing`.
    pub run: Arc<Chain>,
    /// Stored form.
    pub(super) source: Arc<ChainRecord>,
    /// Components that its steps and canaries lack.
    pub(super) lacking: Vec<Wanted>,
    /// Set while a step's own component may still be loaded: its load has not failed.
    pub(super) is_loading: bool,
}

/// Component to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub digest: String,
    /// Name of its plugin, for the log.
    pub plugin: String,
    pub role: Role,
}

/// Role of a component in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A step's own component: all events need it.
    Step,
    /// A canary's component: without it the step runs its own.
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
    /// Returns `true` while the chain cannot run because a step's component is being loaded.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }
}
