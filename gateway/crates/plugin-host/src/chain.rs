//! A chain that is ready to run: its steps with their components and settings. The registry builds
//! it.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::budget::Budget;
use super::canary::Canary;
use super::version_stats::VersionStats;
use super::{Component, Config};
use hookgate_domain::units::{Size, Span};
use hookgate_json::Document;

/// Steps of a chain, ready to run.
#[derive(Debug)]
pub struct Chain {
    /// In order; at most `plugins.steps`.
    pub steps: Vec<Step>,
    /// CPU budget that the chain's time is charged to, if the tenant has one.
    pub budget: Option<Arc<Budget>>,
}

impl From<Vec<Step>> for Chain {
    /// Creates a chain without a CPU budget.
    fn from(steps: Vec<Step>) -> Self {
        Self { steps, budget: None }
    }
}

/// One step of a chain.
#[derive(Debug)]
pub struct Step {
    /// The plugin's name.
    pub name: String,
    /// Component to run; `None`: it could not be loaded, and every call fails as `missing`.
    pub component: Option<Arc<Component>>,
    /// Settings, checked by the plugin when they were set.
    pub settings: Arc<Document>,
    /// Effect of a failure of this step.
    pub on_failure: OnFailure,
    /// The host's limits, lowered for this step; `None`: the host's limits.
    pub bounds: Option<Arc<Config>>,
    /// Circuit breaker of this version; `None`: the step has none.
    pub breaker: Option<Arc<Breaker>>,
    /// Canary: another version for a share of the events.
    pub canary: Option<Canary>,
    /// Counters and log of this version; `None`: calls are not recorded.
    pub account: Option<Arc<VersionStats>>,
}

/// Limits of a step's calls, at most as high as the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepLimits {
    /// Processor time.
    pub deadline: Option<Duration>,
    /// Linear memory, in bytes.
    pub memory: Option<usize>,
    /// Log, in bytes.
    pub log: Option<usize>,
}

/// Effect of a step's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The event is not accepted, or the attempt fails.
    #[default]
    Fail,
    /// The chain continues without the step, and the event records the failure.
    Skip,
}

impl StepLimits {
    /// Caps each limit at the host's present one.
    ///
    /// The host's limit may have been lowered since the step was set.
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

    /// Returns the host's limits with these applied; `None`: no limit is set here.
    ///
    /// # Errors
    /// The limit (`deadline`, `memory`, `log`) that is zero or above the host's, and a message.
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
    /// Creates a step under the host's limits.
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

    /// Version that the component declares; empty if it could not be loaded.
    pub fn release(&self) -> &str {
        let component = self.component.as_ref();
        component.map_or("", |component| &component.description.version)
    }

    /// First digits of the component's digest; empty if it could not be loaded.
    pub fn version(&self) -> &str {
        let digest = self.component.as_ref().map_or("", |component| &component.digest);
        digest.get(..VERSION_DIGITS).unwrap_or(digest)
    }

    /// Effect of a failure of this step.
    ///
    /// A step that redacts is never skipped, even if its settings allow it.
    pub fn policy(&self) -> OnFailure {
        let redacts = self
            .component
            .as_ref()
            .is_some_and(|component| component.description.redacts);
        if redacts { OnFailure::Fail } else { self.on_failure }
    }
}

const VERSION_DIGITS: usize = 12;
