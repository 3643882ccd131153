//! Pull feed: the events of a tenant in the order of their commits, page by page.
//!
//! `page` answers `GET /v1/events`, which `api` serves. A reader at the end of the feed may wait
//! for new events (long polling). A cursor never skips an event: positions are assigned in the
//! order of the commits. Fields that were classified after an event was accepted are removed from
//! it here.

mod cursor;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use hookgate_domain::units::{Size, Span};
use hookgate_domain::{Event, EventPattern, TenantId, Timestamp};
use hookgate_registry::{LaneRefusal, Registry};
use hookgate_runtime::clock::Clock;
use hookgate_runtime::memory::{MemoryFull, MemoryPool, MemoryUse, Reservation};
use hookgate_store::clock::StoreClock;
use hookgate_store::{CommitSignals, CommitWaiter, FEED_PAGE_BYTES, FeedPosition, Store, StoreError};

use waiting::Waiting;

pub use cursor::{BadCursor, Cursor, CursorKey};
pub use waiting::WaitingFull;

/// Limits of feed readers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum time for which a request may wait for new events.
    pub max_wait: Span,
    /// Maximum number of requests that wait at once.
    pub max_waiting: usize,
    /// Maximum number of requests of one tenant that wait at once.
    pub max_waiting_per_tenant: usize,
    /// Maximum size of a page in bytes of events; at most 4MiB count. The page ends after the event
    /// that reaches it.
    pub max_page: Size,
    /// Interval at which a waiting request polls for events that other gateways accepted. Events of
    /// its own gateway wake it at once.
    pub poll_interval: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_wait: Span::from_secs(30),
            max_waiting: 1_000,
            max_waiting_per_tenant: 50,
            max_page: Size::from_bytes(4 << 20),
            poll_interval: Span::from_secs(1),
        }
    }
}

/// Reads feeds. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    store: Arc<dyn Store>,
    commits: CommitSignals,
    registry: Registry,
    config: Config,
    waiting: Waiting,
    memory: MemoryPool,
    cursors: CursorKey,
    clock: Clock,
    store_clock: StoreClock,
    shutdown: CancellationToken,
}

/// Parts that a feed works with.
pub struct Parts {
    /// Store of the events.
    pub store: Arc<dyn Store>,
    /// Commit signals, which wake waiting readers.
    pub commits: CommitSignals,
    /// Tenants, whose privacy rules apply to their events.
    pub registry: Registry,
    /// Memory that pages hold.
    pub memory: MemoryPool,
    /// Key that authenticates cursors.
    pub cursors: CursorKey,
    /// Source of the time.
    pub clock: Clock,
    /// Clock of the store.
    pub store_clock: StoreClock,
    /// Shutdown signal, which ends waits with a response.
    pub shutdown: CancellationToken,
}

/// Position in a feed at which a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest stored event.
    Oldest,
    /// After a position that a page returned.
    After(FeedPosition),
    /// The first event that was accepted at this time or later.
    Since(Timestamp),
}

/// Request of a reader.
#[derive(Debug, Clone)]
pub struct Query {
    /// Start of the page.
    pub start: Start,
    /// Position up to which entries are hidden from the reader, though the store may have them.
    pub floor: FeedPosition,
    /// Maximum number of events.
    pub limit: usize,
    /// Event types of the page; empty: all types.
    pub types: Vec<EventPattern>,
    /// Maximum time to wait if there are no events.
    pub wait: Duration,
}

/// Position to read on from.
#[derive(Debug, Clone, Copy)]
struct At {
    after: FeedPosition,
    /// Set when it is an error that the store has removed something after the position.
    whole: bool,
}

impl At {
    /// Creates the position that a page returned; the start of the feed if it was always empty.
    fn behind(after: FeedPosition) -> Self {
        let whole = after != FeedPosition::START;
        Self { after, whole }
    }
}

/// Page of a feed.
#[derive(Debug)]
pub struct Page {
    /// Requested events, oldest first.
    pub events: Vec<Event>,
    /// Memory of the events and their JSON, to be held until they are sent.
    pub memory: Option<Reservation>,
    /// Position of the next page.
    pub next: FeedPosition,
    /// Set when more events are available now.
    pub more: bool,
}

/// Error of reading a page.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Events after the start have been removed already.
    #[error("the start is older than what the feed still has")]
    Expired(Oldest),
    /// The start time is in the future.
    #[error("the time is to come")]
    Future,
    /// A limit on waiting requests is reached.
    #[error("too many requests wait for new events ({0})")]
    TooManyWaiting(WaitingFull),
    /// A limit on memory is reached.
    #[error("there is no memory for the page now")]
    Memory(#[from] MemoryFull),
    /// The store did not answer.
    #[error("the feed cannot be read")]
    Store(#[from] StoreError),
    /// Events must be filtered again, and the tenant's lane takes no more jobs now.
    #[error("the tenant has too much under way")]
    Lane(LaneRefusal),
}

/// Oldest entry that a feed still has.
#[derive(Debug, Clone, Copy)]
pub struct Oldest {
    /// Position before it, from which a reader goes on.
    pub after: FeedPosition,
    /// Time at which it was accepted; `None` if the feed is empty.
    pub accepted: Option<Timestamp>,
}

impl From<LaneRefusal> for FeedError {
    fn from(refusal: LaneRefusal) -> Self {
        Self::Lane(refusal)
    }
}

impl Feed {
    /// Creates a feed over the store. At `shutdown`, waiting requests are answered with what there
    /// is.
    pub fn new(config: Config, parts: Parts) -> Self {
        let Parts {
            store,
            commits,
            registry,
            memory,
            cursors,
            clock,
            store_clock,
            shutdown,
        } = parts;
        let waiting = Waiting::new(config.max_waiting, config.max_waiting_per_tenant);
        Self {
            store,
            commits,
            registry,
            config,
            waiting,
            memory,
            cursors,
            clock,
            store_clock,
            shutdown,
        }
    }

    /// Key that authenticates cursors.
    pub fn cursor_key(&self) -> &CursorKey {
        &self.cursors
    }

    /// The time in the store.
    pub fn store_now(&self) -> Timestamp {
        self.store_clock.now()
    }

    /// Requests of a tenant that wait for new events now.
    pub fn waiting_of(&self, tenant: &TenantId) -> usize {
        self.waiting.of(tenant)
    }

    /// Maximum number of waiting requests per tenant.
    pub fn max_waiting_per_tenant(&self) -> usize {
        self.config.max_waiting_per_tenant
    }

    /// Maximum time for which a request may wait.
    pub fn max_wait(&self) -> Duration {
        self.config.max_wait.get()
    }

    /// Position before the first entry accepted at a time of this gateway's clock or later.
    ///
    /// Stores find it by their own clock. If that clock is behind, the position is earlier by as
    /// much, so that no entry is skipped.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn place_since(&self, tenant: &TenantId, time: Timestamp) -> Result<FeedPosition, StoreError> {
        let behind = self.clock.now().since(self.store_clock.now());
        self.store.feed_since(tenant, time.minus(behind)).await
    }

    /// Returns the next page for a reader. If it is empty, waits for events as long as requested.
    ///
    /// # Errors
    /// `Expired`, `Future`, `TooManyWaiting`, `Memory`, `Store`, `Lane`.
    pub async fn page(&self, tenant: &TenantId, query: Query) -> Result<Page, FeedError> {
        let mut page = self.stored_page(tenant, query).await?;
        // Uses the tenant's current state, not that before a long wait.
        if let Some(tenant) = self.registry.tenant(tenant) {
            page.events = self.registry.shown(&tenant, page.events).await?;
        }
        Ok(page)
    }

    async fn stored_page(&self, tenant: &TenantId, query: Query) -> Result<Page, FeedError> {
        let deadline = Instant::now() + query.wait.min(self.max_wait());
        let at = self.begin(tenant, query.start).await?;
        let bounded = at.whole || matches!(query.start, Start::Since(_));
        if bounded && at.after < query.floor {
            let passed = self.store.feed(tenant, at.after, 1).await?;
            if passed
                .events
                .first()
                .is_some_and(|(position, _)| *position <= query.floor)
            {
                return Err(self.expired(tenant, query.floor).await);
            }
        }
        // Created before the first read, so that every later commit wakes it.
        let waiter = (!query.wait.is_zero()).then(|| self.commits.waiter(tenant));
        let page = self.look(tenant, &query, at).await?;
        match waiter {
            Some(waiter) if page.events.is_empty() => {
                let _place = self.waiting.enter(tenant).map_err(FeedError::TooManyWaiting)?;
                self.waited_page(tenant, &query, (page, waiter), deadline).await
            }
            _ => Ok(page),
        }
    }

    /// Returns the position of a start. A time is converted by the store's rule for positions.
    async fn begin(&self, tenant: &TenantId, start: Start) -> Result<At, FeedError> {
        match start {
            Start::Oldest => Ok(At::behind(FeedPosition::START)),
            Start::After(after) => Ok(At::behind(after)),
            Start::Since(time) => self.begin_since(tenant, time).await,
        }
    }

    async fn begin_since(&self, tenant: &TenantId, time: Timestamp) -> Result<At, FeedError> {
        let now = self.clock.now();
        if time > now.plus(CLOCKS_DIFFER) {
            return Err(FeedError::Future);
        }
        let mut after = self.place_since(tenant, time).await?;
        // By another clock the position may be in the future. What is accepted until then must not
        // precede it.
        if time > now.minus(CLOCKS_DIFFER) {
            let last = self.store.feed_back(tenant, FeedPosition::END, 1).await?;
            let end = last
                .events
                .first()
                .map_or(last.kept_from, |(position, _)| *position);
            after = after.min(end);
        }
        // Earlier entries belong to another tenant that had the name.
        let own = self.registry.tenant(tenant).map(|tenant| tenant.feed_from);
        // Entries younger than the retention have not been removed.
        let whole = time < now.minus(self.registry.limits().kept.get());
        Ok(At {
            after: after.max(own.unwrap_or(FeedPosition::START)),
            whole,
        })
    }

    /// Builds the error for a start that is too old, with the position to go on from.
    async fn expired(&self, tenant: &TenantId, floor: FeedPosition) -> FeedError {
        match self.store.feed(tenant, floor, 1).await {
            Ok(page) => FeedError::Expired(Oldest {
                after: floor.max(page.kept_from),
                accepted: page.events.first().map(|(_, event)| event.accepted),
            }),
            Err(error) => error.into(),
        }
    }

    /// Reads again until there are events: after every commit of the tenant, and periodically.
    async fn waited_page(
        &self,
        tenant: &TenantId,
        query: &Query,
        (mut page, mut commits): (Page, CommitWaiter),
        deadline: Instant,
    ) -> Result<Page, FeedError> {
        // Not every commit is read if many bring no requested event.
        let mut not_before = Instant::now();
        while page.events.is_empty() && Instant::now() < deadline && !self.shutdown.is_cancelled() {
            let at = At::behind(page.next);
            if !page.more {
                let poll = Instant::now() + self.config.poll_interval.get().max(LOOK_GAP);
                let committed = async {
                    commits.committed().await;
                    tokio::time::sleep_until(not_before).await;
                };
                tokio::select! {
                    () = committed => {}
                    () = tokio::time::sleep_until(deadline.min(poll)) => {}
                    () = self.shutdown.cancelled() => {}
                }
                not_before = Instant::now() + LOOK_GAP;
            }
            match self.look(tenant, query, at).await {
                // The tenant's other reads hold the memory at this moment: a read after a pause may
                // succeed.
                Err(FeedError::Memory(_)) => {
                    page.more = false;
                    commits.look_again();
                }
                looked => page = looked?,
            }
        }
        Ok(page)
    }

    /// Reads entries after the position until enough match, or enough were examined.
    async fn look(&self, tenant: &TenantId, query: &Query, at: At) -> Result<Page, FeedError> {
        let mut page = Page {
            events: Vec::new(),
            memory: None,
            next: at.after.max(query.floor),
            more: true,
        };
        // Maximum of one store read. All but the memory of the page is given back.
        let most = (2 * FEED_PAGE_BYTES).min(self.memory.max_per_tenant() / 2);
        let mut memory = self.memory.reserve(Some(tenant), MemoryUse::Pages, most)?;
        let (max, mut bytes) = (self.config.max_page.bytes().min(FEED_PAGE_BYTES), 0);
        'looks: for _ in 0..MOST_LOOKS {
            let looked = self
                .store
                .feed(tenant, page.next, query.limit.max(FEWEST_LOOKED_AT))
                .await?;
            if at.whole && at.after < looked.kept_from {
                return Err(self.expired(tenant, query.floor).await);
            }
            page.more = looked.more;
            for (position, event) in looked.events {
                if page.events.len() == query.limit || bytes >= max {
                    page.more = true;
                    break 'looks;
                }
                page.next = position;
                if wanted_by(&query.types, &event) {
                    bytes += event.size();
                    page.events.push(event);
                }
            }
            if !page.more {
                break;
            }
        }
        // The events, and their JSON.
        memory.shrink_to(2 * bytes);
        page.memory = Some(memory);
        Ok(page)
    }
}

fn wanted_by(types: &[EventPattern], event: &Event) -> bool {
    types.is_empty() || types.iter().any(|pattern| pattern.matches(&event.kind))
}

/// Maximum number of store pages that one request examines. If a filter matches rarely, the cursor
/// moves on without a match.
const MOST_LOOKS: usize = 20;
/// Minimum number of entries per store read, of use for filters only.
const FEWEST_LOOKED_AT: usize = 50;
/// Maximum difference between the clocks of consumers, gateways and the store. A time ahead by up
/// to this much is taken for now.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);
/// Minimum time between two reads of one request after commits.
const LOOK_GAP: Duration = Duration::from_millis(100);
