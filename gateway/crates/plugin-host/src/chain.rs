//! A chain as it is run: its steps with their components and settings. The registry builds it.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::budget::Budget;
use super::canary::Canary;
use super::version_stats::VersionStats;
use super::{Component, Config};
use hookgate_domain::units::{Size, Span};
use hookgate_json::Document;

/// The steps of a chain, ready to run.
#[derive(Debug)]
pub struct Chain {
    /// In order, at most the configured number.
    pub steps: Vec<Step>,
    /// The account that its time is charged to, if the tenant has one.
    pub budget: Option<Arc<Budget>>,
}

impl From<Vec<Step>> for Chain {
    /// Whose time is charged to nobody.
    fn from(steps: Vec<Step>) -> Self {
        Self { steps, budget: None }
    }
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
    /// The host's limits, lowered for this step; `None`: as they are.
    pub bounds: Option<Arc<Config>>,
    /// What keeps it from being called when it was stopped too often; `None`: nothing does.
    pub breaker: Option<Arc<Breaker>>,
    /// Another version for a share of the events.
    pub canary: Option<Canary>,
    /// Where its calls are counted and told; `None`: nowhere.
    pub account: Option<Arc<VersionStats>>,
}

/// What a call of a step may use, where that is less than the host lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepLimits {
    /// Processor time.
    pub deadline: Option<Duration>,
    /// Linear memory, in bytes.
    pub memory: Option<usize>,
    /// Log, in bytes.
    pub log: Option<usize>,
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

impl StepLimits {
    /// As much of each as the host lets a step have now: it may have been lowered since they were set.
    #[must_use]
    pub fn within(&self, host: &Config) -> Self {
        Self {
            deadline: self
                .deadline
                .map(|deadline| deadline.min(host.call_deadline.get())),
            memory: self.memory.map(|memory| memory.min(host.memory.bytes())),
            log: self.log.map(|log| log.min(host.log.bytes())),
        }
    }

    /// The host's limits with these in their place; `None`: these say nothing.
    ///
    /// # Errors
    /// Which of them (`deadline`, `memory`, `log`) is nothing or over the host's, and in which words.
    pub(super) fn lower(&self, host: &Config) -> Result<Option<Config>, (&'static str, String)> {
        if *self == Self::default() {
            return Ok(None);
        }
        let mut lowered = host.clone();
        if let Some(deadline) = self.deadline {
            let most = host.call_deadline;
            if deadline.is_zero() || deadline > most.get() {
                let key = host.key("call_deadline");
                let problem = format!("it is over 0s and at most {most} (`{key}`)");
                return Err(("deadline", problem));
            }
            lowered.call_deadline =
                Span::from_micros(u64::try_from(deadline.as_micros()).unwrap_or(u64::MAX));
        }
        if let Some(memory) = self.memory {
            lowered.memory = lower("memory", memory, host.memory, &host.key("memory"))?;
        }
        if let Some(log) = self.log {
            lowered.log = lower("log", log, host.log, "plugins.log")?;
        }
        Ok(Some(lowered))
    }
}

fn lower(field: &'static str, bytes: usize, most: Size, key: &str) -> Result<Size, (&'static str, String)> {
    if bytes == 0 || bytes > most.bytes() {
        return Err((field, format!("it is over 0 bytes and at most {most} (`{key}`)")));
    }
    Ok(Size::from_bytes(u64::try_from(bytes).unwrap_or(u64::MAX)))
}

impl Step {
    /// A step under the host's limits.
    pub fn new(
        name: String,
        component: Option<Arc<Component>>,
        settings: Arc<Document>,
        on_failure: OnFailure,
    ) -> Self {
        Self {
            name,
            component,
            settings,
            on_failure,
            bounds: None,
            breaker: None,
            canary: None,
            account: None,
        }
    }

    /// The version that the component says of itself; empty where it could not be loaded.
    pub fn release(&self) -> &str {
        let component = self.component.as_ref();
        component.map_or("", |component| &component.description.version)
    }

    /// The first digits of the component's digest; empty where it could not be loaded.
    pub fn version(&self) -> &str {
        let digest = self.component.as_ref().map_or("", |component| &component.digest);
        digest.get(..VERSION_DIGITS).unwrap_or(digest)
    }

    /// What a failure of this step means: a step that redacts is never skipped, whatever was set.
    pub fn policy(&self) -> OnFailure {
        let redacts = self
            .component
            .as_ref()
            .is_some_and(|component| component.description.redacts);
        if redacts { OnFailure::Fail } else { self.on_failure }
    }
}

const VERSION_DIGITS: usize = 12;
