//! A dry run: an event through a chain as it would go, with everything that is to be known of it, and nothing stored or sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::call::{Input, Spent};
use super::class::Class;
use super::failure::Fault;
use super::host::{Host, NotRun, Shared};
use super::log::LogLine;
use super::run::{self, event_info, most_output};
use super::said::Said;
use super::{Call, Config, OnFailure, Step, Verdict};
use crate::document::Document;

/// An event that is to be tried.
#[derive(Debug)]
pub struct Trial {
    /// The event and the chain.
    pub call: Call,
    /// For each step the bytes of its component; `None`: its fuel is not counted.
    pub sources: Vec<Option<Bytes>>,
}

/// What came of a dry run.
#[derive(Debug)]
pub struct Tried {
    /// What all said together; `Verdict::Busy`, `Verdict::OverBudget`: nothing was run.
    pub verdict: Verdict,
    /// The document as the last step left it, where it passed.
    pub after: Option<Document>,
    /// Each step that was called, in order.
    pub steps: Vec<TriedStep>,
    /// Time of all steps together, and what it may be.
    pub time: (Duration, Duration),
}

/// What one step did.
#[derive(Debug)]
pub struct TriedStep {
    /// The plugin's name.
    pub plugin: String,
    /// The version that the component says of itself; empty where it could not be loaded.
    pub version: String,
    /// The component's digest; empty where it could not be loaded.
    pub digest: String,
    /// What the step said, or how it failed.
    pub verdict: Verdict,
    /// It failed, and its policy is to go on without it.
    pub skipped: bool,
    /// The functions that were running when it was stopped, the innermost first, as far as the component names them.
    pub backtrace: Vec<String>,
    /// The document as the step was given it.
    pub before: Document,
    /// The document that goes on; `None`: none does.
    pub after: Option<Document>,
    /// What it wrote.
    pub log: Vec<LogLine>,
    /// What it used.
    pub used: Figures,
    /// What it may use.
    pub limits: Figures,
}

/// What a call uses, or may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Processor time, by the wall for calls shorter than a millisecond or two.
    pub time: Duration,
    /// About one unit an instruction, the same at every run. Has no limit; `None`: not counted, as of large components.
    pub fuel: Option<u64>,
    /// Document operations.
    pub operations: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    /// Bytes of the document that goes on.
    pub output: u64,
    /// Bytes of log.
    pub log: u64,
}

/// A step of a dry run, as it ran.
#[derive(Debug)]
pub(super) struct Trace {
    step: TriedStep,
    timed_out: bool,
}

/// What was seen of a step's call beside what it said.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) before: Document,
    pub(super) data: &'a Document,
    pub(super) log: &'a [LogLine],
    pub(super) time: Duration,
    pub(super) spent: Spent,
}

impl Trace {
    pub(super) fn new(step: &Step, said: &Result<Said, Fault>, seen: Seen<'_>) -> Self {
        let skipped = said.is_err() && step.policy() == OnFailure::Skip;
        let after = match said {
            Ok(Said::Pass) => Some(seen.data.clone()),
            Err(_) if skipped => Some(seen.before.clone()),
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
            output: after.as_ref().map_or(0, |after| after.root().printed_len()) as u64,
            log: seen.spent.log as u64,
        };
        Self {
            timed_out: fault.is_some_and(|fault| fault.kind == "timeout"),
            step: TriedStep {
                plugin: step.name.clone(),
                version: component.map_or_else(String::new, |c| c.description.version.clone()),
                digest: component.map_or_else(String::new, |c| c.digest.clone()),
                verdict,
                skipped,
                backtrace: fault.map_or_else(Vec::new, |fault| fault.backtrace.clone()),
                before: seen.before,
                after,
                log: seen.log.to_vec(),
                used,
                limits: Figures::default(),
            },
        }
    }
}

impl Host {
    /// Runs a chain on an event that is nowhere else: no figure, no line of the gateway's log and nothing in a store comes of
    /// it. It waits its turn in the tenant's lane like an event.
    pub async fn try_out(&self, trial: Trial) -> Tried {
        let Trial { call, sources } = trial;
        let event = event_info(&call.id, &call.kind, call.created, &call.phase);
        let (tenant, chain, metadata) = (call.tenant.clone(), call.chain.clone(), call.metadata.clone());
        let most_output = most_output(&call.data, self.config()) as u64;
        let now_ms = self.inner.shared.clock.now().as_millis();
        if let Some(over) = self.over_budget(&chain) {
            return Tried::of_nothing(over, self.config());
        }
        let budget = chain.budget.clone();
        let run = move |shared: &Shared| {
            let (done, traces, used) = run::traced(&shared.caller, call, now_ms);
            shared.charge(budget.as_deref(), used);
            ((done, traces, used), used)
        };
        let (done, traces, used) = match self.on_thread(Some(tenant.clone()), run).await {
            Ok(ran) => ran,
            Err(not_run) => return Tried::without(not_run, self.config()),
        };
        let mut steps = Vec::with_capacity(traces.len());
        for (index, trace) in traces.into_iter().enumerate() {
            let mut step = trace.step;
            let in_chain = chain.steps.get(index);
            let component = in_chain.and_then(|step| step.component.as_deref());
            let config = component.map_or(self.config(), |component| self.limits_of(component));
            let bounds = in_chain.and_then(|step| step.bounds.clone());
            step.limits = limits(bounds.as_deref().unwrap_or(config), most_output);
            let source = sources.get(index).cloned().flatten();
            let counted = !trace.timed_out && config.class == Class::Small;
            if let (Some(source), true, Some(in_chain)) = (source, counted, in_chain) {
                let input = Input {
                    data: step.before.clone(),
                    metadata: Arc::clone(&metadata),
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
            steps,
            time: (used, self.config().chain_deadline.get()),
        }
    }
}

impl Tried {
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
            steps: Vec::new(),
            time: (Duration::ZERO, config.chain_deadline.get()),
        }
    }
}

fn limits(config: &Config, output: u64) -> Figures {
    Figures {
        time: config.call_deadline.get(),
        fuel: None,
        operations: config.operations.into(),
        memory: config.memory.bytes() as u64,
        output,
        log: config.log.bytes() as u64,
    }
}
