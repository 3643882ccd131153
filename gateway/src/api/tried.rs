//! What a dry run is shown as: by the API, and by the command line, which runs the same host.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::document::{Allowance, Change, Diff, Document};
use crate::plugin::{Figures, Level, LogLine, Tried, TriedStep, Verdict};

/// What came of a dry run. Nothing was stored or sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tried")]
pub struct TriedView {
    /// What the chain said.
    #[serde(flatten)]
    pub(crate) said: SaidView,
    /// The step that ended the chain; null where all let the event pass.
    pub(crate) ended_by: Option<String>,
    /// The data as it came; null where it is `cut`.
    #[schemars(with = "Option<Json>")]
    pub(crate) before: Option<Box<RawValue>>,
    /// The data as it would be stored; null where the event does not go on, or where it is `cut`.
    #[schemars(with = "Option<Json>")]
    pub(crate) after: Option<Box<RawValue>>,
    /// The metadata as it would be stored; null where the event does not go on, or where it is `cut`.
    #[schemars(with = "Option<Json>")]
    pub(crate) metadata: Option<Box<RawValue>>,
    /// What differs between `before` and `after`, in an order in which the changes can be made.
    pub(crate) diff: Vec<ChangeView>,
    /// Changes that are not listed: there are too many, or they are too large.
    pub(crate) diff_left_out: usize,
    /// `before`, `after` or `metadata` is left out: with it there would be more than 4 MiB to show.
    pub(crate) cut: bool,
    /// Microseconds that all steps took.
    pub(crate) time_us: UsageView,
    /// Each step that was called, in order.
    pub(crate) steps: Vec<TriedStepView>,
}

/// What a step, or a whole chain, said of an event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SaidView {
    /// `pass`, `drop`, `reject`, `delay` or `failed`.
    pub verdict: &'static str,
    /// A rejection's code, or the kind of the failure: `trap`, `panic`, `timeout`, `memory`, `operations`, `output`, `refused`.
    pub code: Option<String>,
    /// Why: the plugin's words, the panic's text, or the limit and its figure.
    pub reason: Option<String>,
    /// For how long it asks.
    pub delay_ms: Option<u64>,
}

/// What one step did.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TriedStep")]
pub(crate) struct TriedStepView {
    /// The plugin's name.
    pub plugin: String,
    /// The version that the component says of itself.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// What it said.
    #[serde(flatten)]
    pub said: SaidView,
    /// It failed, and the chain went on without it.
    pub skipped: bool,
    /// The functions that were running when it was stopped, the innermost first, as far as the component names them.
    pub backtrace: Vec<String>,
    /// What it changed.
    pub diff: Vec<ChangeView>,
    /// Changes that are not listed.
    pub diff_left_out: usize,
    /// What it wrote.
    pub log: Vec<LogView>,
    /// What it used, each beside its limit.
    pub usage: StepUsageView,
}

/// One place that differs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Change")]
pub(crate) struct ChangeView {
    /// `add`, `remove` or `replace`.
    pub op: &'static str,
    /// Where: a JSON pointer.
    pub path: String,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Json>")]
    pub old: Option<Box<RawValue>>,
    /// What stands there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Json>")]
    pub new: Option<Box<RawValue>>,
}

/// A line of a plugin's log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CallLogLine")]
pub(crate) struct LogView {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The text, control characters escaped.
    pub text: String,
}

/// What a step used.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepUsage")]
pub(crate) struct StepUsageView {
    /// Microseconds.
    pub time_us: UsageView,
    /// Fuel, about one unit an instruction and the same at every run; without a limit. Null: it could not be counted.
    pub fuel: Option<u64>,
    /// Document operations.
    pub operations: UsageView,
    /// Bytes of linear memory.
    pub memory_bytes: UsageView,
    /// Bytes of the data that goes on.
    pub output_bytes: UsageView,
    /// Bytes of log.
    pub log_bytes: UsageView,
}

/// What was used and what may be.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "CallUsage")]
pub(crate) struct UsageView {
    /// What was used.
    pub used: u64,
    /// The limit.
    pub limit: u64,
}

impl TriedView {
    /// A dry run.
    pub(crate) fn new(tried: Tried) -> Self {
        let (before, after) = tried.shown;
        Self {
            said: SaidView::from(&tried.verdict),
            ended_by: ended_by(&tried.verdict),
            before,
            after,
            metadata: tried.metadata,
            diff_left_out: tried.diff.left_out,
            diff: views(tried.diff),
            cut: tried.cut,
            time_us: micros(tried.time.0, tried.time.1),
            steps: tried.steps.into_iter().map(TriedStepView::from).collect(),
        }
    }
}

impl From<&Verdict> for SaidView {
    fn from(verdict: &Verdict) -> Self {
        let said = |verdict, code: Option<&str>, reason: Option<&str>| Self {
            verdict,
            code: code.map(str::to_owned),
            reason: reason.map(str::to_owned),
            delay_ms: None,
        };
        match verdict {
            Verdict::Pass => said("pass", None, None),
            Verdict::Drop { reason, .. } => said("drop", None, Some(reason)),
            Verdict::Reject { code, message, .. } => said("reject", Some(code), Some(message)),
            Verdict::Delay { by, .. } => Self {
                delay_ms: Some(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
                ..said("delay", None, None)
            },
            Verdict::Failed(failure) => said("failed", Some(failure.kind), Some(&failure.message)),
            Verdict::OverBudget { .. } => said(
                "failed",
                Some("budget"),
                Some("the tenant's processor time is used up"),
            ),
            Verdict::Busy => said(
                "failed",
                Some("busy"),
                Some("too many calls wait for a thread; try again"),
            ),
        }
    }
}

fn ended_by(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Pass | Verdict::Busy | Verdict::OverBudget { .. } => None,
        Verdict::Drop { plugin, .. } | Verdict::Reject { plugin, .. } | Verdict::Delay { plugin, .. } => {
            Some(plugin.clone())
        }
        Verdict::Failed(failure) => Some(failure.plugin.clone()),
    }
}

impl From<TriedStep> for TriedStepView {
    fn from(step: TriedStep) -> Self {
        Self {
            said: SaidView::from(&step.verdict),
            plugin: step.plugin,
            version: step.version,
            digest: step.digest,
            skipped: step.skipped,
            backtrace: step.backtrace,
            diff_left_out: step.diff.left_out,
            diff: views(step.diff),
            log: step.log.iter().map(LogView::from).collect(),
            usage: StepUsageView::new(&step.used, &step.limits),
        }
    }
}

impl From<&LogLine> for LogView {
    fn from(line: &LogLine) -> Self {
        Self {
            level: match line.level {
                Level::Trace => "trace",
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warn => "warn",
                Level::Error => "error",
            },
            text: line.text.clone(),
        }
    }
}

impl StepUsageView {
    fn new(used: &Figures, limits: &Figures) -> Self {
        let usage = |of: fn(&Figures) -> u64| UsageView {
            used: of(used),
            limit: of(limits),
        };
        Self {
            time_us: micros(used.time, limits.time),
            fuel: used.fuel,
            operations: usage(|figures| figures.operations),
            memory_bytes: usage(|figures| figures.memory),
            output_bytes: usage(|figures| figures.output),
            log_bytes: usage(|figures| figures.log),
        }
    }
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self {
            op: match (&change.old, &change.new) {
                (None, _) => "add",
                (_, None) => "remove",
                _ => "replace",
            },
            path: change.path,
            old: change.old,
            new: change.new,
        }
    }
}

fn views(diff: Diff) -> Vec<ChangeView> {
    diff.changes.into_iter().map(ChangeView::from).collect()
}

/// The changes from one document to the other that there is room for.
pub(crate) fn changes_between(before: &Document, after: &Document) -> Vec<ChangeView> {
    views(Diff::between(before.root(), after.root(), &Allowance::default()))
}

fn micros(used: Duration, limit: Duration) -> UsageView {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    UsageView {
        used: micros(used),
        limit: micros(limit),
    }
}
