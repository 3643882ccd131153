//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper splits a connection into a sender and a future that does the work, which is meant for a task of its own. Here the
//! user of the connection drives that future itself: no task a connection, no switching between two tasks twice a request. An
//! unused connection is driven by nobody; before it is used again it is asked whether its peer has hung up.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection with at most one request under way.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
}

/// Plain or encrypted.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A request failed. `unsent` is the request where surely none of it was written.
#[derive(Debug)]
pub(super) struct SendError {
    pub(super) unsent: Option<Box<hyper::Request<Full<Bytes>>>>,
    pub(super) error: hyper::Error,
}

/// How the body of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// All of it was read.
    Complete,
    /// It is longer than we listen to.
    TooLong,
    /// The connection broke.
    Broken,
}

impl Connection {
    /// Over a stream that was just connected.
    pub(super) async fn open(stream: Stream) -> Result<Self, hyper::Error> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self {
            sender,
            driver: Driver(Some(connection)),
        })
    }

    /// Whether it takes a request: its last answer is complete and its peer has not hung up.
    pub(super) async fn is_usable(&mut self) -> bool {
        let driver = &mut self.driver;
        poll_fn(|cx| {
            driver.step(cx);
            Poll::Ready(())
        })
        .await;
        self.sender.is_ready()
    }

    /// Sends a request and waits for the answer's head. `written` is called when the first writing is done.
    pub(super) async fn send(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
        written: impl Fn(),
    ) -> Result<hyper::Response<Incoming>, SendError> {
        let sent = self.sender.try_send_request(request);
        self.driver
            .drive(sent, written)
            .await
            .map_err(|mut failed| SendError {
                unsent: failed.take_message().map(Box::new),
                error: failed.into_error(),
            })
    }

    /// Reads a body up to a limit and keeps its beginning.
    pub(super) async fn read(&mut self, body: Incoming, limits: BodyLimits, kept: &mut Vec<u8>) -> BodyEnd {
        let mut body = body;
        let mut read = 0;
        loop {
            match self.driver.drive(body.frame(), || {}).await {
                None => return BodyEnd::Complete,
                Some(Err(_)) => return BodyEnd::Broken,
                Some(Ok(frame)) => {
                    let Some(data) = frame.data_ref() else { continue };
                    read += data.len();
                    let room = limits.kept.saturating_sub(kept.len());
                    kept.extend_from_slice(&data[..data.len().min(room)]);
                    if read > limits.read {
                        return BodyEnd::TooLong;
                    }
                }
            }
        }
    }
}

/// How much of an answer's body is listened to, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// After so many we hang up.
    pub(super) read: usize,
    /// So many are kept.
    pub(super) kept: usize,
}

/// The connection's work; `None` once it has ended.
struct Driver(Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>);

impl Driver {
    /// Works as far as it goes without waiting.
    fn step(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.0 else { return };
        // Its error is the one that the sender tells.
        if Pin::new(connection).poll(cx).is_ready() {
            self.0 = None;
        }
    }

    /// Works until `wanted` is there. `stepped` is called after each step.
    async fn drive<T>(&mut self, wanted: impl Future<Output = T>, stepped: impl Fn()) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            self.step(cx);
            stepped();
            // What the step brought is picked up here, not at the next wake-up.
            wanted.as_mut().poll(cx)
        })
        .await
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

const LONGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;
