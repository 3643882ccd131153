//! Bounds on the data that an endpoint sends in response to one request, and a copy of the head.
//!
//! hyper reads informational responses (1xx) without a limit, and a body in pieces of any size. So
//! bytes and reads are counted below it, at the socket: a flood of any kind (heads, chunks of one
//! byte, empty TLS records) ends the connection. The connection's stream counts; the connection's
//! user sets the bounds.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Budget of one exchange, shared by a connection and its stream. Cheap to clone.
#[derive(Clone)]
pub(super) struct Intake(Arc<Mutex<State>>);

struct State {
    bytes_left: usize,
    reads_left: usize,
    /// Set once a byte of a response arrived since the request.
    received: bool,
    /// Set until the final head was read.
    before_head: bool,
    /// Bytes since the request, up to the final head.
    head: Vec<u8>,
}

impl Intake {
    /// Budget of a connection that is being established.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes_left: HANDSHAKE_BYTES,
            reads_left: MAX_READS,
            received: false,
            before_head: false,
            head: Vec::new(),
        })))
    }

    /// Starts the budget of a request: everything up to the final head.
    pub(super) fn begin_request(&self) {
        let mut state = self.state();
        state.bytes_left = HEAD_BYTES;
        state.reads_left = MAX_READS;
        state.received = false;
        state.before_head = true;
        state.head.clear();
    }

    /// Starts the budget of the body.
    pub(super) fn begin_body(&self) {
        let mut state = self.state();
        state.bytes_left = BODY_BYTES;
        state.reads_left = MAX_READS;
        state.before_head = false;
        if state.head.capacity() > KEPT_CAPACITY {
            state.head = Vec::new();
        }
    }

    /// Returns `true` once a byte of a response arrived since the request.
    pub(super) fn received(&self) -> bool {
        self.state().received
    }

    /// Returns `true` if the budget is exhausted.
    pub(super) fn is_used_up(&self) -> bool {
        let state = self.state();
        state.bytes_left == 0 || state.reads_left == 0
    }

    /// Takes the bytes since the request, if no final head was read from them.
    pub(super) fn take_head(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().head)
    }

    /// Records bytes of a response, after decryption.
    pub(super) fn note_answer(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.state();
        state.received = true;
        if state.before_head && state.head.len() < HEAD_BYTES {
            state.head.extend_from_slice(bytes);
        }
    }

    /// Charges a read of this many bytes from the socket.
    fn charge(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes_left = state.bytes_left.saturating_sub(bytes);
        state.reads_left = state.reads_left.saturating_sub(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point that could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// TCP connection whose reads are charged to the budget.
pub(super) struct Wire {
    tcp: TcpStream,
    intake: Intake,
    /// Set after a write error.
    broken: bool,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream, intake: Intake) -> Self {
        Self {
            tcp,
            intake,
            broken: false,
        }
    }

    /// Swallows a write error.
    /// An endpoint may respond and close before it has read the request (a 413, a 401): the
    /// response can still be read, and without one, reading fails at once.
    fn written(&mut self, written: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(_)) => {
                self.broken = true;
                Poll::Ready(Ok(all))
            }
            other => other,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.intake.is_used_up() {
            return Poll::Ready(Err(io::Error::other("the answer is over its bounds")));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut wire.tcp).poll_read(cx, buf);
        if read.is_ready() {
            wire.intake.charge(buf.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.broken {
            return Poll::Ready(Ok(data.len()));
        }
        let written = Pin::new(&mut wire.tcp).poll_write(cx, data);
        wire.written(written, data.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let all = data.iter().map(|slice| slice.len()).sum();
        if wire.broken {
            return Poll::Ready(Ok(all));
        }
        let written = Pin::new(&mut wire.tcp).poll_write_vectored(cx, data);
        wire.written(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

/// Budget of a TLS handshake: a certificate chain is rarely over 10 KiB.
const HANDSHAKE_BYTES: usize = 256 * 1024;
/// Budget of all heads of a response, informational ones included.
pub(super) const HEAD_BYTES: usize = 64 * 1024;
/// Budget of a body, including its framing and TLS.
const BODY_BYTES: usize = 128 * 1024;
/// Maximum of reads for a part of a response: bounds the cost of one that is sent byte by byte.
const MAX_READS: usize = 1024;
/// Buffer capacity that a connection retains between two responses.
const KEPT_CAPACITY: usize = 4 * 1024;
