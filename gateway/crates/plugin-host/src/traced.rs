//! Spans of a chain and its steps, in a recorded trace.

use super::{Done, Verdict};
use hookgate_domain::event::{StepReport, StepResult};
use hookgate_runtime::telemetry::traces::Span;

impl Done {
    /// Ends the span of this chain's run, with a span below it for each step.
    ///
    /// The steps ran one after the other: each begins where the last one ended. Texts of plugins
    /// are left out, since they may hold any data.
    pub fn record(&self, mut chain: Span) {
        let verdict = self.verdict.word();
        chain.set("hookgate.chain.verdict", verdict);
        if matches!(self.verdict, Verdict::Failed(_)) {
            chain.fail();
        }
        let (recording, mut at) = (chain.recording(), chain.started());
        let last = self.steps.len().saturating_sub(1);
        for (n, step) in self.steps.iter().enumerate() {
            // A step that rejects or delays is reported as passed; its verdict is the chain's.
            let ends = n == last && matches!(self.verdict, Verdict::Reject { .. } | Verdict::Delay { .. });
            let verdict = if ends { verdict } else { word(step.result) };
            if let Some(span) = recording.past_span("plugin", at, step.took) {
                describe(span, step, verdict);
            }
            at = at.plus(step.took);
        }
    }
}

fn describe(mut span: Span, step: &StepReport, verdict: &'static str) {
    span.set("hookgate.plugin.name", step.plugin.clone());
    span.set("hookgate.plugin.digest", step.version.clone());
    if !step.release.is_empty() {
        span.set("hookgate.plugin.version", step.release.to_string());
    }
    if step.canary {
        span.set("hookgate.plugin.canary", true);
    }
    span.set("hookgate.plugin.verdict", verdict);
    if let Some(failure) = &step.failure {
        span.set("error.type", failure.clone());
        span.fail();
    }
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop { .. } => "drop",
            Self::Reject { .. } => "reject",
            Self::Delay { .. } => "delay",
            Self::Failed(_) => "failed",
            Self::Busy => "busy",
            Self::OverBudget { .. } => "over_budget",
        }
    }
}

fn word(result: StepResult) -> &'static str {
    match result {
        StepResult::Passed => "pass",
        StepResult::Dropped => "drop",
        StepResult::Skipped => "skipped",
        StepResult::Failed => "failed",
    }
}
