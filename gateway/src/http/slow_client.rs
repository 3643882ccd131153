//! Slow-client guard: watches the pace of a connection, and ends slow or silent ones.
//!
//! The connection's stream and its requests store marks here; the connection's task checks them at
//! an interval. That costs a few atomic stores per request instead of a timer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Time limits of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// Without accepting any part of a reply.
    pub stall: Duration,
}

/// Phase of a connection, and its start.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    phase: AtomicU8,
    /// Start of the phase, in milliseconds after `start`.
    since: AtomicU64,
    /// Start of a blocked write, in milliseconds after `start`, plus one; 0: no write is blocked.
    stalled: AtomicU64,
    /// Set once a request with a valid key was answered.
    authenticated: AtomicBool,
    eviction: Notify,
    evicted: AtomicBool,
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const SERVING: u8 = 2;
/// Phase: nothing was received yet.
const SILENT: u8 = 3;
/// Phase: an unreadable head was answered.
/// Closing with unread data would discard the response (RFC 9112 §9.6), so it is read for a while.
const LINGERING: u8 = 4;

/// Class of eviction of a connection when the table is full; the first class is evicted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EvictionClass {
    /// It has sent nothing yet.
    Silent,
    /// It waits for a request, and had none with a valid key.
    IdleUnauthenticated,
    /// It has been sending a request's head for a while.
    SlowHead,
    /// It waits for a request, and had one with a valid key.
    Idle,
}

impl Pace {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            phase: AtomicU8::new(SILENT),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            authenticated: AtomicBool::new(false),
            eviction: Notify::new(),
            evicted: AtomicBool::new(false),
        })
    }

    /// Records that a request with a valid key was answered.
    pub(super) fn authenticated(&self) {
        self.authenticated.store(true, Relaxed);
    }

    /// Eviction class of the connection, and the start of its phase; `None`: not evictable.
    /// The start is an instant on the clock of all connections.
    pub(super) fn eviction_class(&self) -> Option<(EvictionClass, Instant)> {
        let since = self.start + Duration::from_millis(self.since.load(Relaxed));
        if self.evicted.load(Relaxed) {
            return None;
        }
        let class = match (self.phase.load(Relaxed), self.authenticated.load(Relaxed)) {
            (SILENT | LINGERING, _) => EvictionClass::Silent,
            (IDLE, false) => EvictionClass::IdleUnauthenticated,
            (IDLE, true) => EvictionClass::Idle,
            (HEAD, _) if since.elapsed() > SLOW_HEAD => EvictionClass::SlowHead,
            _ => return None,
        };
        Some((class, since))
    }

    /// Asks the connection's task to end it.
    pub(super) fn evict(&self) {
        self.evicted.store(true, Relaxed);
        self.eviction.notify_one();
    }

    /// Returns `true` while a request's head is incomplete.
    pub(super) fn is_reading_head(&self) -> bool {
        self.phase.load(Relaxed) == HEAD
    }

    fn lingers(&self) -> bool {
        self.phase.load(Relaxed) == LINGERING
    }

    /// Revokes an eviction. Returns `true` if there was one.
    pub(super) fn keep(&self) -> bool {
        self.evicted.swap(false, Relaxed)
    }

    /// Returns `true` if the connection was asked to end.
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.load(Relaxed)
    }

    /// Waits until the connection is evicted.
    pub(super) async fn eviction(&self) {
        self.eviction.notified().await;
    }

    /// Returns `true` while a request is being answered.
    pub(super) fn is_serving(&self) -> bool {
        self.phase.load(Relaxed) == SERVING
    }

    /// Records that a request's head is complete.
    pub(super) fn serving(&self) {
        self.phase.store(SERVING, Relaxed);
    }

    /// Records that a request is answered; its reply may still be on the way.
    pub(super) fn served(&self) {
        self.mark(IDLE);
    }

    /// Returns `true` if the client exceeds a limit.
    pub(super) fn too_slow(&self, limits: &Limits) -> bool {
        let over =
            |since: u64, limit: Duration| u128::from(self.millis().saturating_sub(since)) > limit.as_millis();
        let stalled = self.stalled.load(Relaxed);
        if stalled > 0 {
            return over(stalled - 1, limits.stall);
        }
        let since = self.since.load(Relaxed);
        match self.phase.load(Relaxed) {
            HEAD | SILENT => over(since, limits.head),
            IDLE => over(since, limits.idle),
            LINGERING => over(since, LINGER_TIME),
            _ => false,
        }
    }

    fn received(&self) {
        match self.phase.load(Relaxed) {
            IDLE => self.mark(HEAD),
            // The time for the first head runs from the connection's beginning.
            SILENT => self.phase.store(HEAD, Relaxed),
            _ => {}
        }
    }

    fn sent(&self, done: bool) {
        if !done {
            // Only the first time: the write is blocked until the client accepts something.
            let _ = self
                .stalled
                .compare_exchange(0, self.millis() + 1, Relaxed, Relaxed);
            return;
        }
        self.stalled.store(0, Relaxed);
        if self.phase.load(Relaxed) == IDLE {
            self.mark(IDLE);
        }
    }

    fn mark(&self, phase: u8) {
        self.since.store(self.millis(), Relaxed);
        self.phase.store(phase, Relaxed);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Limits {
    /// Interval of the checks, so that no limit is exceeded by more than half.
    pub(super) fn check_interval(&self) -> Duration {
        let shortest = self.head.min(self.idle).min(self.stall);
        (shortest / 2).max(Duration::from_millis(20))
    }
}

/// Age at which an incomplete head counts as slow.
const SLOW_HEAD: Duration = Duration::from_secs(1);
/// Bytes, and time, that are still read from a client after an invalid request.
const LINGER: usize = 256 << 10;
const LINGER_TIME: Duration = Duration::from_secs(1);

/// Stream that stores marks.
#[derive(Debug)]
pub(super) struct PacedStream<S> {
    stream: S,
    pace: Arc<Pace>,
    /// Bytes that are still discarded while it lingers.
    linger: usize,
}

impl<S> PacedStream<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self {
            stream,
            pace,
            linger: LINGER,
        }
    }

    fn marked<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.pace.sent(polled.is_ready());
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pace.received();
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PacedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.marked(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.marked(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if !self.pace.lingers() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.pace.is_reading_head() {
                return Poll::Ready(Ok(()));
            }
            self.pace.mark(LINGERING);
        }
        let mut discarded = [0; 4096];
        while self.linger > 0 {
            let mut buf = ReadBuf::new(&mut discarded);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            match buf.filled().len() {
                0 => break,
                read => self.linger = self.linger.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}
