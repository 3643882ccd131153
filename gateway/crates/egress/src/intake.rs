//! Bounds what an endpoint may send in answer to one request, and keeps the head until it is read.
//!
//! hyper reads informational responses (1xx) without end, and a body in pieces as small as its sender makes them. So bytes and
//! reads are counted below it, where they come off the wire: a flood ends the connection, whatever it consists of (heads,
//! chunks of one byte, empty TLS records). The connection's stream counts; the connection's user sets the bounds.

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
    /// True once a byte of an answer came since the request.
    received: bool,
    /// True until the final head was read.
    before_head: bool,
    /// Bytes since the request, up to the final head.
    head: Vec<u8>,
}

impl Intake {
    /// The budget of a connection that is being made.
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

    /// True once a byte of an answer came since the request.
    pub(super) fn received(&self) -> bool {
        self.state().received
    }

    /// True where nothing more may come.
    pub(super) fn is_used_up(&self) -> bool {
        let state = self.state();
        state.bytes_left == 0 || state.reads_left == 0
    }

    /// Takes the bytes since the request, where no final head was read of them.
    pub(super) fn take_head(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().head)
    }

    /// Notes bytes of an answer, after decryption.
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

    /// Charges a read of so many bytes from the wire.
    fn charge(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes_left = state.bytes_left.saturating_sub(bytes);
        state.reads_left = state.reads_left.saturating_sub(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is inside is whole between any two statements that could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A TCP connection whose reads are charged.
pub(super) struct Wire {
    tcp: TcpStream,
    intake: Intake,
    /// Nothing more can be written.
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

    /// Swallows an error of writing. An endpoint may answer and hang up before it has read the request (a 413, a 401): the
    /// answer is then still to be read, and where there is none, reading fails at once.
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

/// A TLS handshake: a chain of certificates is seldom over 10 KiB.
const HANDSHAKE_BYTES: usize = 256 * 1024;
/// All heads of an answer together, informational ones included.
pub(super) const HEAD_BYTES: usize = 64 * 1024;
/// A body: what is listened to of it, and what its framing and TLS add.
const BODY_BYTES: usize = 128 * 1024;
/// Reads of a part of an answer, so that one sent byte by byte costs little too.
const MAX_READS: usize = 1024;
/// Capacity of the buffer that a connection keeps between two answers.
const KEPT_CAPACITY: usize = 4 * 1024;
