//! Binary encoding of stored records, the same in every store: events, deliveries, attempts.
//!
//! A record begins with the version of its layout. An unreadable record is `StoreError::Corrupt`,
//! never a panic, and the error omits the content. The size of a record is bounded by the data,
//! metadata or answer in it plus [`MOST_BESIDE`]: the details of steps and outcomes are truncated.
//! Integers are LEB128, texts and bytes are preceded by their length, a list by its count. The
//! tenant and the id are in the store's key and not repeated in the record.

mod attempt_log;
mod series;
mod stats;
mod trace;
mod unsent;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use compact_str::CompactString;
use url::Url;

use hookgate_domain::delivery::Stage;
use hookgate_domain::event::{RulesMark, StepResult};
use hookgate_domain::{
    Attempt, DeliveryState, Event, EventId, Fate, Hops, Outcome, Stats, StepReport, SubscriptionId, Target,
    TenantId, Timestamp, Trigger,
};

use super::StoreError;
pub(crate) use attempt_log::{LogBlock, decode_logged, encode_logged};
pub(crate) use series::{decode_cells, encode_cells};
pub(crate) use stats::StatsRecord;
use wire::{Reader, Writer};

/// Layout version that is written.
const VERSION: u8 = 1;
/// Layout version of events, which contain the time of acceptance since version 2.
/// Version 1 is read as well.
const EVENT_VERSION: u8 = 2;
/// Maximum overhead of a record in bytes.
/// That is its size less data, metadata, a body, an answer, the URL of an event and 17 bytes for
/// each target.
#[cfg(test)]
pub(crate) const MOST_BESIDE: usize = 96 << 10;
/// Maximum number of chain steps that are stored.
const MOST_STEPS: usize = 64;
/// Maximum bytes of pointers that are stored for all steps.
const MOST_CHANGED: usize = 32 << 10;
/// Placeholder of truncated pointers; not a valid pointer.
const MORE: &str = "…";
/// Maximum bytes of names, versions and kinds.
const MOST_NAME: usize = 128;
/// Maximum bytes of a reason.
const MOST_REASON: usize = 4 << 10;
/// Flag of a step's result: its version, failure and time follow; otherwise they are unknown.
const TOLD_IN_FULL: u8 = 0x10;
/// Flag of a step's result: in the following pointers, keys that the plugin did not spell are `*`.
/// Records without it, of release 0.1.0, may name keys that were removed: their pointers are not
/// read.
const KEYS_WITHHELD: u8 = 0x20;
/// Marker in the place of an outcome: the steps of the delivery chain come first.
const STEPS: u8 = 0x40;
/// Marker in the place of an event's fate: the hops, if it passed other gateways.
/// The fate follows.
const HOPS: u8 = 0x40;
const FIRST_HOPS: u8 = HOPS | 1;
const LAST_HOPS: u8 = HOPS | Hops::MAX.get();

/// An event with the targets that it was accepted for.
pub(crate) fn encode_event(event: &Event, targets: &[Target]) -> Vec<u8> {
    let mut out = Writer::new(EVENT_VERSION, event.data.len() + 64 + 17 * targets.len());
    out.text(event.kind.as_str());
    out.time(event.created);
    out.option(event.metadata.as_ref(), |out, metadata| out.packed(metadata));
    out.option(event.deliver_to.as_ref(), |out, url| out.text(url.as_str()));
    if event.hops > Hops::default() {
        out.byte(HOPS | event.hops.get());
    }
    trace::write(&mut out, event.trace.as_deref());
    write_fate(&mut out, &event.fate);
    write_steps(&mut out, &event.steps);
    out.list(targets, |out, target| out.target(*target));
    out.packed(&event.data);
    out.number(event.rules.0);
    out.time(event.accepted);
    out.finish()
}

/// Decodes a record of `encode_event`.
///
/// # Errors
/// `Corrupt` if it is not such a record.
pub(crate) fn decode_event(
    tenant: &TenantId,
    id: &EventId,
    record: &Bytes,
) -> Result<(Event, Vec<Target>), StoreError> {
    let (mut from, version) = Reader::of_any(record, VERSION..=EVENT_VERSION, "event")?;
    let kind = from.parsed()?;
    let created = from.time()?;
    let metadata = from.option(Reader::packed)?;
    let deliver_to = from.option(Reader::parsed::<Url>)?;
    let (hops, tag) = match from.byte()? {
        hops @ FIRST_HOPS..=LAST_HOPS => (hops & !HOPS, from.byte()?),
        tag => (0, tag),
    };
    let (trace, tag) = trace::read(&mut from, tag)?;
    let fate = read_fate(&mut from, tag)?;
    let steps = from.list(read_step)?;
    let targets = from.list(Reader::target)?;
    let data = from.packed()?;
    let rules = from.number()?;
    let accepted = if version == VERSION { created } else { from.time()? };
    from.end()?;
    let event = Event {
        id: id.clone(),
        tenant: tenant.clone(),
        kind,
        created,
        accepted,
        data,
        metadata,
        deliver_to,
        fate,
        steps,
        rules: RulesMark(rules),
        hops: Hops::new(hops),
        trace,
    };
    Ok((event, targets))
}

/// Stored record of a delivery, without its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DeliveryRecord {
    /// Origin of the delivery.
    pub(crate) trigger: Trigger,
    /// Current state.
    pub(crate) state: DeliveryState,
    /// Number of attempts made.
    pub(crate) attempts: u32,
    /// Time of the first attempt.
    pub(crate) first_attempt: Option<Timestamp>,
    /// The last attempt.
    pub(crate) last: Option<Attempt>,
    /// Body made by a delivery chain, sent at every attempt.
    pub(crate) body: Option<Bytes>,
}

impl DeliveryRecord {
    /// Encodes the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 64 + self.body.as_ref().map_or(0, Bytes::len));
        out.trigger(self.trigger);
        write_state(&mut out, self.state);
        out.number(self.attempts.into());
        out.option(self.first_attempt.as_ref(), |out, at| out.time(*at));
        out.option(self.last.as_ref(), write_attempt);
        out.option(self.body.as_ref(), |out, body| out.packed(body));
        out.finish()
    }

    /// Decodes a record of `encode`.
    ///
    /// # Errors
    /// `Corrupt` if it is not such a record.
    pub(crate) fn decode(record: &Bytes) -> Result<Self, StoreError> {
        let mut from = Reader::new(record, VERSION, "delivery")?;
        let read = Self {
            trigger: from.trigger()?,
            state: read_state(&mut from)?,
            attempts: from.small()?,
            first_attempt: from.option(Reader::time)?,
            last: from.option(read_attempt)?,
            body: from.option(Reader::packed)?,
        };
        from.end()?;
        Ok(read)
    }
}

/// Encodes an attempt.
pub(crate) fn encode_attempt(attempt: &Attempt) -> Vec<u8> {
    let mut out = Writer::new(VERSION, 32 + attempt.response.len());
    write_attempt(&mut out, attempt);
    out.finish()
}

/// Decodes a record of `encode_attempt`.
///
/// # Errors
/// `Corrupt` if it is not such a record.
pub(crate) fn decode_attempt(record: &Bytes) -> Result<Attempt, StoreError> {
    let mut from = Reader::new(record, VERSION, "attempt")?;
    let attempt = read_attempt(&mut from)?;
    from.end()?;
    Ok(attempt)
}

fn write_fate(out: &mut Writer, fate: &Fate) {
    match fate {
        Fate::Published => out.byte(0),
        Fate::Filtered { reason } => {
            out.byte(1);
            out.cut_text(reason, MOST_REASON);
        }
        Fate::Test => out.byte(2),
    }
}

fn read_fate(from: &mut Reader, tag: u8) -> Result<Fate, StoreError> {
    Ok(match tag {
        0 => Fate::Published,
        1 => Fate::Filtered { reason: from.text()? },
        2 => Fate::Test,
        _ => return Err(from.corrupt()),
    })
}

/// Writes steps within a bound on the pointers of all steps together.
/// Without it a tenant's chain could make records many times as large as its events.
fn write_steps(out: &mut Writer, steps: &[StepReport]) {
    let steps = &steps[..steps.len().min(MOST_STEPS)];
    out.number(steps.len() as u64);
    let mut room = MOST_CHANGED;
    for step in steps {
        write_step(out, step, &mut room);
    }
}

fn write_step(out: &mut Writer, step: &StepReport, room: &mut usize) {
    out.cut_text(&step.plugin, MOST_NAME);
    out.cut_text(&step.version, MOST_NAME);
    let result = match step.result {
        StepResult::Passed => 0,
        StepResult::Dropped => 1,
        StepResult::Skipped => 2,
        StepResult::Failed => 3,
    };
    out.byte(result | TOLD_IN_FULL | KEYS_WITHHELD);
    out.cut_text(&step.release, MOST_NAME);
    out.byte(u8::from(step.canary));
    out.option(step.failure.as_ref(), |out, kind| out.cut_text(kind, MOST_NAME));
    out.duration(step.took);
    let fits = |pointer: &&String| {
        let left = room.checked_sub(pointer.len() + 4);
        *room = left.unwrap_or(*room);
        left.is_some()
    };
    let shown = step.changed.iter().take_while(fits).count();
    let cut = shown < step.changed.len();
    out.number((shown + usize::from(cut)) as u64);
    for pointer in &step.changed[..shown] {
        out.text(pointer);
    }
    if cut {
        out.text(MORE);
    }
}

fn read_step(from: &mut Reader) -> Result<StepReport, StoreError> {
    let (plugin, version, tag) = (from.text()?, from.text()?, from.byte()?);
    let result = match tag & !(TOLD_IN_FULL | KEYS_WITHHELD) {
        0 => StepResult::Passed,
        1 => StepResult::Dropped,
        2 => StepResult::Skipped,
        3 => StepResult::Failed,
        _ => return Err(from.corrupt()),
    };
    let (release, canary, failure, took) = if tag & TOLD_IN_FULL == 0 {
        (CompactString::default(), false, None, Duration::ZERO)
    } else {
        let (release, canary) = (from.text()?.into(), from.byte()? != 0);
        (release, canary, from.option(Reader::text)?, from.duration()?)
    };
    let mut changed = from.list(Reader::text)?;
    if tag & KEYS_WITHHELD == 0 && !changed.is_empty() {
        changed = vec![MORE.to_owned()];
    }
    Ok(StepReport {
        plugin,
        version,
        release,
        canary,
        result,
        failure,
        took,
        changed,
    })
}

fn write_state(out: &mut Writer, state: DeliveryState) {
    let (tag, at) = match state {
        DeliveryState::Pending { next } => (0, next),
        DeliveryState::Delivered { at } => (1, at),
        DeliveryState::Dead { at } => (2, at),
        DeliveryState::Cancelled { at } => (3, at),
        DeliveryState::Shadowed { at } => (4, at),
    };
    out.byte(tag);
    out.time(at);
}

fn read_state(from: &mut Reader) -> Result<DeliveryState, StoreError> {
    let (tag, at) = (from.byte()?, from.time()?);
    Ok(match tag {
        0 => DeliveryState::Pending { next: at },
        1 => DeliveryState::Delivered { at },
        2 => DeliveryState::Dead { at },
        3 => DeliveryState::Cancelled { at },
        4 => DeliveryState::Shadowed { at },
        _ => return Err(from.corrupt()),
    })
}

fn write_attempt(out: &mut Writer, attempt: &Attempt) {
    out.number(attempt.number.into());
    out.time(attempt.started);
    out.duration(attempt.took);
    if !attempt.steps.is_empty() {
        out.byte(STEPS);
        write_steps(out, &attempt.steps);
    }
    write_outcome(out, &attempt.outcome);
    out.packed(&attempt.response);
}

fn read_attempt(from: &mut Reader) -> Result<Attempt, StoreError> {
    let (number, started, took) = (from.small()?, from.time()?, from.duration()?);
    let (steps, tag) = match from.byte()? {
        STEPS => (from.list(read_step)?, from.byte()?),
        tag => (Vec::new(), tag),
    };
    Ok(Attempt {
        number,
        started,
        took,
        outcome: read_outcome(from, tag)?,
        response: from.packed()?.to_vec(),
        steps,
    })
}

fn write_outcome(out: &mut Writer, outcome: &Outcome) {
    match outcome {
        Outcome::Delivered { status } => {
            out.byte(0);
            out.number((*status).into());
        }
        Outcome::Refused { status, retry_after } => {
            out.byte(1);
            out.number((*status).into());
            out.option(retry_after.as_ref(), |out, wait| out.duration(*wait));
        }
        Outcome::TimedOut { during } => {
            out.byte(2);
            out.byte(stage_tag(*during));
        }
        Outcome::Unreachable { during, reason } => {
            out.byte(3);
            out.byte(stage_tag(*during));
            out.cut_text(reason, MOST_REASON);
        }
        Outcome::Blocked { reason } => {
            out.byte(4);
            out.cut_text(reason, MOST_REASON);
        }
        Outcome::PluginFailed { plugin, reason } => {
            out.byte(5);
            out.cut_text(plugin, MOST_NAME);
            out.cut_text(reason, MOST_REASON);
        }
        Outcome::Postponed { by } => {
            out.byte(6);
            out.duration(*by);
        }
        Outcome::Dropped { plugin, reason } => {
            out.byte(7);
            out.cut_text(plugin, MOST_NAME);
            out.cut_text(reason, MOST_REASON);
        }
        Outcome::Crashed { times } => {
            out.byte(8);
            out.number((*times).into());
        }
        Outcome::Shadowed { request } => {
            out.byte(9);
            unsent::write(out, request);
        }
    }
}

fn read_outcome(from: &mut Reader, tag: u8) -> Result<Outcome, StoreError> {
    Ok(match tag {
        0 => Outcome::Delivered {
            status: from.small()?,
        },
        1 => Outcome::Refused {
            status: from.small()?,
            retry_after: from.option(Reader::duration)?,
        },
        2 => Outcome::TimedOut {
            during: read_stage(from)?,
        },
        3 => Outcome::Unreachable {
            during: read_stage(from)?,
            reason: from.text()?,
        },
        4 => Outcome::Blocked { reason: from.text()? },
        5 => Outcome::PluginFailed {
            plugin: from.text()?,
            reason: from.text()?,
        },
        6 => Outcome::Postponed { by: from.duration()? },
        7 => Outcome::Dropped {
            plugin: from.text()?,
            reason: from.text()?,
        },
        8 => Outcome::Crashed { times: from.small()? },
        9 => Outcome::Shadowed {
            request: Box::new(unsent::read(from)?),
        },
        _ => return Err(from.corrupt()),
    })
}

fn stage_tag(stage: Stage) -> u8 {
    match stage {
        Stage::Resolve => 0,
        Stage::Connect => 1,
        Stage::Tls => 2,
        Stage::Send => 3,
        Stage::Head => 4,
        Stage::Body => 5,
    }
}

fn read_stage(from: &mut Reader) -> Result<Stage, StoreError> {
    Ok(match from.byte()? {
        0 => Stage::Resolve,
        1 => Stage::Connect,
        2 => Stage::Tls,
        3 => Stage::Send,
        4 => Stage::Head,
        5 => Stage::Body,
        _ => return Err(from.corrupt()),
    })
}

impl Writer {
    fn time(&mut self, at: Timestamp) {
        self.number(at.as_micros());
    }

    fn trigger(&mut self, trigger: Trigger) {
        self.byte(match trigger {
            Trigger::Published => 0,
            Trigger::Replay => 1,
            Trigger::Test => 2,
        });
    }

    fn target(&mut self, target: Target) {
        match target {
            Target::Inline => self.byte(0),
            Target::Subscription(id) => {
                self.byte(1);
                self.raw(&id.ulid().to_bytes());
            }
        }
    }
}

impl Reader<'_> {
    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.number().map(Timestamp::from_micros)
    }

    fn trigger(&mut self) -> Result<Trigger, StoreError> {
        Ok(match self.byte()? {
            0 => Trigger::Published,
            1 => Trigger::Replay,
            2 => Trigger::Test,
            _ => return Err(self.corrupt()),
        })
    }

    fn target(&mut self) -> Result<Target, StoreError> {
        Ok(match self.byte()? {
            0 => Target::Inline,
            1 => Target::Subscription(SubscriptionId::new(ulid::Ulid::from_bytes(self.array()?))),
            _ => return Err(self.corrupt()),
        })
    }
}

#[cfg(test)]
mod tests;
