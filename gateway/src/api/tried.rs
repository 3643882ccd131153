//! Views of a dry run, for the API and for the command line, which runs the same plugin host or
//! reads the API's answer.

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use hookgate_json::{Allowance, Change, Diff, Document};
use hookgate_plugin_host::{Figures, Level, LogLine, Tried, TriedStep, Verdict};

/// Result of a dry run. Nothing was stored or sent.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Tried")]
pub struct TriedView {
    /// Verdict of the chain.
    #[serde(flatten)]
    pub(crate) said: SaidView,
    /// Step that ended the chain; `null` if every step passed the event.
    pub(crate) ended_by: Option<String>,
    /// Data before the chain; `null` if `cut`.
    #[schemars(with = "Option<Json>")]
    pub(crate) before: Option<Box<RawValue>>,
    /// Data as it would be stored; `null` if the event does not go on, or if `cut`.
    #[schemars(with = "Option<Json>")]
    pub(crate) after: Option<Box<RawValue>>,
    /// Metadata as it would be stored; `null` if the event does not go on, or if `cut`.
    #[schemars(with = "Option<Json>")]
    pub(crate) metadata: Option<Box<RawValue>>,
    /// Changes from `before` to `after`, in an order in which they can be made.
    pub(crate) diff: Vec<ChangeView>,
    /// Number of changes that are not listed: there are too many, or they are too large.
    pub(crate) diff_left_out: usize,
    /// Set when `before`, `after` or `metadata` is left out. With it, there would be more than 4
    /// MiB to show.
    pub(crate) cut: bool,
    /// Time of all steps, in microseconds.
    pub(crate) time_us: UsageView,
    /// Steps that were called, in order.
    pub(crate) steps: Vec<TriedStepView>,
}

/// Verdict of a step or of a whole chain.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub(crate) struct SaidView {
    /// Verdict of the step or the chain.
    #[schemars(with = "super::words::StepVerdict")]
    pub verdict: Cow<'static, str>,
    /// Code of a rejection, or kind of a failure. The kinds are `trap`, `panic`, `timeout`,
    /// `memory`, `operations`, `output` and `refused`.
    pub code: Option<String>,
    /// Reason: the plugin's text, the panic's text, or the limit and its value.
    pub reason: Option<String>,
    /// Requested delay, in milliseconds.
    pub delay_ms: Option<u64>,
}

/// Result of one step.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "TriedStep")]
pub(crate) struct TriedStepView {
    /// Plugin name.
    pub plugin: String,
    /// Version that the component declares.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Verdict of the step.
    #[serde(flatten)]
    pub said: SaidView,
    /// Set when the step failed and the chain went on without it.
    pub skipped: bool,
    /// Functions that ran when the call was stopped, innermost first, as far as they have names.
    pub backtrace: Vec<String>,
    /// Changes that the step made.
    pub diff: Vec<ChangeView>,
    /// Number of changes that are not listed.
    pub diff_left_out: usize,
    /// Log lines that the step wrote.
    pub log: Vec<LogView>,
    /// Resources that the step used, with their limits.
    pub usage: StepUsageView,
}

/// Single change.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Change")]
pub(crate) struct ChangeView {
    /// Operation.
    #[schemars(with = "super::words::ChangeOperation")]
    pub op: Cow<'static, str>,
    /// JSON pointer to the place.
    pub path: String,
    /// Previous value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Json>")]
    pub old: Option<Box<RawValue>>,
    /// New value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Json>")]
    pub new: Option<Box<RawValue>>,
}

/// Line of a plugin log.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "CallLogLine")]
pub(crate) struct LogView {
    /// Level of the line.
    #[schemars(with = "super::observing::LevelView")]
    pub level: Cow<'static, str>,
    /// Text; control characters are escaped.
    pub text: String,
}

/// Resources that a step used.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "StepUsage")]
pub(crate) struct StepUsageView {
    /// Time in microseconds.
    pub time_us: UsageView,
    /// Fuel, about one unit per instruction and the same for every run. It has no limit. `null` if
    /// it could not be counted.
    pub fuel: Option<u64>,
    /// Document operations.
    pub operations: UsageView,
    /// Linear memory in bytes.
    pub memory_bytes: UsageView,
    /// Size of the resulting data in bytes.
    pub output_bytes: UsageView,
    /// Log output in bytes.
    pub log_bytes: UsageView,
}

/// Amount used, and its limit.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "CallUsage")]
pub(crate) struct UsageView {
    /// Amount used.
    pub used: u64,
    /// Limit.
    pub limit: u64,
}

impl TriedView {
    /// Creates the view of a dry run.
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
            verdict: Cow::Borrowed(verdict),
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
            level: Cow::Borrowed(match line.level {
                Level::Trace => "trace",
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warn => "warn",
                Level::Error => "error",
            }),
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
            op: Cow::Borrowed(match (&change.old, &change.new) {
                (None, _) => "add",
                (_, None) => "remove",
                _ => "replace",
            }),
            path: change.path,
            old: change.old,
            new: change.new,
        }
    }
}

fn views(diff: Diff) -> Vec<ChangeView> {
    diff.changes.into_iter().map(ChangeView::from).collect()
}

/// Lists the changes from one document to the other, within the default allowance.
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
