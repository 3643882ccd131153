//! Watches the pace of a connection, so that a slow or silent client holds nothing for long.
//!
//! The connection's stream and its requests leave marks here; the connection's task looks at them now and then. That costs a
//! request a few atomic stores instead of a timer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How slow a client may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// Without taking anything of a reply.
    pub stall: Duration,
}

/// What a connection is at, since when.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    phase: AtomicU8,
    /// In milliseconds after `start`.
    since: AtomicU64,
    /// When writing began to wait, in milliseconds after `start`, plus one; 0: it does not wait.
    stalled: AtomicU64,
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const SERVING: u8 = 2;

impl Pace {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
        })
    }

    /// A request's head is complete.
    pub(super) fn serving(&self) {
        self.phase.store(SERVING, Relaxed);
    }

    /// A request is answered; its reply may still be on the way.
    pub(super) fn served(&self) {
        self.mark(IDLE);
    }

    /// Whether the client has been too slow.
    pub(super) fn too_slow(&self, limits: &Limits) -> bool {
        let over =
            |since: u64, limit: Duration| u128::from(self.millis().saturating_sub(since)) > limit.as_millis();
        let stalled = self.stalled.load(Relaxed);
        if stalled > 0 {
            return over(stalled - 1, limits.stall);
        }
        let since = self.since.load(Relaxed);
        match self.phase.load(Relaxed) {
            HEAD => over(since, limits.head),
            IDLE => over(since, limits.idle),
            _ => false,
        }
    }

    fn received(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.mark(HEAD);
        }
    }

    fn sent(&self, done: bool) {
        if !done {
            // The first time only: waiting goes on until something is taken.
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
    /// How often to look, so that no limit is passed by more than half.
    pub(super) fn glance(&self) -> Duration {
        let shortest = self.head.min(self.idle).min(self.stall);
        (shortest / 2).max(Duration::from_millis(20))
    }
}

/// A stream that leaves marks.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream, pace }
    }

    fn marked<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.pace.sent(polled.is_ready());
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
