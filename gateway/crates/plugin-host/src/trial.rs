//! Dry run: runs an event through a chain and reports everything, without storing or sending
//! anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::call::{Caller, Input, Spent};
use super::class::Class;
use super::failure::Fault;
use super::host::{Host, NotRun, Shared};
use super::log::LogLine;
use super::run::{self, event_info, most_output};
use super::step_verdict::StepVerdict;
use super::{Call, Config, Done, OnFailure, Step, Verdict};
use hookgate_json::budget::{ByteBudget, WorkBudget};
use hookgate_json::{Allowance, Diff, Document, Limits};

/// Input of a dry run.
#[derive(Debug)]
pub struct Trial {
    /// The event and the chain.
    pub call: Call,
    /// The bytes of each step's component; `None`: its fuel is not counted.
    pub sources: Vec<Option<Bytes>>,
}

/// Result of a dry run.
///
/// Its documents and changes have at most [`Tried::MAX_BYTES`] in all, counted before they are
/// copied.
#[derive(Debug)]
pub struct Tried {
    /// Verdict of the chain; with `Verdict::Busy` and `Verdict::OverBudget` nothing was run.
    pub verdict: Verdict,
    /// The document as the last step left it, if it passed.
    pub after: Option<Document>,
    /// The document before the chain and after it. `None`: there is none, or it is cut.
    pub shown: (Option<Box<RawValue>>, Option<Box<RawValue>>),
    /// The metadata as the last step left it. `None`: there is none, or it is cut.
    pub metadata: Option<Box<RawValue>>,
    /// Difference between the two documents.
    pub diff: Diff,
    /// Set when a document is left out for its size.
    pub cut: bool,
    /// Each step that was called, in order.
    pub steps: Vec<TriedStep>,
    /// Time of all steps together, and its limit.
    pub time: (Duration, Duration),
}

/// Result of one step.
#[derive(Debug)]
pub struct TriedStep {
    /// The plugin's name.
    pub plugin: String,
    /// Version that the component declares; empty if it could not be loaded.
    pub version: String,
    /// The component's digest; empty if it could not be loaded.
    pub digest: String,
    /// Verdict of the step, or its failure.
    pub verdict: Verdict,
    /// Set when the step failed and its policy is to continue without it.
    pub skipped: bool,
    /// Named functions on the stack when the step was stopped, the innermost first.
    pub backtrace: Vec<String>,
    /// Changes of the step; empty if no document continues.
    pub diff: Diff,
    /// Log lines of the step.
    pub log: Vec<LogLine>,
    /// Used resources.
    pub used: Figures,
    /// Limits.
    pub limits: Figures,
}

/// Resources of a call: used, or allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Processor time; wall time for calls shorter than a millisecond or two.
    pub time: Duration,
    /// Fuel, about one unit an instruction, reproducible and unlimited. `None`: not counted, as of
    /// large components.
    pub fuel: Option<u64>,
    /// Document operations.
    pub operations: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    /// Bytes of the output document.
    pub output: u64,
    /// Bytes of log.
    pub log: u64,
}

/// Records a dry run on the guest thread, within the bounds of its result.
#[derive(Debug)]
pub(super) struct Recorder {
    traces: Vec<Trace>,
    shown: ByteBudget,
    work: WorkBudget,
    /// Budget of the steps' input documents, which are kept to count their fuel afterwards.
    kept: ByteBudget,
    cut: bool,
    /// Time spent on recording.
    took: Duration,
}

/// A recorded step.
#[derive(Debug)]
struct Trace {
    step: TriedStep,
    timed_out: bool,
    /// Input document of the step, printed; `None`: it did not fit.
    input: Option<Vec<u8>>,
    metadata: Arc<Document>,
}

/// Observations of a step's call besides its verdict.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) before: &'a Document,
    pub(super) data: &'a Document,
    /// Input metadata.
    pub(super) metadata: &'a Arc<Document>,
    pub(super) log: &'a [LogLine],
    pub(super) time: Duration,
    pub(super) spent: Spent,
}

impl Recorder {
    fn new() -> Self {
        Self {
            traces: Vec::new(),
            shown: ByteBudget::new(Tried::MAX_BYTES),
            work: WorkBudget::new(DIFF_WORK),
            kept: ByteBudget::new(KEPT_BYTES),
            cut: false,
            took: Duration::ZERO,
        }
    }

    /// Records a step.
    pub(super) fn step(&mut self, step: &Step, said: &Result<StepVerdict, Fault>, seen: &Seen<'_>) {
        let began = Instant::now();
        let skipped = said.is_err() && step.policy() == OnFailure::Skip;
        let after = match said {
            Ok(StepVerdict::Pass) => Some(seen.data),
            Err(_) if skipped => Some(seen.before),
            _ => None,
        };
        let verdict = match said {
            Ok(said) => said.clone().verdict(&step.name).unwrap_or(Verdict::Pass),
            Err(fault) => Verdict::Failed(fault.clone().of(&step.name)),
        };
        let component = step.component.as_ref();
        let fault = said.as_ref().err();
        let used = Figures {
            time: seen.time,
            fuel: None,
            operations: seen.spent.operations.into(),
            memory: seen.spent.memory as u64,
            output: after.map_or(0, |after| after.root().printed_len()) as u64,
            log: seen.spent.log as u64,
        };
        let diff = match said {
            Ok(StepVerdict::Pass) => self.diff(seen.before, seen.data),
            _ => Diff::default(),
        };
        let trace = Trace {
            timed_out: fault.is_some_and(|fault| fault.kind == "timeout"),
            input: printed(seen.before, &self.kept),
            metadata: Arc::clone(seen.metadata),
            step: TriedStep {
                plugin: step.name.clone(),
                version: component.map_or_else(String::new, |c| c.description.version.clone()),
                digest: component.map_or_else(String::new, |c| c.digest.clone()),
                verdict,
                skipped,
                backtrace: fault.map_or_else(Vec::new, |fault| fault.backtrace.clone()),
                diff,
                log: seen.log.to_vec(),
                used,
                limits: Figures::default(),
            },
        };
        self.traces.push(trace);
        self.took += began.elapsed();
    }

    fn diff(&self, before: &Document, after: &Document) -> Diff {
        let allowance = Allowance::default()
            .with_work(&self.work)
            .with_output(&self.shown);
        Diff::between(before.root(), after.root(), &allowance)
    }

    /// Prints a document for the result, if it fits.
    fn show(&mut self, document: &Document) -> Option<Box<RawValue>> {
        let shown = printed(document, &self.shown).and_then(|text| String::from_utf8(text).ok());
        self.cut |= shown.is_none();
        RawValue::from_string(shown?).ok()
    }
}

/// Prints a document, if the budget has enough bytes left.
fn printed(document: &Document, budget: &ByteBudget) -> Option<Vec<u8>> {
    let text = document.to_bytes_within(budget.left())?;
    budget.charge(text.len()).ok()?;
    Some(text.into())
}

/// A recorded dry run, before its fuel is counted.
struct Recorded {
    done: Done,
    shown: (Option<Box<RawValue>>, Option<Box<RawValue>>),
    metadata: Option<Box<RawValue>>,
    diff: Diff,
    recorder: Recorder,
    used: Duration,
}

impl Recorded {
    /// Runs a chain and records it; returns the time that it used in all.
    fn of(caller: &Caller, call: Call, now_ms: u64) -> (Self, Duration) {
        let mut recorder = Recorder::new();
        let began = Instant::now();
        let given = call.data.clone();
        let before = recorder.show(&given);
        recorder.took += began.elapsed();
        let (done, mut recorder, used) = run::traced(caller, call, now_ms, recorder);
        let began = Instant::now();
        let goes_on = done.verdict == Verdict::Pass;
        let (after, diff) = if goes_on {
            (recorder.show(&done.data), recorder.diff(&given, &done.data))
        } else {
            (None, Diff::default())
        };
        let metadata = if goes_on {
            recorder.show(&done.metadata)
        } else {
            None
        };
        let took = used + recorder.took + began.elapsed();
        let recorded = Self {
            done,
            shown: (before, after),
            metadata,
            diff,
            recorder,
            used,
        };
        (recorded, took)
    }
}

impl Host {
    /// Runs a chain on an event without effects: no metrics, no log lines, nothing in a store.
    ///
    /// The dry run waits for its turn in the tenant's lane like an event.
    pub async fn try_out(&self, trial: Trial) -> Tried {
        let Trial { call, sources } = trial;
        let event = event_info(&call.id, &call.kind, call.created, &call.phase);
        let (tenant, chain) = (call.tenant.clone(), call.chain.clone());
        let changes_metadata = matches!(call.phase, super::Phase::Ingress);
        let most_output = most_output(&call.data, self.config()) as u64;
        let now_ms = self.inner.shared.clock.now().as_millis();
        if let Some(over) = self.over_budget(&chain) {
            return Tried::of_nothing(over, self.config());
        }
        let budget = chain.budget.clone();
        let run = move |shared: &Shared| {
            let (recorded, took) = Recorded::of(&shared.caller, call, now_ms);
            shared.charge(budget.as_deref(), took);
            (recorded, took)
        };
        let recorded = match self.on_thread(Some(tenant.clone()), run).await {
            Ok(recorded) => recorded,
            Err(not_run) => return Tried::without(not_run, self.config()),
        };
        let Recorded {
            done,
            shown,
            metadata,
            diff,
            recorder,
            used,
        } = recorded;
        let mut steps = Vec::with_capacity(recorder.traces.len());
        for (index, trace) in recorder.traces.into_iter().enumerate() {
            let mut step = trace.step;
            let in_chain = chain.steps.get(index);
            let component = in_chain.and_then(|step| step.component.as_deref());
            let config = component.map_or(self.config(), |component| self.limits_of(component));
            let bounds = in_chain.and_then(|step| step.bounds.clone());
            step.limits = limits(bounds.as_deref().unwrap_or(config), most_output);
            let source = sources.get(index).cloned().flatten();
            let counted = !trace.timed_out && config.class == Class::Small;
            let limits = Limits {
                bytes: usize::try_from(most_output).unwrap_or(usize::MAX),
                depth: self.config().depth as usize,
            };
            let given = trace.input.and_then(|text| Document::parse(&text, limits).ok());
            if let (Some(source), true, Some(in_chain), Some(data)) = (source, counted, in_chain, given) {
                let input = Input {
                    data,
                    metadata: trace.metadata,
                    changes_metadata,
                    settings: Arc::clone(&in_chain.settings),
                    tenant: Some(tenant.clone()),
                    now_ms,
                    bounds,
                    limit: self.config().call_deadline.get(),
                };
                step.used.fuel = self.fuel(source, &step.digest, input, event.clone()).await;
            }
            steps.push(step);
        }
        Tried {
            after: (done.verdict == Verdict::Pass).then_some(done.data),
            verdict: done.verdict,
            shown,
            metadata,
            diff,
            cut: recorder.cut,
            steps,
            time: (used, self.config().chain_deadline.get()),
        }
    }
}

impl Tried {
    /// Maximum size of the documents and changes in the result of a dry run, in bytes.
    pub const MAX_BYTES: usize = 4 << 20;

    fn without(not_run: NotRun, config: &Config) -> Self {
        let verdict = match not_run {
            NotRun::Busy => Verdict::Busy,
            NotRun::Failed => {
                let fault = Fault::new("internal", "the plugin host failed; its log says how");
                Verdict::Failed(fault.of(""))
            }
        };
        Self::of_nothing(verdict, config)
    }

    fn of_nothing(verdict: Verdict, config: &Config) -> Self {
        Self {
            verdict,
            after: None,
            shown: (None, None),
            metadata: None,
            diff: Diff::default(),
            cut: false,
            steps: Vec::new(),
            time: (Duration::ZERO, config.chain_deadline.get()),
        }
    }
}

fn limits(config: &Config, output: u64) -> Figures {
    Figures {
        time: config.call_deadline.get(),
        fuel: None,
        operations: config.max_host_calls.into(),
        memory: config.memory.bytes() as u64,
        output,
        log: config.log.bytes() as u64,
    }
}

/// Maximum work of all comparisons of a dry run.
const DIFF_WORK: u64 = 8_000_000;
/// Bytes of documents kept until their fuel is counted; steps beyond them are not counted.
const KEPT_BYTES: usize = 4 << 20;
