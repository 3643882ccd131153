//! A chain as it is run: its steps with their components and settings. The registry builds it.

use std::sync::Arc;

use super::Component;
use crate::document::Document;

/// The steps of a chain, ready to run.
#[derive(Debug)]
pub struct Chain {
    /// In order, at most the configured number.
    pub steps: Vec<Step>,
}

/// One place in a chain.
#[derive(Debug)]
pub struct Step {
    /// The plugin's name.
    pub name: String,
    /// The component that is run; `None`: it could not be loaded, every call fails as `missing`.
    pub component: Option<Arc<Component>>,
    /// Checked by the plugin when they were set.
    pub settings: Arc<Document>,
    /// What a failure of this step means.
    pub on_failure: OnFailure,
}

/// What a failure of a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The event is not accepted, or the attempt fails.
    #[default]
    Fail,
    /// Go on without the step, and say so on the event.
    Skip,
}

impl Step {
    /// What a failure of this step means: a step that redacts is never skipped, whatever was set.
    pub fn policy(&self) -> OnFailure {
        let redacts = self
            .component
            .as_ref()
            .is_some_and(|component| component.description.redacts);
        if redacts { OnFailure::Fail } else { self.on_failure }
    }
}
