//! Durable store of accepted events, their deliveries, the feed and the registry.
//!
//! One trait ([`Store`]) with two implementations: `redis` for many machines, `embedded` for one.
//! Both pass the same contract suite (`contract`). Rules of every store:
//!
//! * `accept` is the only way in. It commits a submission completely or not at all. After its
//!   answer, a crash of the gateway loses nothing of that submission.
//! * A delivery is due, leased or finished. Due and leased deliveries are members of one ordered
//!   set, their endpoint's. The score is the time at which the delivery is due *or* its lease ends.
//!   The score is also the fencing token: `settle` with another token answers `Stale` and changes
//!   nothing, except that a success always counts.
//! * Endpoints take turns. An index of these sets holds each endpoint's next turn: the time at which
//!   its first delivery is due, or the end of its hold. Deliveries that wait for one endpoint
//!   therefore never block another endpoint.
//! * Every operation is safe to repeat. `Unavailable` means that the outcome is unknown: the
//!   operation may have happened.
//! * Time is the store's time: the clock of the Redis server, or the gateway's for `embedded`.
//! * Every key contains its tenant.
//! * A tenant's usage (pending deliveries, bytes of events) is counted in the commit that changes
//!   it.
//!
//! Operations take batches, because both stores are fast only with batches. Callers do not batch:
//! `group::Committer` collects what waits while the last batch is under way.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod clock;
pub(crate) mod codec;
pub mod config;
#[cfg(test)]
mod contract;
pub mod embedded;
mod error;
pub mod group;
mod health;
mod indexed;
mod lease;
pub mod lists;
mod open;
mod pace;
pub mod redis;
mod registry_record;
pub mod retention;
pub mod series;
mod tally;
mod turns;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use hookgate_domain::{
    Attempt, Delivery, DeliveryId, Event, EventId, Stats, StoredLimits, StoredUsage, SubscriptionId, Tally,
    Target, TenantId, Timestamp, Trigger,
};

pub use config::{BadStoreUrl, Config, StoreUrl};
pub use error::StoreError;
pub use group::{CommitSignals, CommitWaiter, Committer};
pub use health::Health;
pub use indexed::IndexedEvent;
pub use lease::{Claimed, Interrupted, Leased};
pub use lists::{About, Left, Lists, LogEntry, LogRange, LoggedAttempt};
pub use open::open;
pub use pace::Pace;
pub use registry_record::RegistryRecord;
pub use retention::Retention;
pub use series::Series;
pub use turns::{Endpoint, LeasePolicy, Pick, Turns};

/// Durable store. The module's documentation lists the rules.
#[async_trait]
pub trait Store: Lists + Series + 'static {
    /// Commits submissions; one answer each, in order. Submissions are independent: one may be refused and the next stored.
    async fn accept(&self, batch: Vec<Submission>) -> Vec<Result<Accepted, StoreError>>;

    /// Endpoints of a shard whose turn has come, the longest waiting first; up to `max`.
    /// Read-only.
    async fn turns(&self, shard: Shard, max: usize) -> Result<Turns, StoreError>;

    /// Claims due deliveries of the given endpoints, each leased for `lease`.
    /// The endpoints' turns need not have come. The next turn of each endpoint is set: at the end of
    /// its hold if more of its deliveries are due, otherwise when the next one will be.
    async fn claim_from(&self, shard: Shard, picks: &[Pick], lease: Duration) -> Result<Claimed, StoreError>;

    /// Claims up to `max` due deliveries of a shard, of any endpoint, each leased for `lease`.
    async fn claim(&self, shard: Shard, max: usize, lease: Duration) -> Result<Claimed, StoreError> {
        let turns = self.turns(shard, max).await?;
        let mut claimed = Claimed {
            leased: Vec::new(),
            late: Vec::new(),
            more: Vec::new(),
            now: turns.now,
            next_due: turns.next,
        };
        for endpoint in turns.endpoints {
            let mut more = true;
            while more && claimed.leased.len() < max {
                let pick = Pick::of(endpoint.clone(), max - claimed.leased.len());
                let part = self.claim_from(shard, &[pick], lease).await?;
                more = !part.leased.is_empty() && part.more.first() == Some(&true);
                claimed.leased.extend(part.leased);
                claimed.late.extend(part.late);
                (claimed.now, claimed.next_due) = (part.now, part.next_due);
            }
        }
        Ok(claimed)
    }

    /// Ends or extends leases; one answer each, in order.
    async fn settle(&self, batch: Vec<Settlement>) -> Vec<Result<Settled, StoreError>>;

    /// Counts a crash for interrupted deliveries and ends the leases of the crashed process.
    /// Returns the number that was counted. A delivery whose lease has ended, or of which an
    /// attempt was recorded since, is not changed. A lease counts once, however often it is
    /// reported. The next recorded attempt resets the count.
    async fn interrupted(&self, deliveries: Vec<Interrupted>) -> Result<usize, StoreError>;

    /// Makes new deliveries of stored events (replays); returns the number made.
    /// Deliveries of unknown events are left out. An existing delivery is not made again.
    ///
    /// # Errors
    /// `OverQuota`, for all of them, if they exceed what `limits` allow.
    async fn enqueue(
        &self,
        tenant: &TenantId,
        deliveries: Vec<(DeliveryId, Trigger)>,
        limits: StoredLimits,
    ) -> Result<usize, StoreError>;

    /// Page of the tenant's feed after a position, in commit order.
    /// `FeedPosition::START` is the beginning. A page has up to `limit` events, or fewer if they
    /// reach [`FEED_PAGE_BYTES`].
    async fn feed(
        &self,
        tenant: &TenantId,
        after: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError>;

    /// Page of the tenant's feed before a position, the newest first.
    /// `FeedPosition::END` is the end. The page size is that of `feed`.
    async fn feed_back(
        &self,
        tenant: &TenantId,
        before: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError>;

    /// Position in the tenant's feed before the first entry accepted at `since` or later.
    /// Some entries accepted in the same millisecond may come after it too.
    async fn feed_since(&self, tenant: &TenantId, since: Timestamp) -> Result<FeedPosition, StoreError>;

    /// One event with its deliveries.
    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<StoredEvent>, StoreError>;

    /// One delivery with its attempts, the oldest first.
    async fn delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError>;

    /// Dead letters of a tenant, the newest first, older than `before` (`None`: from the newest).
    async fn dead_letters(
        &self,
        tenant: &TenantId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError>;

    /// Delivery statistics of a subscription, counted by settlements with a tally.
    /// Expired buckets may still be among them.
    async fn stats(&self, tenant: &TenantId, id: SubscriptionId) -> Result<Stats, StoreError>;

    /// Deletes the statistics of subscriptions.
    async fn forget_stats(&self, tenant: &TenantId, ids: &[SubscriptionId]) -> Result<(), StoreError>;

    /// Removes a batch of a deleted tenant's data; returns `true` if there may be more.
    /// Covers the feed up to `until` and the events in no feed: events with their deliveries
    /// (pending ones too), dead letters, idempotency keys (a store may leave those that expire by
    /// themselves). The feed continues behind the removed entries.
    async fn forget_tenant(&self, tenant: &TenantId, until: FeedPosition) -> Result<bool, StoreError>;

    /// Current usage of a tenant, at most `max_age` old.
    async fn usage(&self, tenant: &TenantId, max_age: Duration) -> Result<StoredUsage, StoreError>;

    /// Usage of a tenant as this process last saw it, without asking the store.
    /// `None` if this process has not seen it yet.
    fn last_usage(&self, tenant: &TenantId) -> Option<StoredUsage>;

    /// Removes data older than the retention; called periodically.
    /// Covers feed entries, finished events and idempotency keys.
    async fn sweep(&self) -> Result<(), StoreError>;

    /// Tenants whose registry changed after version `since`, and the current version.
    /// `since` 0: all existing tenants.
    async fn registry_changes(&self, since: u64) -> Result<(u64, Vec<TenantId>), StoreError>;

    /// Registry of a tenant; `None` if the tenant does not exist.
    async fn registry_load(&self, tenant: &TenantId) -> Result<Option<RegistryRecord>, StoreError>;

    /// Applies changes to a tenant's registry atomically, by compare-and-set.
    /// Returns the new revision. `expected` is the current revision, 0 for a registry that must not
    /// exist. A change of `None` removes an entry; a registry without entries does not exist.
    ///
    /// # Errors
    /// `Conflict` if the revision is not `expected`.
    async fn registry_apply(
        &self,
        tenant: &TenantId,
        expected: u64,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<u64, StoreError>;

    /// Stores a blob under its name (a component's digest). Idempotent.
    async fn blob_put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError>;

    /// Blob of this name; `None` if there is none.
    async fn blob_get(&self, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// Deletes a blob. Idempotent.
    async fn blob_delete(&self, name: &str) -> Result<(), StoreError>;

    /// Note under a name, if there is one.
    async fn note(&self, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// Puts a note under a name for `keep`, if there is none; returns the existing note otherwise.
    /// An owner's notes are counted until they end.
    ///
    /// # Errors
    /// `OverQuota` if the owner already has its maximum.
    async fn note_put(
        &self,
        name: &str,
        note: Bytes,
        keep: Duration,
        owner: Option<&NoteOwner>,
    ) -> Result<Option<Bytes>, StoreError>;

    /// Replaces or removes a note by compare-and-set; returns `true` if it did.
    /// `owner` is the one it was put with.
    async fn note_replace(
        &self,
        name: &str,
        expected: Bytes,
        next: Option<(Bytes, Duration)>,
        owner: Option<&NoteOwner>,
    ) -> Result<bool, StoreError>;

    /// Number of an owner's notes. Those that ended lately may be included.
    async fn notes_of(&self, owner: &str) -> Result<u64, StoreError>;

    /// Copies a snapshot of the committed data into a new file, concurrently with other operations.
    /// Returns the number of bytes. `None`: the server has backup tools of its own.
    async fn backup(&self, _: &Path, _: Pace) -> Option<Result<u64, StoreError>> {
        None
    }

    /// Current health of the store.
    async fn health(&self) -> Health;

    /// Number of shards, fixed at the first use of the store.
    fn shards(&self) -> u16;

    /// The shard of a tenant.
    fn shard_of(&self, tenant: &TenantId) -> Shard;
}

/// Owner of notes that are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteOwner {
    /// Name of the owner.
    pub name: String,
    /// Maximum number of notes at once.
    pub most: u64,
}

/// Partition of the store, claimed from separately. A tenant is in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(pub u16);

/// Fencing token of a delivery: when it is due or its lease ends, in µs of the store's clock.
/// The current token proves that the lease is still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub Timestamp);

/// Events of one request: accepted completely or not at all.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Tenant; the same in every event.
    pub tenant: TenantId,
    /// Events, 1 to the configured maximum.
    pub events: Vec<NewEvent>,
    /// The producer's idempotency key, if it gave one.
    pub idempotency: Option<Idempotency>,
    /// Lease of the new deliveries: held by this process, or left due.
    pub lease: LeasePolicy,
    /// Limits of the tenant's usage, this submission included; above them it is refused.
    /// The error is `OverQuota`. Several processes that accept at the same time may each exceed the
    /// limits by what they have under way.
    pub limits: StoredLimits,
}

/// New event and its targets.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event. Whoever sends it at once keeps it too.
    pub event: Arc<Event>,
    /// Its deliveries, no target twice; all of run 0. Those of a test event have the trigger `Test`, all others `Published`.
    pub targets: Vec<Target>,
    /// Flag: the producer chose the id, so the event may have been accepted before.
    pub id_given: bool,
}

/// Producer's idempotency key, stored for 24 hours by tenant.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The key, 1 to 300 bytes.
    pub key: String,
    /// SHA-256 of the request; another request under the same key is an error.
    pub fingerprint: [u8; 32],
}

/// Outcome of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Stored.
    Stored {
        /// Flag for each event: it was new.
        /// An existing event with the same given id is not changed.
        fresh: Vec<bool>,
        /// Lease token of every new delivery that this process holds.
        token: Option<Token>,
    },
    /// The idempotency key was used before for the same request, which stored these events.
    Repeated(Vec<EventId>),
    /// The idempotency key was used for another request.
    KeyReused,
}

/// Outcome of a leased delivery, to be recorded.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Tenant of the delivery.
    pub tenant: TenantId,
    /// Id of the delivery.
    pub id: DeliveryId,
    /// Lease token.
    pub token: Token,
    /// The attempt, if one was made: stored, and counted whatever its number is.
    pub attempt: Option<Attempt>,
    /// Facts for the attempt log; `None`: it is in no log.
    pub about: Option<About>,
    /// Counter of the attempt, if any; counted when the settlement applies, in the same commit.
    pub tally: Option<Tally>,
    /// Next state of the delivery.
    pub next: Next,
}

/// Next state of a delivery.
#[derive(Clone)]
pub enum Next {
    /// Delivered; counted even if the lease has run out.
    Done,
    /// Due again later.
    RetryAt {
        /// Time at which it is due.
        at: Timestamp,
        /// Body made by a delivery chain, to be sent again.
        body: Option<Bytes>,
    },
    /// No more attempts.
    Dead,
    /// Cancelled on request, or dropped by a delivery plugin.
    Cancelled,
    /// Recorded instead of being sent.
    Shadowed,
    /// Not attempted: due at once, for any process to claim.
    Release,
    /// Extends the lease to this time, which is the new token.
    /// A lease that ended and was not claimed since is extended too.
    Extend(Timestamp),
}

/// Effect of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Applied. Contains the new token if the lease continues.
    Applied(Option<Token>),
    /// The token is not the delivery's current one: nothing changed.
    Stale,
    /// No such delivery is pending (any more): nothing changed.
    Missing,
}

/// Position in a tenant's feed: opaque except for its order. A Redis stream id, or a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedPosition {
    /// The major part.
    pub major: u64,
    /// The minor part.
    pub minor: u64,
}

impl FeedPosition {
    /// Before the first entry.
    pub const START: Self = Self { major: 0, minor: 0 };
    /// After the last entry.
    pub const END: Self = Self {
        major: u64::MAX,
        minor: u64::MAX,
    };
}

/// Maximum bytes of events in a feed page, plus one event at most.
/// A page ends with the event that reaches this size; it has at least one event.
pub const FEED_PAGE_BYTES: usize = 4 << 20;

/// A page of the feed.
#[derive(Debug, Clone)]
pub struct FeedPage {
    /// The events with their feed positions.
    pub events: Vec<(FeedPosition, Event)>,
    /// Start of the retained feed: a cursor before this has expired.
    /// It lies between the newest removed entry and the oldest retained one; `START` if nothing was
    /// ever removed.
    pub kept_from: FeedPosition,
    /// Flag: there are more events beyond this page.
    pub more: bool,
}

/// An event with its deliveries.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// Its deliveries, the published ones first, then replays by time.
    pub deliveries: Vec<Delivery>,
}

/// Omits the body, which may contain personal data.
/// Omits the body.
impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::RetryAt { at, .. } => f.debug_struct("RetryAt").field("at", at).finish_non_exhaustive(),
            Self::Dead => f.write_str("Dead"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Shadowed => f.write_str("Shadowed"),
            Self::Release => f.write_str("Release"),
            Self::Extend(until) => f.debug_tuple("Extend").field(until).finish(),
        }
    }
}
