//! The pull feed: a tenant's events in the order in which they were committed, read page by page.
//!
//! `page` answers `GET /v1/events`; `api` calls it. A reader that comes to the end may wait for what comes next (long poll). A
//! cursor never skips an event: positions are given out in the order of the commits. What was classified since an event was
//! accepted is taken out of it here.

mod cursor;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::units::{Size, Span};
use crate::domain::{Event, EventPattern, TenantId, Timestamp};
use crate::memory::{MemoryFull, MemoryPool, MemoryUse, Reservation};
use crate::registry::{LaneRefusal, Registry};
use crate::store::clock::StoreClock;
use crate::store::{CommitSignals, CommitWaiter, FEED_PAGE_BYTES, FeedPosition, Store, StoreError};

use waiting::Waiting;

pub use cursor::{BadCursor, Cursor, CursorKey};
pub use waiting::WaitingFull;

/// What a reader may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The longest that a request may wait for new events.
    pub max_wait: Span,
    /// How many requests may wait at once.
    pub max_waiting: usize,
    /// How many of one tenant may wait at once.
    pub max_waiting_per_tenant: usize,
    /// Bytes of events after which a page ends, however few they are; at most 4MiB count.
    pub max_page: Size,
    /// How often a waiting request looks for events that other gateways took; those of its own it sees at once.
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

/// What a feed works with.
pub struct Parts {
    /// Events.
    pub store: Arc<dyn Store>,
    /// What wakes those that wait.
    pub commits: CommitSignals,
    /// Tenants, for what may be shown of their events.
    pub registry: Registry,
    /// Memory that pages hold.
    pub memory: MemoryPool,
    /// The key that cursors are made with.
    pub cursors: CursorKey,
    /// Tells the time.
    pub clock: Clock,
    /// Tells the time of the store.
    pub store_clock: StoreClock,
    /// Answers whoever waits.
    pub shutdown: CancellationToken,
}

/// The place in a feed where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest event that is kept.
    Oldest,
    /// Behind a position that a page gave.
    After(FeedPosition),
    /// The first event that was accepted at this time or later.
    Since(Timestamp),
}

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where to begin.
    pub start: Start,
    /// What is not after this is no more in the feed for the reader, though the store may have it.
    pub floor: FeedPosition,
    /// At most so many events.
    pub limit: usize,
    /// Only of these types; empty: all.
    pub types: Vec<EventPattern>,
    /// How long to wait when there is nothing.
    pub wait: Duration,
}

/// A position that is read on from.
#[derive(Debug, Clone, Copy)]
struct At {
    after: FeedPosition,
    /// It is an error if the store has removed something behind the position.
    whole: bool,
}

impl At {
    /// A position that a page gave; of a feed that never had anything, the beginning.
    fn behind(after: FeedPosition) -> Self {
        let whole = after != FeedPosition::START;
        Self { after, whole }
    }
}

/// A page of a feed.
#[derive(Debug)]
pub struct Page {
    /// The events that were asked for, the oldest first.
    pub events: Vec<Event>,
    /// The memory that they and their printed form hold: to be kept until they are sent.
    pub memory: Option<Reservation>,
    /// Where to go on.
    pub next: FeedPosition,
    /// Whether more is there now.
    pub more: bool,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Events behind the start are gone already.
    #[error("the start is older than what the feed still has")]
    Expired(Oldest),
    /// The time to begin at is to come.
    #[error("the time is to come")]
    Future,
    /// As many wait as may.
    #[error("too many requests wait for new events ({0})")]
    TooManyWaiting(WaitingFull),
    /// As much memory is held as may be.
    #[error("there is no memory for the page now")]
    Memory(#[from] MemoryFull),
    /// The store did not answer.
    #[error("the feed cannot be read")]
    Store(#[from] StoreError),
    /// Events have to be looked through again, and the tenant's lane takes no more now.
    #[error("the tenant has too much under way")]
    Lane(LaneRefusal),
}

/// The oldest that a feed still has.
#[derive(Debug, Clone, Copy)]
pub struct Oldest {
    /// The position before it: where a reader goes on.
    pub after: FeedPosition,
    /// When it was accepted; `None`: the feed has nothing.
    pub accepted: Option<Timestamp>,
}

impl From<LaneRefusal> for FeedError {
    fn from(refusal: LaneRefusal) -> Self {
        Self::Lane(refusal)
    }
}

impl Feed {
    /// A feed over the store. Those that wait are answered with what there is when `shutdown` comes.
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

    /// The key that cursors are made with.
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

    /// How many of a tenant's requests may wait.
    pub fn max_waiting_per_tenant(&self) -> usize {
        self.config.max_waiting_per_tenant
    }

    /// The longest that a request may wait.
    pub fn max_wait(&self) -> Duration {
        self.config.max_wait.get()
    }

    /// The place in a tenant's feed before the first entry that was accepted at a time of this gateway's clock or later. Stores find
    /// it by their own clock: where that one is behind, the place is earlier by as much, so that nothing is passed over.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn place_since(&self, tenant: &TenantId, time: Timestamp) -> Result<FeedPosition, StoreError> {
        let behind = self.clock.now().since(self.store_clock.now());
        self.store.feed_since(tenant, time.minus(behind)).await
    }

    /// The next page for a reader; when there is none yet, waits for it as long as was asked.
    ///
    /// # Errors
    /// `Expired`, `Future`, `TooManyWaiting`, `Memory`, `Store`, `Lane`.
    pub async fn page(&self, tenant: &TenantId, query: Query) -> Result<Page, FeedError> {
        let mut page = self.stored_page(tenant, query).await?;
        // As the tenant is now, not as it was when a long wait began.
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
        // Before the first look: what is committed after it wakes.
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

    /// The position of a start. A time is found by how stores make positions, in a few looks.
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
        // By another clock the position may be to come: what is accepted until then must not lie before it.
        if time > now.minus(CLOCKS_DIFFER) {
            let last = self.store.feed_back(tenant, FeedPosition::END, 1).await?;
            let end = last
                .events
                .first()
                .map_or(last.kept_from, |(position, _)| *position);
            after = after.min(end);
        }
        // What was before it is of another tenant that had the name.
        let own = self.registry.tenant(tenant).map(|tenant| tenant.feed_from);
        // What is younger than the retention was not removed.
        let whole = time < now.minus(self.registry.limits().kept.get());
        Ok(At {
            after: after.max(own.unwrap_or(FeedPosition::START)),
            whole,
        })
    }

    /// The error for a start that is too old, with where to go on.
    async fn expired(&self, tenant: &TenantId, floor: FeedPosition) -> FeedError {
        match self.store.feed(tenant, floor, 1).await {
            Ok(page) => FeedError::Expired(Oldest {
                after: floor.max(page.kept_from),
                accepted: page.events.first().map(|(_, event)| event.accepted),
            }),
            Err(error) => error.into(),
        }
    }

    /// Looks again after every commit of the tenant, and now and then, until there is something.
    async fn waited_page(
        &self,
        tenant: &TenantId,
        query: &Query,
        (mut page, mut commits): (Page, CommitWaiter),
        deadline: Instant,
    ) -> Result<Page, FeedError> {
        // Of many commits that bring nothing that was asked for, not each is looked at.
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
                // Others of the tenant's look at this moment: a look after a pause may find room.
                Err(FeedError::Memory(_)) => {
                    page.more = false;
                    commits.look_again();
                }
                looked => page = looked?,
            }
        }
        Ok(page)
    }

    /// Looks at entries after the position until there are enough that match, or enough were looked at.
    async fn look(&self, tenant: &TenantId, query: &Query, at: At) -> Result<Page, FeedError> {
        let mut page = Page {
            events: Vec::new(),
            memory: None,
            next: at.after.max(query.floor),
            more: true,
        };
        // What one look at the store may bring; given back but for what is on the page.
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

/// How many of the store's pages one request looks at: a filter that matches seldom moves its cursor on without a match.
const MOST_LOOKS: usize = 20;
/// At most this many more than asked are read from the store at once, which only a filter makes use of.
const FEWEST_LOOKED_AT: usize = 50;
/// How far clocks of consumers, gateways and the store may be apart: a time that lies so far ahead is taken for now.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);
/// The least time between two looks of one request after commits.
const LOOK_GAP: Duration = Duration::from_millis(100);
