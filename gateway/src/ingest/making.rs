//! Processing of one event: schema check, privacy rules, ingress chain, and subscription filters.
//!
//! It is configured by the tenant and runs in the tenant's lane (`plugin::lane`): one job, with one
//! budget for everything except the chain, which has limits of its own. Only work that is certain
//! to be less than [`WorkBudget::SMALL`] is done at once, on the request's thread: for a tenant
//! without a chain, as long as the small budget suffices. Repeatable checks (the schema, the
//! filters) are tried; the data is changed only if its size guarantees little work.

use std::sync::Arc;

use bytes::Bytes;

use super::Parts;
use super::candidate::Candidate;
use super::run_chain::{invalid, too_much_work};
use crate::dispatch::fan_out;
use crate::http::{Code, FieldError, Problem};
use crate::system_events::PluginFailing;
use hookgate_contract::privacy::Rules;
use hookgate_domain::{Event, EventId, EventType, Fate, Hops, StepReport, Target, Timestamp};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, Limits, Object, Value};
use hookgate_plugin_host::{Call, Phase, TenantLane, Verdict};
use hookgate_registry::Tenant;
use hookgate_runtime::telemetry::traces::{Recording, Span};
use hookgate_store::NewEvent;

/// Data of an event apart from its payload.
pub(super) struct Making {
    tenant: Arc<Tenant>,
    kind: EventType,
    id: EventId,
    id_given: bool,
    created: Timestamp,
    accepted: Timestamp,
    deliver_to: Option<url::Url>,
    /// Prefix of pointers in problems.
    prefix: String,
    purpose: Purpose,
    /// Trace of the request, if it is recorded.
    trace: Option<Recording>,
}

/// Progress of the processing.
pub(super) enum Begun {
    /// The data is as it was sent.
    Sent {
        data: Document,
        metadata: Option<Document>,
    },
    /// The data is in its stored form; only the filters are left.
    Cleared { data: Document, metadata: Option<Bytes> },
}

impl Begun {
    /// Starts the processing of a candidate.
    pub(super) fn of(candidate: Candidate, limits: Limits) -> Self {
        let metadata = candidate.metadata;
        Self::Sent {
            data: Document::from_value(candidate.data, limits),
            metadata: metadata.map(|value| Document::from_value(value, limits)),
        }
    }
}

/// Purpose of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Published: every matching subscription receives it.
    Publish,
    /// Test of one subscription; neither its filter nor the schema is checked.
    Test,
}

/// Result of the processing on the request's thread.
pub(super) enum AtOnce {
    Made(Result<NewEvent, Problem>),
    /// There may be more work than is done here.
    Later(Begun),
}

/// Reason why an event is not created.
pub(super) enum Refused {
    Problem(Problem),
    /// Verdict of the chain, and the event's prefix.
    Verdict(Verdict, String),
}

/// Result of a job in the lane.
pub(super) struct Ran {
    pub(super) made: Result<NewEvent, Refused>,
    /// Failed steps of the chain.
    pub(super) failing: Vec<PluginFailing>,
}

/// Reason why a part of the processing stopped.
enum Stopped {
    Problem(Problem),
    /// It takes too much work.
    Overworked(String, TooMuchWork),
}

impl Making {
    /// Starts the processing of a candidate.
    pub(super) fn of(
        tenant: &Arc<Tenant>,
        candidate: &Candidate,
        prefix: String,
        (purpose, trace): (Purpose, Option<Recording>),
        parts: &Parts,
    ) -> Self {
        let id = candidate.id.clone();
        let now = parts.clock.now();
        Self {
            tenant: Arc::clone(tenant),
            kind: candidate.kind.clone(),
            id_given: id.is_some(),
            id: id.unwrap_or_else(|| parts.ids.event()),
            created: candidate.created.unwrap_or(now),
            accepted: now,
            deliver_to: candidate.deliver_to.clone(),
            prefix,
            purpose,
            trace,
        }
    }

    /// Processes the event on the request's thread if that is little work.
    pub(super) fn at_once(&self, begun: Begun) -> AtOnce {
        let work = WorkBudget::small();
        let Begun::Sent {
            mut data,
            mut metadata,
        } = begun
        else {
            return AtOnce::Later(begun);
        };
        if self.tenant.chain.is_some() {
            return AtOnce::Later(Begun::Sent { data, metadata });
        }
        match self.check(data.root(), &work) {
            Ok(()) => {}
            Err(Stopped::Problem(problem)) => return AtOnce::Made(Err(problem)),
            Err(Stopped::Overworked(..)) => return AtOnce::Later(Begun::Sent { data, metadata }),
        }
        if let Some(rules) = self.rules() {
            let bytes = data.size_bound() + metadata.as_ref().map_or(0, Document::size_bound);
            let most = rules.most_work(bytes);
            if most.is_none_or(|most| most > work.left()) {
                return AtOnce::Later(Begun::Sent { data, metadata });
            }
            if let Err(stopped) = self.clear(&mut data, &mut metadata, &work) {
                return AtOnce::Made(Err(stopped.into()));
            }
        }
        let metadata = metadata.as_ref().map(Document::to_bytes);
        match self.finish(&data, metadata.clone(), Vec::new(), &work) {
            Ok(made) => AtOnce::Made(Ok(made)),
            Err(Stopped::Problem(problem)) => AtOnce::Made(Err(problem)),
            Err(Stopped::Overworked(..)) => AtOnce::Later(Begun::Cleared { data, metadata }),
        }
    }

    /// Processes the event in the tenant's lane.
    pub(super) fn in_lane(self, begun: Begun, lane: &mut TenantLane<'_>) -> Ran {
        let mut failing = Vec::new();
        let made = self.make(begun, lane, &mut failing);
        Ran { made, failing }
    }

    fn make(
        self,
        begun: Begun,
        lane: &mut TenantLane<'_>,
        failing: &mut Vec<PluginFailing>,
    ) -> Result<NewEvent, Refused> {
        let work = lane.work();
        let (mut data, mut metadata) = match begun {
            Begun::Sent { data, metadata } => (data, metadata),
            Begun::Cleared { data, metadata } => {
                return Ok(self.finish(&data, metadata, Vec::new(), &work)?);
            }
        };
        self.check(data.root(), &work)?;
        self.clear(&mut data, &mut metadata, &work)?;
        let Some(chain) = &self.tenant.chain else {
            let metadata = metadata.as_ref().map(Document::to_bytes);
            return Ok(self.finish(&data, metadata, Vec::new(), &work)?);
        };
        let has_metadata = metadata.is_some();
        let span = self.chain_span();
        let done = lane.chain(Call {
            tenant: self.tenant.id.clone(),
            chain: Arc::clone(chain),
            id: self.id.clone(),
            kind: self.kind.clone(),
            created: self.created,
            phase: Phase::Ingress,
            metadata: Arc::new(metadata.unwrap_or_else(empty_object)),
            data,
        });
        if let Some(span) = span {
            done.record(span);
        }
        let failures = done.failures();
        failing.extend(failures.map(|(step, kind)| PluginFailing::of(&self.tenant.id, step, kind)));
        match done.verdict {
            Verdict::Pass => {
                let mut data = done.data;
                let metadata = Arc::unwrap_or_clone(done.metadata);
                let mut metadata = (has_metadata || !is_empty(&metadata)).then_some(metadata);
                // Removes fields that a plugin put back.
                self.clear(&mut data, &mut metadata, &work)?;
                let metadata = metadata.as_ref().map(Document::to_bytes);
                Ok(self.finish(&data, metadata, done.steps, &work)?)
            }
            Verdict::Drop { reason, .. } => Ok(self.dropped(reason, done.steps)),
            refusal => Err(Refused::Verdict(refusal, self.prefix)),
        }
    }

    /// Begins the span of the chain, if the trace is recorded.
    fn chain_span(&self) -> Option<Span> {
        let mut span = self.trace.as_ref()?.span("chain")?;
        span.set("hookgate.chain", "ingress");
        span.set("messaging.message.id", self.id.as_str().to_owned());
        span.set("hookgate.event.type", self.kind.as_str().to_owned());
        Some(span)
    }

    fn rules(&self) -> Option<&Rules> {
        self.tenant.privacy.of(&self.kind)
    }

    /// Checks the data against the schema of the event's type, if the type requires it.
    fn check(&self, data: &Value, work: &WorkBudget) -> Result<(), Stopped> {
        let kind = self.tenant.types.get(&self.kind);
        let check = kind.and_then(|kind| kind.check());
        let Some(check) = check.filter(|_| self.purpose == Purpose::Publish) else {
            return Ok(());
        };
        let checked = check.data(data, work);
        let violations = checked.map_err(|cause| {
            let what = format!("The schema of the event type `{}`", self.kind);
            Stopped::Overworked(what, cause)
        })?;
        if violations.is_empty() {
            return Ok(());
        }
        let errors = violations.into_iter().map(|violation| {
            let pointer = format!("{}/data{}", self.prefix, violation.pointer);
            FieldError::new(pointer, violation.message)
        });
        let problem = Problem::fields(Code::SchemaMismatch, errors.collect());
        Err(Stopped::Problem(problem))
    }

    /// Removes confidential fields.
    fn clear(
        &self,
        data: &mut Document,
        metadata: &mut Option<Document>,
        work: &WorkBudget,
    ) -> Result<(), Stopped> {
        let Some(rules) = self.rules() else { return Ok(()) };
        let cleared = rules.apply(data, work);
        let cleared = cleared.and_then(|()| rules.apply_to_metadata(metadata, work));
        cleared.map_err(|cause| self.unclassified(cause))
    }

    fn unclassified(&self, cause: TooMuchWork) -> Stopped {
        let what = format!("The classification of the data of the event type `{}`", self.kind);
        Stopped::Overworked(what, cause)
    }

    /// Event with its targets; its data is in the stored form.
    fn finish(
        &self,
        data: &Document,
        metadata: Option<Bytes>,
        steps: Vec<StepReport>,
        work: &WorkBudget,
    ) -> Result<NewEvent, Stopped> {
        let contract = self.tenant.contract.as_ref();
        let signable = contract.map(|profile| profile.check_data(data.root()));
        if let Some(Err(unsendable)) = signable {
            let problem = invalid(&self.prefix, "data", unsendable.to_string());
            return Err(Stopped::Problem(problem));
        }
        let subscriptions = match self.purpose {
            Purpose::Publish => self.tenant.subscriptions.as_slice(),
            Purpose::Test => &[],
        };
        let targets = fan_out(&self.kind, data.root(), subscriptions, work);
        let mut targets = targets.map_err(|overworked| {
            let what = format!("The filter of the subscription `{}`", overworked.subscription);
            Stopped::Overworked(what, overworked.cause)
        })?;
        targets.extend(self.deliver_to.iter().map(|_| Target::Inline));
        let event = Event {
            data: data.to_bytes(),
            metadata,
            deliver_to: self.deliver_to.clone(),
            ..self.event(Fate::Published, steps)
        };
        Ok(NewEvent {
            event: Arc::new(event),
            targets,
            id_given: self.id_given,
        })
    }

    /// Stored form of a dropped event: its arrival and the reason.
    /// The metadata is not stored, because it was not screened either.
    fn dropped(&self, reason: String, steps: Vec<StepReport>) -> NewEvent {
        NewEvent {
            event: Arc::new(self.event(Fate::Filtered { reason }, steps)),
            targets: Vec::new(),
            id_given: self.id_given,
        }
    }

    fn event(&self, fate: Fate, steps: Vec<StepReport>) -> Event {
        Event {
            id: self.id.clone(),
            tenant: self.tenant.id.clone(),
            kind: self.kind.clone(),
            created: self.created,
            accepted: self.accepted,
            data: Bytes::new(),
            metadata: None,
            deliver_to: None,
            fate,
            steps,
            rules: self.rules().map(Rules::mark).unwrap_or_default(),
            hops: Hops::default(),
            trace: None,
        }
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Problem(problem) => problem,
            Stopped::Overworked(what, cause) => too_much_work(&what, cause),
        }
    }
}

impl From<Stopped> for Refused {
    fn from(stopped: Stopped) -> Self {
        Self::Problem(stopped.into())
    }
}

fn is_empty(metadata: &Document) -> bool {
    metadata.root().as_object().is_some_and(Object::is_empty)
}

fn empty_object() -> Document {
    Document::from_value(Value::Object(Object::new()), Limits::default())
}
