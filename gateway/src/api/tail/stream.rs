//! One client's tail: looks at the store, sends what is wanted, and waits.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::time::{Instant, sleep_until};

use super::super::Api;
use super::super::input::{Consuming, Granted};
use super::super::lists::Filter;
use super::super::lists::attempts::AttemptLine;
use super::Credentials;
use super::lines::{Lines, Places};
use crate::http::{Code, Head, InFlight, Problem};
use hookgate_domain::{Scope, TenantId};
use hookgate_runtime::memory::MemoryUse;
use hookgate_store::{CommitWaiter, FEED_PAGE_BYTES, FeedPosition, Left, LogRange, StoreError};

/// Kinds of lines that the client subscribed to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub accepted: bool,
    pub attempted: bool,
    pub dead: bool,
}

/// A client's tail. Dropping it releases its slot among the clients.
pub(super) struct Tail {
    api: Api,
    tenant: TenantId,
    credentials: Credentials,
    /// Time at which the session was last found to hold.
    checked: Instant,
    filter: Filter,
    wanted: Wanted,
    at: Places,
    rate: Rate,
    commits: CommitWaiter,
    /// Time of the last poll of the store.
    looked: Instant,
    /// Time of the last line sent.
    sent: Instant,
    _place: InFlight,
}

/// Rate limit: lines in the current second, and lines dropped since the last `lagged`.
#[derive(Debug)]
struct Rate {
    most: usize,
    second: Instant,
    lines: usize,
    missed: u64,
    more: bool,
}

impl Wanted {
    /// Reads names with commas between; all where there are none.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn read(names: Option<&str>) -> Result<Self, Problem> {
        let Some(names) = names else {
            return Ok(Self {
                accepted: true,
                attempted: true,
                dead: true,
            });
        };
        let mut wanted = Self {
            accepted: false,
            attempted: false,
            dead: false,
        };
        for name in names.split(',') {
            match name.trim() {
                "accepted" => wanted.accepted = true,
                "attempted" => wanted.attempted = true,
                "dead" => wanted.dead = true,
                _ => {
                    let detail = "`events` is `accepted`, `attempted` and `dead`, separated by commas.";
                    return Err(Problem::new(Code::InvalidParameter, detail));
                }
            }
        }
        Ok(wanted)
    }
}

impl Tail {
    /// A tail from now on, or from where one ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(
        api: Api,
        caller: &Consuming,
        credentials: Credentials,
        (filter, wanted, resumed): (Filter, Wanted, Option<Places>),
        place: InFlight,
    ) -> Result<Self, Problem> {
        let tenant = caller.tenant.id.clone();
        // Before the first look: what is committed after it wakes.
        let commits = api.committer.signals().waiter(&tenant);
        let mut rate = Rate::new(api.config.tail_lines);
        let at = match resumed {
            Some(at) => {
                rate.more = is_cut(&api, &tenant, at).await?;
                at
            }
            None => end(&api, &tenant).await?,
        };
        let feed = at.feed.max(caller.tenant.feed_from);
        Ok(Self {
            api,
            tenant,
            credentials,
            checked: Instant::now(),
            filter,
            wanted,
            at: Places { feed, ..at },
            rate,
            commits,
            looked: Instant::now(),
            sent: Instant::now(),
            _place: place,
        })
    }

    /// The body that it is sent in.
    pub fn into_body(self) -> Body {
        // At once, so that a client sees that it is connected.
        let first = futures_util::stream::once(async { Ok::<_, Infallible>(Bytes::from_static(BEAT)) });
        let rest = unfold(self, async |mut tail| {
            let chunk = tail.next().await?;
            Some((Ok(chunk), tail))
        });
        Body::from_stream(futures_util::StreamExt::chain(first, Box::pin(rest)))
    }

    /// The next part to send; `None`: it ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            sleep_until(self.looked + LOOK_GAP).await;
            if self.api.shutdown.is_cancelled() {
                return None;
            }
            self.looked = Instant::now();
            // As the key is now: it may have ended, and what it reaches may be another.
            let caller = self.caller().await?;
            let mut lines = Lines::default();
            // A store that is away is asked again.
            let behind = self.look(&caller, &mut lines).await.unwrap_or(false);
            let now = Instant::now();
            if !lines.0.is_empty() {
                self.sent = now;
                return Some(Bytes::from(lines.0));
            }
            let beat = self.sent + HEARTBEAT;
            if now >= beat {
                self.sent = now;
                return Some(Bytes::from_static(BEAT));
            }
            if behind {
                continue;
            }
            let poll = now + self.api.config.tail_poll.get().max(LOOK_GAP);
            tokio::select! {
                () = self.commits.committed() => {}
                () = sleep_until(poll.min(beat)) => {}
                () = self.api.shutdown.cancelled() => {}
            }
        }
    }

    /// Returns the caller as it is now; `None`: its key or session has ended.
    async fn caller(&mut self) -> Option<Consuming> {
        if let Some(session) = &self.credentials.session
            && self.checked.elapsed() >= SESSION_CHECK
        {
            match self.api.sessions.again(session).await {
                Ok(found) => self.credentials.session = Some(Arc::new(found?)),
                // A store that is away is asked again, until the session would have ended.
                Err(_) if session.expires > self.api.clock.now() => {}
                Err(_) => return None,
            }
            self.checked = Instant::now();
        }
        let session = self.credentials.session.as_ref();
        let head = Head::new(&self.credentials.headers, session);
        let (tenant, reach) = self.api.auth.consumer(head, Scope::Read).ok()?;
        (tenant.id == self.tenant).then(|| Consuming {
            tenant,
            reach,
            granted: Granted::new(session.cloned()),
        })
    }

    /// Looks once at the log and at the feed. Whether there is more.
    async fn look(&mut self, caller: &Consuming, lines: &mut Lines) -> Result<bool, StoreError> {
        self.rate.begin(lines);
        // The log first: what was attempted until now was accepted before, and is told before.
        let mut logged = Vec::new();
        for _ in 0..MOST_PAGES {
            let after = logged
                .last()
                .map_or(self.at.log, |entry: &hookgate_store::LogEntry| entry.position);
            let range = LogRange::After(after);
            let found = self.api.store.attempts(&self.tenant, range, ENTRIES).await?;
            let full = found.len() == ENTRIES;
            logged.extend(found);
            if !full {
                break;
            }
        }
        let more = self.look_at_feed(lines).await?;
        let most = MOST_PAGES * ENTRIES;
        let behind = logged.len() == most;
        for entry in logged {
            self.at.log = entry.position;
            let attempt = &entry.attempt;
            let dead = attempt.left == Left::Dead;
            let wanted = if dead {
                self.wanted.dead
            } else {
                self.wanted.attempted
            };
            let reached = wanted && caller.reaches(attempt.delivery.target);
            if reached && self.filter.logged(attempt) && self.rate.take() {
                let line = AttemptLine::new(&caller.tenant, &entry);
                lines.attempted(&self.api, &self.tenant, self.at, (dead, &line));
            }
        }
        if behind {
            // Faster than it can be looked at: it goes on with what is new.
            let end = end(&self.api, &self.tenant).await?;
            self.rate.more |= end.log > self.at.log;
            self.at.log = end.log.max(self.at.log);
        }
        Ok(more || behind)
    }

    /// Looks at what was accepted. Whether there is more.
    async fn look_at_feed(&mut self, lines: &mut Lines) -> Result<bool, StoreError> {
        if !self.wanted.accepted {
            return Ok(false);
        }
        let memory = &self.api.memory;
        let most = FEED_PAGE_BYTES.min(memory.max_per_tenant() / 2);
        let Ok(_held) = memory.reserve(Some(&self.tenant), MemoryUse::Pages, most) else {
            return Ok(false);
        };
        let page = self.api.store.feed(&self.tenant, self.at.feed, EVENTS).await?;
        if self.at.feed != FeedPosition::START && page.kept_from > self.at.feed {
            self.rate.more = true;
        }
        for (position, event) in &page.events {
            self.at.feed = *position;
            if self.filter.wants(&event.kind) && self.rate.take() {
                lines.accepted(&self.api, &self.tenant, self.at, event);
            }
        }
        Ok(page.more)
    }
}

/// The ends of a tenant's feed and log.
async fn end(api: &Api, tenant: &TenantId) -> Result<Places, StoreError> {
    let (feed, log) = tokio::try_join!(
        api.store.feed_back(tenant, FeedPosition::END, 1),
        api.store.attempts(tenant, LogRange::Before(FeedPosition::END), 1),
    )?;
    Ok(Places {
        feed: feed
            .events
            .first()
            .map_or(feed.kept_from, |(position, _)| *position),
        log: log.first().map_or(FeedPosition::START, |entry| entry.position),
    })
}

/// Tells whether the log has lost its entry at a place, and so maybe others after it.
async fn is_cut(api: &Api, tenant: &TenantId, at: Places) -> Result<bool, StoreError> {
    if at.log == FeedPosition::START {
        return Ok(false);
    }
    let range = LogRange::After(at.log.previous());
    let found = api.store.attempts(tenant, range, 1).await?;
    Ok(found.first().is_none_or(|entry| entry.position != at.log))
}

impl Rate {
    fn new(most: usize) -> Self {
        Self {
            most,
            second: Instant::now(),
            lines: 0,
            missed: 0,
            more: false,
        }
    }

    /// Begins a look: in a new second there is room again, and first for what was missed.
    fn begin(&mut self, lines: &mut Lines) {
        let now = Instant::now();
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.lines = 0;
        }
        if (self.missed > 0 || self.more) && self.lines < self.most {
            lines.lagged(std::mem::take(&mut self.missed), std::mem::take(&mut self.more));
        }
    }

    /// Tells whether there is room for a line, and counts one that has none.
    fn take(&mut self) -> bool {
        let room = self.lines < self.most;
        if room {
            self.lines += 1;
        } else {
            self.missed += 1;
        }
        room
    }
}

/// A comment comes at least so often.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
const BEAT: &[u8] = b": heartbeat\n\n";
/// The shortest time between two looks.
const LOOK_GAP: Duration = Duration::from_millis(50);
/// The session is looked up so often.
const SESSION_CHECK: Duration = Duration::from_secs(1);
/// Entries that are asked of the log at once.
const ENTRIES: usize = 500;
/// Times that one look asks for as many.
const MOST_PAGES: usize = 4;
/// Events that one look takes.
const EVENTS: usize = 100;
