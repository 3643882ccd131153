//! The plugin host: runs a tenant's chain of components on an event's document, each call in a fresh instance, under limits.
//!
//! [`Host`] is the handle. `load` takes an upload: `upload` looks at it, the `loader` makes machine code of it (`compile`, in a
//! process of its own) or finds what was kept (`artifact`), `machine_code` maps it, and the `code_cache` links and holds it.
//! Its `class` says in which `engine`, and under whose limits.
//! `run` takes an event: it waits its tenant's turn in the `queue`, where who takes long (`aside`, `debts`) stands behind, then
//! `run` goes through the chain on a guest thread, `call` makes each step's fresh instance, and `said` holds its verdict to what
//! its phase allows. Other work of a tenant, its filters and schemas, waits the same turns in its `lane`. `trial` takes an event the same way as a dry run and tells everything of it, with the `fuel` that it took.
//! What a guest can reach is in `imports`, what it may use in `guest` and `deadline`, and what stopped it in `failure`.
//! What was seen of each version, and what it wrote, is in `observed` and `journal`; what operators should know is in `incidents`.
//!
//! A call ends by itself, by a trap or by a limit; nothing that it did to its memory outlives it. The host knows neither the
//! store nor the server, and no plugin's text ever reaches the gateway's log.
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

/// Where in an event's life a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Once an event, before it is stored.
    Ingress,
    /// Once a delivery, before it is signed.
    Delivery {
        /// Which attempt it is, from 1.
        attempt: u32,
        /// To whom; `None`: the event's own endpoint.
        subscription: Option<SubscriptionId>,
    },
}

/// An event on its way through a chain.
#[derive(Debug)]
pub struct Call {
    /// Whose; the fair queue goes by it.
    pub tenant: TenantId,
    /// What is to be run; never empty.
    pub chain: Arc<Chain>,
    /// The event's id.
    pub id: EventId,
    /// The event's type.
    pub kind: EventType,
    /// When the event was created.
    pub created: Timestamp,
    /// Where the chain stands.
    pub phase: Phase,
    /// The producer's notes: the plugins read them, and change them at ingress.
    pub metadata: Arc<Document>,
    /// What the plugins read and change.
    pub data: Document,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// What all said together.
    pub verdict: Verdict,
    /// The document as the last step left it; empty unless the verdict is `Verdict::Pass`.
    pub data: Document,
    /// The metadata as the last step left it; empty unless the verdict is `Verdict::Pass`.
    pub metadata: Arc<Document>,
    /// What each step that ran did.
    pub steps: Vec<StepReport>,
    /// What the plugins wrote, each line with the plugin's name: for the plugin's author alone, it may say anything.
    pub log: Vec<(String, LogLine)>,
}

impl Done {
    /// The steps that failed, those that were gone on without too, and how.
    pub fn failures(&self) -> impl Iterator<Item = (&StepReport, &str)> {
        let steps = self.steps.iter();
        steps.filter_map(|step| step.failure.as_deref().map(|kind| (step, kind)))
    }

    /// Nothing ran, or nothing of it may be used.
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

/// What a chain said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every step let it pass.
    Pass,
    /// A step dropped it.
    Drop {
        /// Which plugin.
        plugin: String,
        /// Its reason, at most 256 bytes.
        reason: String,
    },
    /// A step refused it (ingress only).
    Reject {
        /// Which plugin.
        plugin: String,
        /// A stable word, at most 64 bytes.
        code: String,
        /// A sentence, at most 1 KiB.
        message: String,
    },
    /// A step asked for a delay (delivery only).
    Delay {
        /// Which plugin.
        plugin: String,
        /// By how long, at most 24 hours.
        by: Duration,
    },
    /// A step failed and its policy is `Fail`.
    Failed(Failure),
    /// The queue of this tenant is full: nothing was run.
    Busy,
    /// The tenant has used up its guest time: nothing was run.
    OverBudget {
        /// How long it has to wait.
        wait: Duration,
        /// What it may use in a second.
        per_second: Span,
    },
}

/// What a plugin finds wrong in its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// Where, a JSON pointer.
    pub pointer: String,
    /// What.
    pub message: String,
}
