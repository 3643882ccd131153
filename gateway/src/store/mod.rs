//! Where accepted events live until they are delivered, and for as long as the feed keeps them.
//!
//! One trait and two stores behind it: `redis` for many machines, `embedded` for one. Both pass the same contract suite
//! (`contract`). The rules every store keeps:
//!
//! * `accept` is the only way in and commits all of a submission or nothing of it. When it has answered, a crash of the
//!   gateway loses nothing of what it answered for.
//! * A delivery is due, leased or finished. Waiting and leased are one place: its endpoint's ordered set, whose score is when the
//!   delivery is due *or* when its lease ends. The score is also the fencing token: `settle` with a token that is no longer the
//!   score is `Stale` and changes nothing, except that a success always counts.
//! * Endpoints take turns. Whose turn it is comes from an index of the sets (an endpoint's turn comes when its first delivery is
//!   due, or when its hold is over), so that what waits for one endpoint hides nothing of another's.
//! * Every operation may be sent twice. `Unavailable` means that *nothing is known*: it may have happened.
//! * Time is the store's time: Redis's clock there, the gateway's here.
//! * Every key carries its tenant.
//! * What a tenant uses (pending deliveries, bytes of events) is counted in the commit that changes it.
//!
//! Batches are the unit, because both stores live from batching. Callers do not batch: `group::Committer` collects
//! what waits while the last batch is under way.

pub mod clock;
pub(crate) mod codec;
pub mod config;
#[cfg(test)]
pub(crate) mod contract;
pub mod embedded;
mod error;
pub mod group;
mod health;
mod open;
mod pace;
pub mod redis;
mod registry_record;
pub mod retention;
mod tally;
mod turns;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::{
    Attempt, Delivery, DeliveryId, Event, EventId, Stats, StoredLimits, StoredUsage, SubscriptionId, Tally,
    Target, TenantId, Timestamp, Trigger,
};

pub use config::{BadStoreUrl, Config, StoreUrl};
pub use error::StoreError;
pub use group::{CommitSignals, CommitWaiter, Committer};
pub use health::Health;
pub use open::open;
pub use pace::Pace;
pub use registry_record::RegistryRecord;
pub use retention::Retention;
pub use turns::{Endpoint, LeasePolicy, Pick, Turns};

/// A durable store. See the module for the rules.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Commits submissions; one answer each, in order. Submissions are independent: one may be refused and the next stored.
    async fn accept(&self, batch: Vec<Submission>) -> Vec<Result<Accepted, StoreError>>;

    /// Endpoints of a shard whose turn it is, the longest waiting first; up to `max`. Changes nothing.
    async fn turns(&self, shard: Shard, max: usize) -> Result<Turns, StoreError>;

    /// Takes due deliveries of the endpoints that are picked, each leased for `lease`, whether or not it is their turn. The next
    /// turn of each endpoint picked is set: when its hold is over if it has more that is due, otherwise when it will have.
    async fn claim_from(&self, shard: Shard, picks: &[Pick], lease: Duration) -> Result<Claimed, StoreError>;

    /// Takes up to `max` due deliveries of a shard, whosever turn it is, each leased for `lease`.
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

    /// Ends or prolongs leases; one answer each, in order.
    async fn settle(&self, batch: Vec<Settlement>) -> Vec<Result<Settled, StoreError>>;

    /// Counts a crash for deliveries that were interrupted, and ends the leases that the process held. One that has ended, or
    /// of which an attempt was recorded since, is left as it is. A lease counts once, however often it is told. How many were
    /// counted. The count ends with the next attempt that is recorded.
    async fn interrupted(&self, deliveries: Vec<Interrupted>) -> Result<usize, StoreError>;

    /// Makes new deliveries of events that are stored already (replays); those whose event is unknown are left out.
    /// How many were made. A delivery that exists already is not made again. All are refused with `OverQuota` where they are more
    /// than `limits` leave room for.
    async fn enqueue(
        &self,
        tenant: &TenantId,
        deliveries: Vec<(DeliveryId, Trigger)>,
        limits: StoredLimits,
    ) -> Result<usize, StoreError>;

    /// A page of the tenant's feed after a position (from the beginning: `FeedPosition::START`), in commit order: up to `limit`
    /// events, or fewer where they have [`FEED_PAGE_BYTES`].
    async fn feed(
        &self,
        tenant: &TenantId,
        after: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError>;

    /// A page of the tenant's feed before a position, the newest first (from the end: `FeedPosition::END`), as large as of `feed`.
    async fn feed_back(
        &self,
        tenant: &TenantId,
        before: FeedPosition,
        limit: usize,
    ) -> Result<FeedPage, StoreError>;

    /// The place in the tenant's feed before the first entry that was accepted at a time or later; some that were accepted in the
    /// same millisecond may lie behind it too.
    async fn feed_since(&self, tenant: &TenantId, since: Timestamp) -> Result<FeedPosition, StoreError>;

    /// One event with its deliveries.
    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<StoredEvent>, StoreError>;

    /// One delivery with its attempts, the first first.
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

    /// How a subscription fares: what settlements with a tally counted. Buckets that are of no more use may still be in it.
    async fn stats(&self, tenant: &TenantId, id: SubscriptionId) -> Result<Stats, StoreError>;

    /// Forgets how subscriptions fared.
    async fn forget_stats(&self, tenant: &TenantId, ids: &[SubscriptionId]) -> Result<(), StoreError>;

    /// Removes a part of what was accepted for a tenant up to a place in its feed, and of what is in no feed: events with their
    /// deliveries, pending ones too, dead letters, idempotency keys (of those a store may leave what expires by itself). Whether
    /// there may be more. Its feed goes on behind what is removed. For tenants that are no more.
    async fn forget_tenant(&self, tenant: &TenantId, until: FeedPosition) -> Result<bool, StoreError>;

    /// What a tenant uses now, or did at most `max_age` ago.
    async fn usage(&self, tenant: &TenantId, max_age: Duration) -> Result<StoredUsage, StoreError>;

    /// What a tenant used when this process last saw it, without asking the store; `None`: it has not seen it yet.
    fn last_usage(&self, tenant: &TenantId) -> Option<StoredUsage>;

    /// Removes what is older than the retention: feed entries, finished events, idempotency keys. Called now and then.
    async fn sweep(&self) -> Result<(), StoreError>;

    /// The tenants whose registry changed after a version, and the version now. `since` 0: all tenants that exist.
    async fn registry_changes(&self, since: u64) -> Result<(u64, Vec<TenantId>), StoreError>;

    /// A tenant's registry; `None` where the tenant does not exist.
    async fn registry_load(&self, tenant: &TenantId) -> Result<Option<RegistryRecord>, StoreError>;

    /// Applies changes to a tenant's registry at once, if its revision still is `expected` (0: it must not exist).
    /// The new revision. A change of `None` removes an entry; a registry without entries does not exist.
    ///
    /// # Errors
    /// `Conflict` when somebody else was faster.
    async fn registry_apply(
        &self,
        tenant: &TenantId,
        expected: u64,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<u64, StoreError>;

    /// Keeps bytes under the name that they are known by (a component's digest). Doing it again changes nothing.
    async fn blob_put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError>;

    /// Bytes that were kept.
    async fn blob_get(&self, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// Forgets bytes that were kept. Those that are not there are forgotten already.
    async fn blob_delete(&self, name: &str) -> Result<(), StoreError>;

    /// Note under a name, if there is one.
    async fn note(&self, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// Puts a note under a name for so long, if there is none: `None`. Otherwise what the note says that is there. An owner has its
    /// notes counted until they end.
    ///
    /// # Errors
    /// `OverQuota` where the owner has as many as it may.
    async fn note_put(
        &self,
        name: &str,
        note: Bytes,
        keep: Duration,
        owner: Option<&NoteOwner>,
    ) -> Result<Option<Bytes>, StoreError>;

    /// Replaces a note, or removes it, if it says what is expected; whether it did. `owner`: as when it was put.
    async fn note_replace(
        &self,
        name: &str,
        expected: Bytes,
        next: Option<(Bytes, Duration)>,
        owner: Option<&NoteOwner>,
    ) -> Result<bool, StoreError>;

    /// Number of an owner's notes. Those that ended lately may be among them.
    async fn notes_of(&self, owner: &str) -> Result<u64, StoreError>;

    /// Copies all that is committed now into a new file, while everything else goes on; how many bytes that is. `None`: the
    /// server has tools of its own for it.
    async fn backup(&self, _: &Path, _: Pace) -> Option<Result<u64, StoreError>> {
        None
    }

    /// How the store is.
    async fn health(&self) -> Health;

    /// How many shards there are: fixed when the store was first used.
    fn shards(&self) -> u16;

    /// The shard of a tenant.
    fn shard_of(&self, tenant: &TenantId) -> Shard;
}

/// Owner of notes that are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteOwner {
    /// Its name.
    pub name: String,
    /// Notes that it may have at once.
    pub most: u64,
}

/// A part of the store that is claimed from by itself. A tenant is in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(pub u16);

/// When a delivery is due, or when its lease ends, in µs of the store's clock; and so the proof that a lease is still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub Timestamp);

/// What one request brought: accepted as a whole or not at all.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose; every event in it says the same.
    pub tenant: TenantId,
    /// 1 to the configured maximum.
    pub events: Vec<NewEvent>,
    /// The producer's key, if it gave one.
    pub idempotency: Option<Idempotency>,
    /// Whether this process sends the deliveries itself now.
    pub lease: LeasePolicy,
    /// What the tenant may use with it; over it the submission is refused with `OverQuota`. Several processes that accept at the same
    /// time may each pass it by what they have under way.
    pub limits: StoredLimits,
}

/// An event and to whom it goes.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event. Whoever sends it at once keeps it too.
    pub event: Arc<Event>,
    /// Its deliveries, no target twice; all of run 0. Those of a test event have the trigger `Test`, all others `Published`.
    pub targets: Vec<Target>,
    /// Whether the producer chose the id, so that it may have been accepted before.
    pub id_given: bool,
}

/// A producer's idempotency key, kept 24 hours by tenant.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// 1 to 300 bytes.
    pub key: String,
    /// SHA-256 of the request; another request under the same key is an error.
    pub fingerprint: [u8; 32],
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Stored.
    Stored {
        /// For each event whether it was new; an event whose given id existed already was left as it is.
        fresh: Vec<bool>,
        /// Proof of the lease of every new delivery that is held.
        token: Option<Token>,
    },
    /// The idempotency key was used for the same request before, which stored these.
    Repeated(Vec<EventId>),
    /// The idempotency key was used for another request.
    KeyReused,
}

/// Deliveries that were claimed.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// What was taken, by endpoint as they were picked, the longest due first.
    pub leased: Vec<Leased>,
    /// How long after it was due each was taken; for one whose lease ran out, how long after that.
    pub late: Vec<Duration>,
    /// Of each pick whether the endpoint has more that is due.
    pub more: Vec<bool>,
    /// The store's time.
    pub now: Timestamp,
    /// The first turn of the shard from now on: when a delivery is due, a lease ends or a hold is over; `None`: nothing waits.
    pub next_due: Option<Timestamp>,
}

/// A delivery in this process's hands.
#[derive(Clone)]
pub struct Leased {
    /// The event that is to be brought.
    pub event: Arc<Event>,
    /// Which delivery.
    pub id: DeliveryId,
    /// Why it exists.
    pub trigger: Trigger,
    /// Proof of the lease, and when it ends.
    pub token: Token,
    /// Attempts made before.
    pub attempts: u32,
    /// When the first was made.
    pub first_attempt: Option<Timestamp>,
    /// How often a process ended during an attempt of it, since an attempt of it last had an outcome.
    pub crashes: u32,
    /// What a delivery chain made of the event's data at the first attempt: every attempt sends the same.
    pub body: Option<Bytes>,
}

/// A delivery whose attempt was under way when the process that made it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: DeliveryId,
    /// Proof of the lease that the process held.
    pub token: Token,
    /// Attempts made before.
    pub attempts: u32,
}

/// What is to become of a leased delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: DeliveryId,
    /// Proof of the lease.
    pub token: Token,
    /// The attempt that was made, if one was: it is kept, and counted whatever its number says.
    pub attempt: Option<Attempt>,
    /// Where the attempt is counted, if it is: when the settlement applies, in the same commit.
    pub tally: Option<Tally>,
    /// What is next.
    pub next: Next,
}

/// What is next for a delivery.
#[derive(Clone)]
pub enum Next {
    /// Delivered; counted even if the lease has run out.
    Done,
    /// Due again then.
    RetryAt {
        /// When.
        at: Timestamp,
        /// What a delivery chain made, to be sent again.
        body: Option<Bytes>,
    },
    /// No more attempts.
    Dead,
    /// Called off.
    Cancelled,
    /// Recorded in place of being sent.
    Shadowed,
    /// Not attempted: due at once for whoever claims it.
    Release,
    /// The lease goes on for so long from now.
    Extend(Duration),
}

/// What a settlement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It happened. The token now, where the lease goes on.
    Applied(Option<Token>),
    /// The token is not the one that the delivery has now: nothing changed.
    Stale,
    /// There is no such delivery pending (any more): nothing changed.
    Missing,
}

/// A place in a tenant's feed: opaque but for its order. In Redis a stream id, here a counter.
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

/// Bytes of events after which a page of the feed ends, however few they are: at least one, and so at most that and the largest
/// event.
pub const FEED_PAGE_BYTES: usize = 4 << 20;

/// A page of the feed.
#[derive(Debug, Clone)]
pub struct FeedPage {
    /// The events with their positions.
    pub events: Vec<(FeedPosition, Event)>,
    /// A cursor before this has expired: something after it was removed. It lies between the newest entry that was removed and
    /// the oldest that is kept; `START` when nothing ever was.
    pub kept_from: FeedPosition,
    /// Whether there is more beyond this page.
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

/// Without the body: it may be anyone's personal data.
impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased")
            .field("tenant", &self.event.tenant)
            .field("id", &self.id)
            .field("token", &self.token)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// Without the body.
impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::RetryAt { at, .. } => f.debug_struct("RetryAt").field("at", at).finish_non_exhaustive(),
            Self::Dead => f.write_str("Dead"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Shadowed => f.write_str("Shadowed"),
            Self::Release => f.write_str("Release"),
            Self::Extend(time) => f.debug_tuple("Extend").field(time).finish(),
        }
    }
}
