//! A chain, step by step, on a guest thread: what each step said, and what its failure means.

use std::sync::Arc;
use std::time::Duration;

use super::bindings::exports::hookgate::plugin::handler as wit;
use super::bindings::hookgate::plugin::types;
use super::call::{Caller, Input, Returned};
use super::config::Config;
use super::failure::Fault;
use super::log::{LogLine, escaped};
use super::{Call, Done, OnFailure, Phase, Step, Verdict};
use crate::document::{Document, Limits};
use crate::domain::event::{StepReport, StepResult};
use crate::domain::{EventId, EventType, Timestamp};

/// Runs a chain. `now_ms`: the time that all its steps see. Also gives the time that it took.
pub(super) fn chain(caller: &Caller, call: Call, pseudonym_key: [u8; 32], now_ms: u64) -> (Done, Duration) {
    let mut data = call.data;
    bound(&mut data, &caller.config);
    let mut run = Run {
        event: event_info(&call.id, &call.kind, call.created, &call.phase),
        caller,
        metadata: call.metadata,
        pseudonym_key,
        now_ms,
        used: Duration::ZERO,
        steps: Vec::with_capacity(call.chain.steps.len()),
        log: Vec::new(),
    };
    for step in &call.chain.steps {
        match run.step(step, data) {
            After::GoOn(next) => data = next,
            After::End(verdict) => return run.done(verdict, Document::default()),
        }
    }
    run.done(Verdict::Pass, data)
}

/// From here on the document keeps to the limit of the chain's output, and notes what is changed.
fn bound(data: &mut Document, config: &Config) {
    let bytes = data
        .size_bound()
        .saturating_mul(2)
        .saturating_add(config.growth.bytes());
    data.set_limits(Limits {
        bytes,
        depth: config.depth as usize,
    });
    data.take_changes();
}

fn event_info(id: &EventId, kind: &EventType, created: Timestamp, phase: &Phase) -> types::EventInfo {
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

/// A chain on its way.
struct Run<'a> {
    caller: &'a Caller,
    event: types::EventInfo,
    metadata: Arc<Document>,
    pseudonym_key: [u8; 32],
    now_ms: u64,
    used: Duration,
    steps: Vec<StepReport>,
    log: Vec<(String, LogLine)>,
}

enum After {
    GoOn(Document),
    End(Verdict),
}

impl Run<'_> {
    fn step(&mut self, step: &Step, data: Document) -> After {
        // A step that may be skipped must be able to leave no trace.
        let before = (step.policy() == OnFailure::Skip).then(|| data.clone());
        let mut returned = self.call(step, data);
        self.used += returned.used;
        self.log
            .extend(returned.log.into_iter().map(|line| (step.name.clone(), line)));
        let said = judge(returned.result, &self.event);
        match said.map_err(|fault| {
            if returned.over_output {
                fault.over_output(&self.caller.config)
            } else {
                fault
            }
        }) {
            Ok(said) => {
                let result = if matches!(said, Said::Drop(_)) {
                    StepResult::Dropped
                } else {
                    StepResult::Passed
                };
                self.report(step, result, returned.data.take_changes());
                match said.verdict(&step.name) {
                    None => After::GoOn(returned.data),
                    Some(verdict) => After::End(verdict),
                }
            }
            Err(fault) => match before {
                Some(before) => {
                    self.report(step, StepResult::Skipped, Vec::new());
                    After::GoOn(before)
                }
                None => After::End(Verdict::Failed(fault.of(&step.name))),
            },
        }
    }

    fn call(&self, step: &Step, data: Document) -> Returned<Result<wit::Verdict, wit::Failure>> {
        let Some(component) = &step.component else {
            return Returned::failed(Fault::new("missing", "the component could not be loaded"), data);
        };
        let config = &self.caller.config;
        let left = config.chain_deadline.get().saturating_sub(self.used);
        let input = Input {
            data,
            metadata: self.metadata.clone(),
            settings: step.settings.clone(),
            pseudonym_key: self.pseudonym_key,
            now_ms: self.now_ms,
            limit: left.min(config.call_deadline.get()),
        };
        self.caller.handle(&component.linked, input, &self.event)
    }

    fn report(&mut self, step: &Step, result: StepResult, changed: Vec<String>) {
        let digest = step.component.as_ref().map_or("", |component| &component.digest);
        self.steps.push(StepReport {
            plugin: step.name.clone(),
            version: digest.chars().take(VERSION_DIGITS).collect(),
            result,
            changed,
        });
    }

    fn done(self, verdict: Verdict, data: Document) -> (Done, Duration) {
        let done = Done {
            verdict,
            data,
            steps: self.steps,
            log: self.log,
        };
        (done, self.used)
    }
}

/// A plugin's verdict within its bounds.
enum Said {
    Pass,
    Drop(String),
    Reject { code: String, message: String },
    Delay(Duration),
}

impl Said {
    fn verdict(self, plugin: &str) -> Option<Verdict> {
        let plugin = plugin.to_owned();
        Some(match self {
            Self::Pass => return None,
            Self::Drop(reason) => Verdict::Drop { plugin, reason },
            Self::Reject { code, message } => Verdict::Reject {
                plugin,
                code,
                message,
            },
            Self::Delay(by) => Verdict::Delay { plugin, by },
        })
    }
}

/// What a plugin said, if its phase lets it.
fn judge(
    result: Result<Result<wit::Verdict, wit::Failure>, Fault>,
    event: &types::EventInfo,
) -> Result<Said, Fault> {
    let at_ingress = matches!(event.phase, types::Phase::Ingress);
    match result? {
        Ok(wit::Verdict::Pass) => Ok(Said::Pass),
        Ok(wit::Verdict::Drop(reason)) => Ok(Said::Drop(escaped(&reason, REASON_BYTES))),
        Ok(wit::Verdict::Reject(rejection)) if at_ingress => Ok(Said::Reject {
            code: escaped(&rejection.code, CODE_BYTES),
            message: escaped(&rejection.message, MESSAGE_BYTES),
        }),
        Ok(wit::Verdict::Delay(ms)) if !at_ingress => {
            Ok(Said::Delay(Duration::from_millis(ms.into()).min(LONGEST_DELAY)))
        }
        Ok(wit::Verdict::Reject(_)) => Err(Fault::new("verdict", "only a step at ingress can reject")),
        Ok(wit::Verdict::Delay(_)) => Err(Fault::new("verdict", "only a step at delivery can delay")),
        Err(failure) => Err(Fault::new("refused", &refusal(&failure))),
    }
}

fn refusal(failure: &wit::Failure) -> String {
    let code = match failure.code {
        types::FailureCode::BadSettings => "bad settings",
        types::FailureCode::BadPayload => "bad payload",
        types::FailureCode::Internal => "internal",
    };
    format!("{code}: {}", failure.message)
}

const VERSION_DIGITS: usize = 12;
const REASON_BYTES: usize = 256;
const CODE_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 1_024;
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);
