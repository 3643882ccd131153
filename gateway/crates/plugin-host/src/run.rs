//! Runs a chain step by step on a guest thread, and applies each step's failure policy.
//!
//! An event and a dry run take the same path. A dry run records each step and leaves out metrics
//! and logs.

use std::sync::Arc;
use std::time::Duration;

use super::bindings::exports::hookgate::plugin::handler as wit;
use super::bindings::hookgate::plugin::types;
use super::breaker::{Admission, Turned, broke, circuit_opened};
use super::call::{Caller, Input, Returned};
use super::canary::Canary;
use super::config::Config;
use super::failure::Fault;
use super::incidents::Incident;
use super::log::LogLine;
use super::step_verdict::{StepVerdict, check_verdict};
use super::trial::{Recorder, Seen};
use super::version_stats::CallReport;
use super::{Call, Chain, Done, OnFailure, Phase, Step, Verdict};
use hookgate_domain::event::{StepReport, StepResult};
use hookgate_domain::{EventId, EventType, TenantId, Timestamp};
use hookgate_json::{Document, Limits};
use hookgate_runtime::telemetry::{Called, PluginVerdict};

/// Runs a chain; returns its result and the time that it used. `now_ms`: the time that all its
/// steps see.
pub(super) fn chain(caller: &Caller, call: Call, now_ms: u64) -> (Done, Duration) {
    let (done, ended) = all(caller, call, now_ms, None);
    (done, ended.used)
}

/// Runs a chain as a dry run: the same, with every called step recorded.
pub(super) fn traced(
    caller: &Caller,
    call: Call,
    now_ms: u64,
    mut recorder: Recorder,
) -> (Done, Recorder, Duration) {
    let (done, ended) = all(caller, call, now_ms, Some(&mut recorder));
    (done, recorder, ended.used)
}

fn all(caller: &Caller, call: Call, now_ms: u64, recorder: Option<&mut Recorder>) -> (Done, Ended) {
    let (mut data, mut metadata) = (call.data, call.metadata);
    bound(&mut data, &caller.config);
    let changes_metadata = matches!(call.phase, Phase::Ingress);
    if changes_metadata {
        bound(Arc::make_mut(&mut metadata), &caller.config);
    }
    let mut run = Run {
        event: event_info(&call.id, &call.kind, call.created, &call.phase),
        recorder,
        caller,
        tenant: call.tenant,
        metadata,
        changes_metadata,
        now_ms,
        used: Duration::ZERO,
        steps: Vec::with_capacity(call.chain.steps.len()),
        log: Vec::new(),
    };
    if let Some(fault) = too_long(&call.chain, &caller.config) {
        return run.done(Verdict::Failed(fault.of("")), Document::default());
    }
    for step in &call.chain.steps {
        match run.step(step, data) {
            After::GoOn(next) => data = next,
            After::End(verdict) => return run.done(verdict, Document::default()),
        }
    }
    run.done(Verdict::Pass, data)
}

/// Fault of a chain with more than `plugins.steps` steps. It holds for every builder of chains.
fn too_long(chain: &Chain, config: &Config) -> Option<Fault> {
    let (steps, limit) = (chain.steps.len(), config.steps);
    let message = || format!("the chain has {steps} steps; at most {limit} are run (`plugins.steps`)");
    (steps > limit as usize).then(|| Fault::new("internal", &message()))
}

/// Applies the output limit of a chain to a document, and starts to record changes.
fn bound(data: &mut Document, config: &Config) {
    data.set_limits(Limits {
        bytes: most_output(data, config),
        depth: config.depth as usize,
    });
    data.take_changes();
}

/// Maximum size of a chain's output document, in bytes.
pub(super) fn most_output(data: &Document, config: &Config) -> usize {
    let twice = data.size_bound().saturating_mul(2);
    twice.saturating_add(config.max_growth.bytes())
}

pub(super) fn event_info(
    id: &EventId,
    kind: &EventType,
    created: Timestamp,
    phase: &Phase,
) -> types::EventInfo {
    let (phase, attempt, subscription) = match phase {
        Phase::Ingress => (types::Phase::Ingress, 0, None),
        Phase::Delivery {
            attempt,
            subscription,
        } => (
            types::Phase::Delivery,
            *attempt,
            subscription.map(|id| id.to_string()),
        ),
    };
    types::EventInfo {
        id: id.as_str().to_owned(),
        event_type: kind.as_str().to_owned(),
        created_ms: created.as_millis(),
        phase,
        attempt,
        subscription,
    }
}

fn is_object(metadata: &Document) -> bool {
    metadata.root().as_object().is_some()
}

/// Returns the report of a step's call; the caller fills in its result afterwards.
fn report(step: &Step, as_what: As, took: Duration) -> StepReport {
    StepReport {
        plugin: step.name.clone(),
        version: step.version().to_owned(),
        release: step.release().into(),
        canary: matches!(as_what, As::Canary),
        result: StepResult::Passed,
        failure: None,
        took,
        changed: Vec::new(),
    }
}

/// A running chain.
struct Run<'a> {
    caller: &'a Caller,
    tenant: TenantId,
    event: types::EventInfo,
    /// Metadata as the last step left it.
    metadata: Arc<Document>,
    changes_metadata: bool,
    now_ms: u64,
    used: Duration,
    steps: Vec<StepReport>,
    log: Vec<(String, LogLine)>,
    /// Recorder of a dry run.
    recorder: Option<&'a mut Recorder>,
}

/// Remainder of a finished run.
struct Ended {
    used: Duration,
}

/// Version of a step that is called.
#[derive(Debug, Clone, Copy)]
enum As {
    Itself,
    Canary,
}

enum After {
    GoOn(Document),
    End(Verdict),
}

impl Run<'_> {
    /// Runs a step, or its canary. An event whose canary fails is given to the stable version.
    fn step(&mut self, step: &Step, data: Document) -> After {
        let taken = |canary: &&Canary| self.recorder.is_none() && canary.takes(&self.event.id);
        let Some(canary) = step.canary.as_ref().filter(taken) else {
            return self.one(step, data, As::Itself);
        };
        let before = data.clone();
        let after = self.one(canary.step(), data, As::Canary);
        let failed = matches!(after, After::End(Verdict::Failed(_)));
        canary.called(failed, self.now_ms);
        if failed {
            self.one(step, before, As::Itself)
        } else {
            after
        }
    }

    fn one(&mut self, step: &Step, data: Document, as_what: As) -> After {
        // A step that may be skipped must leave no trace when it fails.
        let before = (step.policy() == OnFailure::Skip).then(|| data.clone());
        let shown = self.recorder.as_ref().map(|_| data.clone());
        let bytes_in = data.size_bound();
        // Where it is not wanted again the step has it alone, and changes it without a copy.
        let wanted = before.is_some() || shown.is_some() || matches!(as_what, As::Canary);
        let metadata = if wanted || !self.changes_metadata || !is_object(&self.metadata) {
            Arc::clone(&self.metadata)
        } else {
            std::mem::take(&mut self.metadata)
        };
        let returned = self.call(step, data, metadata);
        self.used += returned.used;
        let (mut data, spent, used) = (returned.data, returned.spent, returned.used);
        let metadata = returned.metadata;
        let changed_to_other = !Arc::ptr_eq(&metadata, &self.metadata) && !is_object(&metadata);
        let said = check_verdict(returned.result, &self.event.phase).and_then(|said| {
            let fault = || {
                Fault::new(
                    "verdict",
                    "metadata is an object, and it made something else of it",
                )
            };
            if changed_to_other { Err(fault()) } else { Ok(said) }
        });
        let said = said.map_err(|fault| {
            if returned.over_output {
                fault.over_output(&self.caller.config)
            } else {
                fault
            }
        });
        match (&mut self.recorder, &shown) {
            (Some(recorder), Some(shown)) => {
                let seen = Seen {
                    before: shown,
                    data: &data,
                    metadata: &self.metadata,
                    log: &returned.log,
                    time: used,
                    spent,
                };
                recorder.step(step, &said, &seen);
            }
            _ => {
                let bytes = (bytes_in, data.size_bound());
                self.observe(step, &said, (used, bytes), &returned.log);
            }
        }
        let lines = returned.log.into_iter();
        self.log.extend(lines.map(|line| (step.name.clone(), line)));
        let mut report = report(step, as_what, used);
        let after = match (said, before) {
            (Ok(said), _) => {
                self.metadata = metadata;
                (report.result, report.changed) = (said.result(), data.take_changes());
                said.verdict(&step.name).map_or(After::GoOn(data), After::End)
            }
            (Err(fault), before) => {
                report.failure = Some(fault.kind.to_owned());
                match before {
                    Some(before) => {
                        report.result = StepResult::Skipped;
                        After::GoOn(before)
                    }
                    None => {
                        report.result = StepResult::Failed;
                        After::End(Verdict::Failed(fault.of(&step.name)))
                    }
                }
            }
        };
        self.steps.push(report);
        after
    }

    fn call(
        &self,
        step: &Step,
        data: Document,
        metadata: Arc<Document>,
    ) -> Returned<Result<wit::Verdict, wit::Failure>> {
        let Some(component) = &step.component else {
            return Returned::failed(Fault::new("missing", "the component could not be loaded"), data);
        };
        // A dry run neither asks nor counts.
        let breaker = step.breaker.as_ref().filter(|_| self.recorder.is_none());
        let admission = match breaker.map(|breaker| breaker.lets_in(self.now_ms)) {
            Some(None) => return Returned::failed(circuit_opened(), data),
            Some(Some(admission)) => admission,
            None => Admission::Call,
        };
        let caller = self.caller.of(component.cached.class());
        let config = step.bounds.as_ref().unwrap_or(&caller.config);
        let left = config.chain_deadline.get().saturating_sub(self.used);
        let input = Input {
            data,
            metadata,
            changes_metadata: self.changes_metadata,
            settings: step.settings.clone(),
            tenant: Some(self.tenant.clone()),
            now_ms: self.now_ms,
            bounds: step.bounds.clone(),
            limit: left.min(config.call_deadline.get()),
        };
        let returned = self.caller.handle(&component.cached, input, &self.event);
        if let Some(breaker) = breaker {
            let broke = returned.result.as_ref().err().filter(|fault| broke(fault));
            let turned = breaker.called(admission, broke.is_some(), self.now_ms);
            self.turned(step, turned, broke.map_or("", |fault| fault.kind));
        }
        returned
    }

    /// Reports that a breaker opened, because of a failure of this kind, or closed.
    fn turned(&self, step: &Step, turned: Option<Turned>, kind: &'static str) {
        let (plugin, version) = (step.name.as_str(), step.version());
        match turned {
            None => return,
            Some(Turned::Open) => {
                tracing::warn!(tenant = %self.tenant, plugin, version, reason = kind, "plugin.circuit_opened");
                self.caller.incidents.tell(Incident::CircuitOpened {
                    tenant: self.tenant.clone(),
                    plugin: plugin.to_owned(),
                    version: version.to_owned(),
                    kind,
                });
            }
            Some(Turned::Closed) => {
                tracing::info!(tenant = %self.tenant, plugin, version, "plugin.circuit_closed");
            }
        }
        if let Some(account) = &step.account {
            account.breaker(turned == Some(Turned::Open));
        }
    }

    /// Records a call: metrics, the plugin's log for its author, and a log line if it failed.
    ///
    /// The line names the limit, never the message, which may hold any text of the plugin.
    fn observe(
        &self,
        step: &Step,
        said: &Result<StepVerdict, Fault>,
        (took, (bytes_in, bytes_out)): (Duration, (usize, usize)),
        lines: &[LogLine],
    ) {
        let fault = said.as_ref().err();
        if let Some(account) = &step.account {
            let goes_on = matches!(said, Ok(StepVerdict::Pass));
            let called = Called {
                verdict: said.as_ref().map_or(PluginVerdict::Failed, StepVerdict::metric),
                failure: fault.map(|fault| fault.kind),
                took,
                bytes_in,
                bytes_out: if goes_on { bytes_out } else { 0 },
                at_ms: self.now_ms,
            };
            let told = CallReport {
                event: &self.event.id,
                subscription: self.event.subscription.as_deref(),
                at_ms: self.now_ms,
                lines,
                fault,
            };
            account.called(&called, &told);
        }
        if let Some(fault) = fault {
            tracing::warn!(
                tenant = %self.tenant,
                event = self.event.id,
                plugin = step.name,
                version = step.version(),
                reason = fault.kind,
                "plugin.failed"
            );
        }
    }

    fn done(self, verdict: Verdict, data: Document) -> (Done, Ended) {
        let metadata = if verdict == Verdict::Pass {
            self.metadata
        } else {
            Arc::default()
        };
        let done = Done {
            verdict,
            data,
            metadata,
            steps: self.steps,
            log: self.log,
        };
        (done, Ended { used: self.used })
    }
}
