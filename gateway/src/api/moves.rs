//! Version changes of chain steps, shared by uploads, promotions and rollbacks.

use schemars::JsonSchema;
use serde::Serialize;

use hookgate_registry::StepMove;

/// Version change of a step, which took place or was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepMove")]
pub(super) struct StepMoveView {
    /// Tenant that the step belongs to.
    tenant: String,
    /// Chain of the step: `ingress`, or a subscription's id.
    chain: String,
    /// Index of the step in the chain, counted from 0.
    step: usize,
    /// Set when the change concerns the step's canary.
    canary: bool,
    /// Previous version.
    from: Option<String>,
    /// Version that the step is meant to run.
    to: Option<String>,
    /// Set when the step runs that version now.
    moved: bool,
    /// Reasons for a refusal, as the plugin version reports them.
    refused: Vec<RefusalView>,
}

/// Objection of a plugin version to a step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepRefusal")]
struct RefusalView {
    /// JSON pointer to the place in the step.
    pointer: String,
    /// Error message.
    message: String,
}

impl From<&StepMove> for StepMoveView {
    fn from(step: &StepMove) -> Self {
        let refused = step.refused.iter().map(|problem| RefusalView {
            pointer: problem.pointer.clone(),
            message: problem.message.clone(),
        });
        Self {
            tenant: step.tenant.to_string(),
            chain: step.place.to_string(),
            step: step.step,
            canary: step.canary,
            from: step.from.clone(),
            to: step.to.clone(),
            moved: step.refused.is_empty(),
            refused: refused.collect(),
        }
    }
}
