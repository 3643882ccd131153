//! What became of steps when another version of their plugin came: shared by uploads, promotions and roll-backs.

use schemars::JsonSchema;
use serde::Serialize;

use hookgate_registry::StepMove;

/// A step that goes over to another version, or does not.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepMove")]
pub(super) struct StepMoveView {
    /// Whose step it is.
    tenant: String,
    /// Its chain: `ingress`, or a subscription's id.
    chain: String,
    /// Which step of it, counted from 0.
    step: usize,
    /// Whether it is the step's canary.
    canary: bool,
    /// The version before.
    from: Option<String>,
    /// The version that it is meant to run.
    to: Option<String>,
    /// Whether it runs that version now.
    moved: bool,
    /// Why it does not: the version's own words about the step.
    refused: Vec<RefusalView>,
}

/// What a version finds wrong with a step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepRefusal")]
struct RefusalView {
    /// Where in the step, a JSON pointer.
    pointer: String,
    /// What.
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
