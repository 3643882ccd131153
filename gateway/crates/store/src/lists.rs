//! Reading for lists, beside the feed: the attempt log, and the events of an idempotency key.
//!
//! An attempt that is kept is noted in its tenant's log by the commit that settles it, in ids and numbers alone. The log is capped
//! by number and by age ([`Retention`](super::Retention)): it is for looking at, and nothing is decided by it.

use async_trait::async_trait;

use super::{FeedPosition, StoreError, StoredEvent};
use hookgate_domain::{
    Attempt, DeliveryId, EventId, EventType, OutcomeKind, StatusClass, TenantId, Timestamp, Trigger,
};

use super::{Next, Settlement};

/// A store's lists. A part of [`Store`](super::Store).
#[async_trait]
pub trait Lists: Send + Sync {
    /// Up to `limit` entries of a tenant's attempt log on one side of a position, the next ones to it first.
    async fn attempts(
        &self,
        tenant: &TenantId,
        range: LogRange,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// The place in any attempt log before everything that was settled at a time of the store's or later; some that were settled
    /// in the same millisecond may lie behind it too.
    fn attempts_since(&self, since: Timestamp) -> FeedPosition;

    /// Events with their deliveries, in the order of their ids; `None` for each that there is not. The caller bounds their bytes.
    async fn events(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
    ) -> Result<Vec<Option<StoredEvent>>, StoreError>;

    /// The events that a producer's idempotency key stored, while it is kept; none: there is no such key.
    async fn events_of_key(&self, tenant: &TenantId, key: &str) -> Result<Vec<EventId>, StoreError>;
}

/// Entries of an attempt log on one side of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRange {
    /// Those after it, the oldest first.
    After(FeedPosition),
    /// Those before it, the newest first.
    Before(FeedPosition),
}

/// An entry of an attempt log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Position in the order of settlements: the type of a feed position, but not one of the feed.
    pub position: FeedPosition,
    /// Time of the settlement, by the store's clock.
    pub at: Timestamp,
    /// The attempt.
    pub attempt: LoggedAttempt,
}

/// Attempt, as recorded in the tenant's attempt log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAttempt {
    /// Id of the delivery.
    pub delivery: DeliveryId,
    /// The type of the event.
    pub kind: EventType,
    /// Origin of the delivery.
    pub trigger: Trigger,
    /// Number of the attempt, from 1.
    pub number: u32,
    /// Its outcome.
    pub outcome: OutcomeKind,
    /// HTTP status of the response, if there was one.
    pub status: Option<u16>,
    /// Duration of the attempt in milliseconds.
    pub took_ms: u64,
    /// State of the delivery after it.
    pub left: Left,
}

/// State in which an attempt leaves its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is tried again.
    Pending,
    /// The endpoint has it.
    Delivered,
    /// It was given up.
    Dead,
    /// It was called off.
    Cancelled,
    /// It was recorded in place of being sent.
    Shadowed,
}

/// Facts of an attempt for the attempt log that its settlement does not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The type of the event.
    pub kind: EventType,
    /// Origin of the delivery.
    pub trigger: Trigger,
}

impl Left {
    /// All of them, in an order that stored records depend on.
    pub(super) const ALL: [Self; 5] = [
        Self::Pending,
        Self::Delivered,
        Self::Dead,
        Self::Cancelled,
        Self::Shadowed,
    ];
}

impl LoggedAttempt {
    /// The entry of a settlement, for when it applies; `None`: there is none.
    pub(super) fn of(settlement: &Settlement) -> Option<Self> {
        let (about, attempt) = (settlement.about.as_ref()?, settlement.attempt.as_ref()?);
        let Attempt { number, outcome, .. } = attempt;
        Some(Self {
            delivery: settlement.id.clone(),
            kind: about.kind.clone(),
            trigger: about.trigger,
            number: *number,
            outcome: outcome.kind(),
            status: outcome.status(),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            left: match settlement.next {
                Next::Done => Left::Delivered,
                Next::Dead => Left::Dead,
                Next::Cancelled => Left::Cancelled,
                Next::Shadowed => Left::Shadowed,
                Next::RetryAt { .. } | Next::Release | Next::Extend(_) => Left::Pending,
            },
        })
    }

    /// The class of its outcome.
    pub fn class(&self) -> Option<StatusClass> {
        self.outcome.class(self.status)
    }
}

impl FeedPosition {
    /// The position right behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        match (self.minor.checked_add(1), self.major.checked_add(1)) {
            (Some(minor), _) => Self { minor, ..self },
            (None, Some(major)) => Self { major, minor: 0 },
            (None, None) => self,
        }
    }

    /// The position right before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        match (self.minor.checked_sub(1), self.major.checked_sub(1)) {
            (Some(minor), _) => Self { minor, ..self },
            (None, Some(major)) => Self {
                major,
                minor: u64::MAX,
            },
            (None, None) => self,
        }
    }
}
