//! Time series of what a tenant accepts and attempts: counts by minute and by hour, of all of it, by target and by type.
//!
//! They are counted in memory as batches are committed (`group`) and added to the store every few seconds, so that an event's way
//! has no write more. A process that is killed loses what it had not added; the attempt log has lost nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Accepted, Next, Settled, Settlement, StoreError, Submission};
use hookgate_domain::event::StepResult;
use hookgate_domain::stats::{CELLS, Counts, DEAD, cell};
use hookgate_domain::{
    EventType, Fate, Outcome, StatusClass, StepReport, Target, TenantId, Timestamp, Trigger,
};

mod gauge;

pub use gauge::{Sample, TenantSample, Waiting};

/// A store's time series. A part of [`Store`](super::Store).
#[async_trait]
pub trait Series: Send + Sync {
    /// Adds counts, by minute and by hour. What is not known to be added is lost: nothing is added twice.
    async fn roll_up(&self, counts: Vec<RollUp>) -> Result<(), StoreError>;

    /// A tenant's counts of one kind in the steps that begin at `from` or later and before `until`, the oldest first.
    async fn series(
        &self,
        tenant: &TenantId,
        kind: SeriesKind,
        step: SeriesStep,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, StoreError>;

    /// Pending deliveries of those of a tenant's targets that have some.
    async fn waiting(&self, tenant: &TenantId, targets: &[Target]) -> Result<Vec<Waiting>, StoreError>;
}

/// Counts of a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollUp {
    /// The tenant.
    pub tenant: TenantId,
    /// Start of the minute.
    pub minute: Timestamp,
    /// Subject of the counts.
    pub key: SeriesKey,
    /// The counts.
    pub cells: Cells,
}

/// Counts of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Start of the step.
    pub start: Timestamp,
    /// Subject of the counts.
    pub key: SeriesKey,
    /// The counts.
    pub cells: Cells,
}

/// Subject of counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SeriesKey {
    /// All of a tenant's.
    All,
    /// Attempts to a target.
    Target(Target),
    /// Events of a type and their attempts.
    Type(EventType),
    /// Calls of a plugin, by its name.
    Plugin(String),
    /// Of more targets than are kept apart.
    OtherTargets,
    /// Of more types than are kept apart.
    OtherTypes,
    /// Of more plugins than are kept apart.
    OtherPlugins,
}

/// Kind of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesKind {
    /// `All`.
    All,
    /// `Target`, `OtherTargets`.
    Targets,
    /// `Type`, `OtherTypes`.
    Types,
    /// `Plugin`, `OtherPlugins`.
    Plugins,
}

/// Length of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesStep {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

/// Counts: attempts by what they came to and how long they took, by class, events that were accepted, what plugins did, and
/// samples of what is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells(pub [u64; SERIES_CELLS]);

/// Number of counts.
pub const SERIES_CELLS: usize = OVERDUE + 1;
const CLASSES: usize = CELLS;
const ACCEPTED: usize = CLASSES + StatusClass::ALL.len();
const DROPPED: usize = ACCEPTED + 1;
const REDACTED: usize = DROPPED + 1;
const CALLS: usize = REDACTED + 1;
const CALLS_FAILED: usize = CALLS + 1;
const SAMPLES: usize = CALLS_FAILED + 1;
const PENDING: usize = SAMPLES + 1;
const OVERDUE: usize = PENDING + 1;
/// Maximum of targets, of types, and of plugins, of a tenant that one process keeps apart in an hour. The rest is counted as `other`.
pub const MOST_KEYS: usize = 100;

impl SeriesKey {
    /// Its kind.
    pub fn kind(&self) -> SeriesKind {
        match self {
            Self::All => SeriesKind::All,
            Self::Target(_) | Self::OtherTargets => SeriesKind::Targets,
            Self::Type(_) | Self::OtherTypes => SeriesKind::Types,
            Self::Plugin(_) | Self::OtherPlugins => SeriesKind::Plugins,
        }
    }

    /// As text, unique within its kind; empty for what is not kept apart.
    pub(super) fn text(&self) -> String {
        match self {
            Self::All | Self::OtherTargets | Self::OtherTypes | Self::OtherPlugins => String::new(),
            Self::Plugin(name) => name.clone(),
            Self::Target(target) => target.to_string(),
            Self::Type(kind) => kind.to_string(),
        }
    }

    /// Reads what `text` made of a key of this kind.
    pub(super) fn read(kind: SeriesKind, text: &str) -> Option<Self> {
        Some(match (kind, text) {
            (SeriesKind::All, _) => Self::All,
            (SeriesKind::Targets, "") => Self::OtherTargets,
            (SeriesKind::Types, "") => Self::OtherTypes,
            (SeriesKind::Plugins, "") => Self::OtherPlugins,
            (SeriesKind::Plugins, text) => Self::Plugin(text.to_owned()),
            (SeriesKind::Targets, text) => Self::Target(text.parse().ok()?),
            (SeriesKind::Types, text) => Self::Type(text.parse().ok()?),
        })
    }
}

impl SeriesKind {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::All, Self::Targets, Self::Types, Self::Plugins];

    /// A letter.
    pub(super) fn letter(self) -> char {
        match self {
            Self::All => 'a',
            Self::Targets => 's',
            Self::Types => 't',
            Self::Plugins => 'p',
        }
    }
}

impl SeriesStep {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// A letter.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }

    /// Its length in milliseconds.
    pub fn millis(self) -> u64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }

    /// Returns the start of the step that contains a time.
    pub fn start(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis() / self.millis() * self.millis())
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self([0; SERIES_CELLS])
    }
}

impl Cells {
    /// Adds what another has.
    pub fn add(&mut self, other: &Self) {
        for (cell, more) in self.0.iter_mut().zip(other.0) {
            *cell = cell.saturating_add(more);
        }
    }

    /// Attempts by what they came to.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        counts.0.copy_from_slice(&self.0[..CELLS]);
        counts
    }

    /// All attempts but those that were put off, crashed or shadowed.
    pub fn attempts(&self) -> u64 {
        StatusClass::ALL
            .into_iter()
            .map(|class| self.of_class(class))
            .sum()
    }

    /// Attempts that came to a class.
    pub fn of_class(&self, class: StatusClass) -> u64 {
        self.0[CLASSES + place(class)]
    }

    /// Events that were accepted.
    pub fn accepted(&self) -> u64 {
        self.0[ACCEPTED]
    }

    /// Events and deliveries that a plugin dropped.
    pub fn dropped(&self) -> u64 {
        self.0[DROPPED]
    }

    /// Events and attempts of which a plugin changed or removed something; of a plugin: its calls that did.
    pub fn redacted(&self) -> u64 {
        self.0[REDACTED]
    }

    /// Calls of a plugin.
    pub fn calls(&self) -> u64 {
        self.0[CALLS]
    }

    /// Calls of a plugin that failed.
    pub fn calls_failed(&self) -> u64 {
        self.0[CALLS_FAILED]
    }

    /// Counts of a call of a plugin.
    fn call(step: &StepReport) -> Self {
        let mut cells = Self::default();
        cells.0[CALLS] = 1;
        cells.0[REDACTED] = u64::from(!step.changed.is_empty());
        match step.result {
            StepResult::Passed => {}
            StepResult::Dropped => cells.0[DROPPED] = 1,
            StepResult::Skipped | StepResult::Failed => cells.0[CALLS_FAILED] = 1,
        }
        cells
    }
}

fn place(class: StatusClass) -> usize {
    StatusClass::ALL.iter().position(|one| *one == class).unwrap_or(0)
}

/// Counts that are not in the store yet. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting(Arc<Mutex<Pending>>);

/// Counts by tenant and minute.
type Minutes = HashMap<(TenantId, Timestamp), HashMap<SeriesKey, Cells>>;

#[derive(Debug, Default)]
struct Pending {
    minutes: Minutes,
    /// Keys that are kept apart, by tenant. They outlive what is taken out: the store has a row for each of them.
    apart: HashMap<TenantId, Apart>,
    hasher: RandomState,
}

/// Keys of a tenant that are kept apart in an hour, as hashes: at most [`MOST_KEYS`] of each kind.
#[derive(Debug, Default)]
struct Apart {
    hour: Timestamp,
    targets: HashSet<u64>,
    types: HashSet<u64>,
    plugins: HashSet<u64>,
}

/// An attempt or an event that counts, once it is committed.
#[derive(Debug)]
pub(super) struct Counted {
    tenant: TenantId,
    at: Timestamp,
    target: Option<Target>,
    kind: EventType,
    cells: Cells,
    /// Calls of plugins, by their names.
    calls: Vec<(String, Cells)>,
}

impl Counted {
    /// The attempt of a settlement; `None`: it does not count, as of those that try a subscription out.
    pub(super) fn attempt(settlement: &Settlement) -> Option<Self> {
        let (about, attempt) = (settlement.about.as_ref()?, settlement.attempt.as_ref()?);
        if about.trigger == Trigger::Test {
            return None;
        }
        let mut cells = Cells::default();
        if let Some(cell) = cell(&attempt.outcome, attempt.took) {
            cells.0[cell] = 1;
        }
        if let Some(class) = attempt.outcome.class() {
            cells.0[CLASSES + place(class)] = 1;
        }
        cells.0[DEAD] = u64::from(matches!(settlement.next, Next::Dead));
        cells.0[DROPPED] = u64::from(matches!(attempt.outcome, Outcome::Dropped { .. }));
        cells.0[REDACTED] = u64::from(changed(&attempt.steps));
        Some(Self {
            tenant: settlement.tenant.clone(),
            at: attempt.started.plus(attempt.took),
            target: Some(settlement.id.target),
            kind: about.kind.clone(),
            cells,
            calls: calls(&attempt.steps),
        })
    }

    /// The events of a submission.
    pub(super) fn events(submission: &Submission) -> Vec<Self> {
        let events = submission.events.iter().map(|new| &new.event);
        let counted = events.map(|event| {
            let mut cells = Cells::default();
            cells.0[ACCEPTED] = 1;
            cells.0[DROPPED] = u64::from(matches!(event.fate, Fate::Filtered { .. }));
            cells.0[REDACTED] = u64::from(changed(&event.steps));
            Self {
                tenant: submission.tenant.clone(),
                at: event.accepted,
                target: None,
                kind: event.kind.clone(),
                cells,
                calls: calls(&event.steps),
            }
        });
        counted.collect()
    }
}

fn changed(steps: &[StepReport]) -> bool {
    steps.iter().any(|step| !step.changed.is_empty())
}

fn calls(steps: &[StepReport]) -> Vec<(String, Cells)> {
    let calls = steps.iter().map(|step| (step.plugin.clone(), Cells::call(step)));
    calls.collect()
}

impl Counting {
    /// Counts what was settled of a batch.
    pub(super) fn settled(&self, batch: Vec<Option<Counted>>, answers: &[Result<Settled, StoreError>]) {
        let applied = |answer: &Result<Settled, StoreError>| matches!(answer, Ok(Settled::Applied(_)));
        let settled = batch
            .into_iter()
            .zip(answers)
            .filter(|(_, answer)| applied(answer));
        self.add(settled.filter_map(|(counted, _)| counted));
    }

    /// Counts what was accepted of a batch.
    pub(super) fn accepted(&self, batch: Vec<Vec<Counted>>, answers: &[Result<Accepted, StoreError>]) {
        let fresh = batch.into_iter().zip(answers).flat_map(|(events, answer)| {
            let fresh: &[bool] = match answer {
                Ok(Accepted::Stored { fresh, .. }) => fresh,
                Ok(Accepted::Repeated(_) | Accepted::KeyReused) | Err(_) => &[],
            };
            let new = events.into_iter().zip(fresh.to_vec()).filter(|(_, fresh)| *fresh);
            new.map(|(event, _)| event)
        });
        self.add(fresh);
    }

    fn add(&self, counted: impl Iterator<Item = Counted>) {
        let mut pending = self.lock();
        let Pending {
            minutes,
            apart,
            hasher,
        } = &mut *pending;
        for one in counted {
            let apart = Apart::of(apart, &one.tenant, one.at);
            let start = SeriesStep::Minute.start(one.at);
            let minute = minutes.entry((one.tenant, start)).or_default();
            let keys = [
                Some(SeriesKey::All),
                one.target.map(SeriesKey::Target),
                Some(SeriesKey::Type(one.kind)),
            ];
            let keys = keys.into_iter().flatten().map(|key| (key, one.cells));
            let calls = one.calls.into_iter();
            let calls = calls.map(|(plugin, cells)| (SeriesKey::Plugin(plugin), cells));
            for (key, cells) in keys.chain(calls) {
                let key = apart.admit(key, hasher);
                minute.entry(key).or_default().add(&cells);
            }
        }
    }

    /// Takes all counts out.
    pub(super) fn take(&self) -> Vec<RollUp> {
        let mut pending = self.lock();
        let mut minutes = std::mem::take(&mut pending.minutes);
        let hour = pending.apart.values().map(|apart| apart.hour).max();
        pending.apart.retain(|_, apart| Some(apart.hour) == hour);
        drop(pending);
        for (minute, total) in totals(&minutes) {
            let of = minutes.entry((TenantId::operator(), minute)).or_default();
            of.entry(SeriesKey::All).or_default().add(&total);
        }
        let all = minutes.into_iter().flat_map(|((tenant, minute), of)| {
            of.into_iter().map(move |(key, cells)| RollUp {
                tenant: tenant.clone(),
                minute,
                key,
                cells,
            })
        });
        all.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sums over all tenants by minute, which are the operator's counts. A longest time is no sum: a sample has it.
fn totals(minutes: &Minutes) -> HashMap<Timestamp, Cells> {
    let mut totals: HashMap<Timestamp, Cells> = HashMap::new();
    for ((tenant, minute), of) in minutes {
        let Some(cells) = of
            .get(&SeriesKey::All)
            .filter(|_| *tenant != TenantId::operator())
        else {
            continue;
        };
        let mut cells = *cells;
        cells.0[OVERDUE] = 0;
        totals.entry(*minute).or_default().add(&cells);
    }
    totals
}

impl Apart {
    /// Keys of a tenant that are kept apart in the hour of a time.
    fn of<'a>(all: &'a mut HashMap<TenantId, Self>, tenant: &TenantId, at: Timestamp) -> &'a mut Self {
        let hour = SeriesStep::Hour.start(at);
        let apart = all.entry(tenant.clone()).or_default();
        if apart.hour < hour {
            *apart = Self {
                hour,
                ..Self::default()
            };
        }
        apart
    }

    /// The key under which something is counted: its own, or `other` where no more are kept apart.
    fn admit(&mut self, key: SeriesKey, hasher: &RandomState) -> SeriesKey {
        let (known, other) = match key.kind() {
            SeriesKind::All => return key,
            SeriesKind::Targets => (&mut self.targets, SeriesKey::OtherTargets),
            SeriesKind::Types => (&mut self.types, SeriesKey::OtherTypes),
            SeriesKind::Plugins => (&mut self.plugins, SeriesKey::OtherPlugins),
        };
        let hash = hasher.hash_one(&key);
        if known.contains(&hash) || (known.len() < MOST_KEYS && known.insert(hash)) {
            key
        } else {
            other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_minute_are_bounded_and_nothing_is_lost() {
        let counting = Counting::default();
        let mut cells = Cells::default();
        cells.0[ACCEPTED] = 1;
        let counted = (0..250).map(|n| Counted {
            tenant: "acme".parse().unwrap(),
            at: Timestamp::from_millis(61_000),
            target: None,
            kind: format!("type.{n}").parse().unwrap(),
            cells,
            calls: Vec::new(),
        });
        counting.add(counted);
        let taken = counting.take();
        assert_eq!(taken.len(), MOST_KEYS + 3, "and the operator's");
        let of = |key: &SeriesKey| taken.iter().find(|one| one.key == *key).unwrap().cells.accepted();
        assert_eq!((of(&SeriesKey::All), of(&SeriesKey::OtherTypes)), (250, 150));
        assert!(
            taken
                .iter()
                .all(|one| one.minute == Timestamp::from_millis(60_000))
        );
        assert_eq!(counting.take(), []);
    }

    #[test]
    fn keys_of_an_hour_are_bounded_whatever_is_taken_between() {
        let counting = Counting::default();
        let mut kept = HashSet::new();
        for round in 0..10 {
            let counted = (0..50).map(|n| Counted {
                tenant: "acme".parse().unwrap(),
                at: Timestamp::from_millis(3_600_000 + round * 60_000),
                target: None,
                kind: format!("type.{round}.{n}").parse().unwrap(),
                cells: Cells::default(),
                calls: Vec::new(),
            });
            counting.add(counted);
            kept.extend(counting.take().into_iter().map(|one| one.key));
        }
        assert_eq!(kept.len(), MOST_KEYS + 2);
        counting.add(std::iter::once(Counted {
            tenant: "acme".parse().unwrap(),
            at: Timestamp::from_millis(2 * 3_600_000),
            target: None,
            kind: "type.new".parse().unwrap(),
            cells: Cells::default(),
            calls: Vec::new(),
        }));
        let taken = counting.take();
        let new = SeriesKey::Type("type.new".parse().unwrap());
        assert!(
            taken.iter().any(|one| one.key == new),
            "another hour, another choice"
        );
    }
}
