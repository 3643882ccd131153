//! The plugin host: runs a tenant's chain of components on an event's document, each call in a fresh instance, under limits.

use std::sync::Arc;
use std::time::Duration;

use crate::document::Document;
use crate::domain::event::StepReport;
use crate::domain::{EventId, EventType, SubscriptionId, TenantId, Timestamp};

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
    /// Read-only to the plugins.
    pub metadata: Arc<Document>,
    /// What the plugins read and change.
    pub data: Document,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// What all said together.
    pub verdict: Verdict,
    /// The document as the last step left it. Only after `Verdict::Pass` may it be stored or sent.
    pub data: Document,
    /// What each step that ran did.
    pub steps: Vec<StepReport>,
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
}

/// How a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which plugin.
    pub plugin: String,
    /// A word from a closed set: `trap`, `panic`, `timeout`, `memory`, `operations`, `output`, `refused` (its own failure),
    /// `missing`, `breaker`.
    pub kind: &'static str,
    /// In words: the panic's text, the limit and its figure. At most 1 KiB, control characters escaped.
    pub message: String,
}

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

/// A component that is loaded and linked.
#[derive(Debug)]
pub struct Component {
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// What it says of itself.
    pub description: Description,
}

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// A slug.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON Schema of the settings.
    pub settings_schema: Option<String>,
    /// Whether it takes out what must not go on: a step that redacts can only be `OnFailure::Fail`.
    pub redacts: bool,
}

/// What a plugin finds wrong in its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// Where, a JSON pointer.
    pub pointer: String,
    /// What.
    pub message: String,
}
