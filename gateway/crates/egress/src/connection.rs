//! HTTP/1.1 connection, driven by its user.
//!
//! hyper splits a connection into a sender and a future for a separate task. Here the user of the
//! connection polls that future: no task per connection, and no switch between two tasks twice a
//! request. An idle connection is not polled; before its reuse, `is_usable` checks that the peer
//! has not closed it.

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
use tokio_rustls::client::TlsStream;

use super::answer_head::AnswerHead;
use super::intake::{HEAD_BYTES, Intake, Wire};

/// Connection with at most one request in progress.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    intake: Intake,
}

/// Plain or encrypted stream, with the bounds of the received data.
pub(super) struct Stream {
    transport: Transport,
    intake: Intake,
}

/// Transport of the bytes to and from the endpoint.
pub(super) enum Transport {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

/// Failure of a request.
#[derive(Debug)]
pub(super) struct SendError {
    /// The request, if certainly nothing of it was written.
    pub(super) unsent: Option<Box<hyper::Request<Full<Bytes>>>>,
    /// Set once a byte of a response arrived.
    pub(super) received: bool,
    /// Set if the head exceeds its bound.
    pub(super) too_large: bool,
    /// Head of the response, if it is complete and hyper refuses it.
    pub(super) head: Option<AnswerHead>,
    pub(super) error: hyper::Error,
}

/// End of a response's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// It was read completely.
    Complete,
    /// It exceeds the bound on bytes or on pieces.
    TooLong,
    /// The connection broke, or the framing is invalid.
    Broken,
}

impl Connection {
    /// Performs the HTTP handshake on a connected stream.
    pub(super) async fn open(stream: Stream) -> Result<Self, hyper::Error> {
        let intake = stream.intake.clone();
        // RFC 9112 §5.2: folded lines are accepted. Other faults of old servers in unread headers
        // are ignored.
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .max_headers(MOST_HEADERS)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self {
            sender,
            driver: Driver(Some(connection)),
            intake,
        })
    }

    /// Returns `true` if it accepts a request.
    /// Then its last response is complete and its peer has not closed it.
    pub(super) async fn is_usable(&mut self) -> bool {
        let driver = &mut self.driver;
        poll_fn(|cx| {
            driver.step(cx);
            Poll::Ready(())
        })
        .await;
        self.sender.is_ready()
    }

    /// Sends a request and waits for the response head. `written` is called after the first write.
    pub(super) async fn send(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
        written: impl Fn(),
    ) -> Result<hyper::Response<Incoming>, SendError> {
        self.intake.begin_request();
        let sent = self.sender.try_send_request(request);
        match self.driver.drive(sent, written).await {
            Ok(response) => {
                self.intake.begin_body();
                Ok(response)
            }
            Err(mut failed) => {
                let unsent = failed.take_message().map(Box::new);
                let error = failed.into_error();
                let refused = error.is_parse() && !self.intake.is_used_up();
                let head = refused
                    .then(|| AnswerHead::read(&self.intake.take_head()))
                    .flatten();
                Err(SendError {
                    unsent,
                    received: self.intake.received(),
                    too_large: self.intake.is_used_up() || error.is_parse_too_large(),
                    head,
                    error,
                })
            }
        }
    }

    /// Reads a body up to a limit and stores its beginning.
    pub(super) async fn read(&mut self, body: Incoming, limits: BodyLimits, kept: &mut Vec<u8>) -> BodyEnd {
        let mut body = body;
        let mut read = 0;
        for _ in 0..limits.pieces {
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
        BodyEnd::TooLong
    }
}

/// Bounds on the body of a response.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Bytes after which the connection is closed.
    pub(super) read: usize,
    /// Pieces (chunks, reads) after which it is closed.
    pub(super) pieces: usize,
    /// Bytes that are stored.
    pub(super) kept: usize,
}

/// hyper's connection future; `None` once it has ended.
struct Driver(Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>);

impl Driver {
    /// Polls the connection once, without waiting.
    fn step(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.0 else { return };
        // The sender returns its error.
        if Pin::new(connection).poll(cx).is_ready() {
            self.0 = None;
        }
    }

    /// Polls the connection until `wanted` is ready. `stepped` is called after each poll.
    async fn drive<T>(&mut self, wanted: impl Future<Output = T>, stepped: impl Fn()) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            self.step(cx);
            stepped();
            // A result of this poll is taken here, not at the next wake-up.
            wanted.as_mut().poll(cx)
        })
        .await
    }
}

impl Stream {
    pub(super) fn new(transport: Transport, intake: Intake) -> Self {
        Self { transport, intake }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = buf.filled().len();
        let read = match &mut stream.transport {
            Transport::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        };
        stream.intake.note_answer(&buf.filled()[before..]);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(wire) => Pin::new(wire).poll_write(cx, data),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(wire) => Pin::new(wire).poll_write_vectored(cx, data),
            Transport::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(wire) => wire.is_write_vectored(),
            Transport::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(wire) => Pin::new(wire).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(wire) => Pin::new(wire).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

const MOST_HEADERS: usize = 100;
