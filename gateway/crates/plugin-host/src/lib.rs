//! Plugin host: runs a tenant's chain of components on an event's document, under limits.
//!
//! [`Host`] is the handle. Loading: `upload` checks a component, `loader` compiles it (`compile`,
//! in a child process) or finds its artifact (`artifact`), `machine_code` maps the code, and
//! `code_cache` links it and keeps it loaded. The component's `class` selects its `engine` and its
//! limits.
//!
//! Running: `run` waits for the tenant's turn in the `queue`. Tenants with long calls
//! (`long_calls`, `cpu_debt`) run at background priority. Then `run` executes the chain on a guest
//! thread: `call` makes a fresh instance for each step, and `step_verdict` checks the step's
//! verdict against its phase. A tenant's other work, such as filters and schemas, takes the same
//! turns in its `lane`. `trial` runs an event the same way as a dry run and reports all of it, with
//! the `fuel` that it took.
//!
//! `imports` defines the functions that a guest can call, `guest` and `deadline` its limits, and
//! `failure` the cause of a stop. `version_stats` and `log_buffer` hold the counters and the log of
//! each version; `incidents` informs operators.
//!
//! A call ends by itself, by a trap or by a limit; its changes to its memory do not outlive it. The
//! host does not depend on the store or the server, and no plugin's text ever reaches the gateway's
//! log.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

mod artifact;
mod bindings;
mod breaker;
mod budget;
mod call;
mod canary;
mod chain;
mod class;
mod code_cache;
mod compile;
mod component;
mod config;
mod cpu_debt;
mod cpu_time;
mod deadline;
mod engine;
mod failure;
mod fuel;
mod guest;
mod host;
mod imports;
mod incidents;
mod lane;
mod loader;
mod log;
mod log_buffer;
mod long_calls;
mod machine_code;
mod patterns;
mod pseudonyms;
mod queue;
mod run;
mod sandbox;
mod step_verdict;
#[cfg(test)]
pub(crate) mod tests;
mod ticker;
mod traced;
mod trial;
mod upload;
mod version_stats;
mod weak_map;

pub use artifact::Artifacts;
pub use breaker::{Breaker, BreakerConfig, BreakerState};
pub use budget::Budget;
pub use canary::{Canary, CanaryConfig, Tripped, Watch, Watched};
pub use chain::{Chain, OnFailure, Step, StepLimits};
pub use class::{Class, LargeConfig};
pub use compile::{Compiler, SUBCOMMAND, run_child};
pub use component::{Component, Description};
pub use config::Config;
pub use failure::Failure;
pub use host::Host;
pub use incidents::{Incident, Incidents};
pub use lane::{LaneRefusal, TenantLane};
pub use loader::ComponentLoader;
pub use log::{Level, LogLine};
pub use log_buffer::{Entry, Lines, LogBuffer, LogBufferConfig, Origin, Wanted};
pub use sandbox::Confinement;
pub use trial::{Figures, Trial, Tried, TriedStep};
pub use upload::UploadError;
pub use version_stats::{Observation, Version, VersionStats};
pub use weak_map::WeakMap;

use std::sync::Arc;
use std::time::Duration;

use hookgate_domain::event::StepReport;
use hookgate_domain::units::Span;
use hookgate_domain::{EventId, EventType, SubscriptionId, TenantId, Timestamp};
use hookgate_json::Document;

/// Phase of an event's life in which a chain runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Once per event, before it is stored.
    Ingress,
    /// Once per delivery, before it is signed.
    Delivery {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Target subscription; `None`: the event's own endpoint.
        subscription: Option<SubscriptionId>,
    },
}

/// One run of a chain on an event.
#[derive(Debug)]
pub struct Call {
    /// Tenant; the fair queue schedules by it.
    pub tenant: TenantId,
    /// Chain to run; never empty.
    pub chain: Arc<Chain>,
    /// The event's id.
    pub id: EventId,
    /// The event's type.
    pub kind: EventType,
    /// Time at which the event was created.
    pub created: Timestamp,
    /// Phase in which the chain runs.
    pub phase: Phase,
    /// The producer's notes: plugins read them, and can change them at ingress.
    pub metadata: Arc<Document>,
    /// Document that the plugins read and change.
    pub data: Document,
}

/// Result of a chain.
#[derive(Debug)]
pub struct Done {
    /// Verdict of the whole chain.
    pub verdict: Verdict,
    /// The document as the last step left it; empty unless the verdict is `Verdict::Pass`.
    pub data: Document,
    /// The metadata as the last step left it; empty unless the verdict is `Verdict::Pass`.
    pub metadata: Arc<Document>,
    /// Report of each step that ran.
    pub steps: Vec<StepReport>,
    /// Log lines of the plugins, each with the plugin's name. They may hold any data: for the
    /// plugin's author alone.
    pub log: Vec<(String, LogLine)>,
}

impl Done {
    /// Failed steps, skipped ones included, each with its failure.
    pub fn failures(&self) -> impl Iterator<Item = (&StepReport, &str)> {
        let steps = self.steps.iter();
        steps.filter_map(|step| step.failure.as_deref().map(|kind| (step, kind)))
    }

    /// Result of a chain that did not run, or whose output must not be used.
    fn without_data(verdict: Verdict) -> Self {
        Self {
            verdict,
            data: Document::default(),
            metadata: Arc::default(),
            steps: Vec::new(),
            log: Vec::new(),
        }
    }
}

/// Verdict of a chain on an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every step passed the event.
    Pass,
    /// A step dropped the event.
    Drop {
        /// Name of the plugin.
        plugin: String,
        /// Its reason, at most 256 bytes.
        reason: String,
    },
    /// A step rejected the event (ingress only).
    Reject {
        /// Name of the plugin.
        plugin: String,
        /// A stable word, at most 64 bytes.
        code: String,
        /// A sentence, at most 1 KiB.
        message: String,
    },
    /// A step asked for a delay (delivery only).
    Delay {
        /// Name of the plugin.
        plugin: String,
        /// Length of the delay, at most 24 hours.
        by: Duration,
    },
    /// A step failed and its policy is `Fail`.
    Failed(Failure),
    /// The queue of this tenant is full; nothing was run.
    Busy,
    /// The tenant has used up its CPU budget; nothing was run.
    OverBudget {
        /// Wait until the budget has time again.
        wait: Duration,
        /// Processor time allowed per second.
        per_second: Span,
    },
}

/// A problem that a plugin finds in its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// JSON pointer to the problem.
    pub pointer: String,
    /// Description of the problem.
    pub message: String,
}
