//! Request body that returns its unread rest, so that the connection can be left in a known state.
//!
//! A refusal often leaves the body unread. RFC 9112 §9.3 requires that the rest is read before the
//! next request, or that the connection is closed and the response announces it; §9.6 requires a
//! moment of reading before the close, or the client may never see the response. [`Unread::settle`]
//! does either, for every response on every route.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::task::TaskTracker;

use super::Response;

/// Body of a request from the connection.
#[derive(Debug)]
pub struct RequestBody {
    body: Option<Incoming>,
    state: Arc<Mutex<State>>,
}

/// State of the body of the connection's current request. Cheap to clone; one for all its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
enum State {
    /// There is none, it was read to its end, or it broke off.
    #[default]
    Ended,
    /// A handler has it.
    Held,
    /// It was dropped before its end.
    Left(Incoming),
}

impl Unread {
    /// Wraps a request's body to watch it.
    pub(super) fn watch(&self, request: Request<Incoming>) -> Request<RequestBody> {
        request.map(|body| {
            let state = if body.is_end_stream() {
                State::Ended
            } else {
                State::Held
            };
            *lock(&self.state) = state;
            RequestBody {
                body: Some(body),
                state: Arc::clone(&self.state),
            }
        })
    }

    /// Reads a short rest of the body that has arrived, or makes the response close the connection.
    /// A closing connection lingers as one of `tasks`. `expects`: the client waits for `100
    /// Continue`, so that reading would request the body.
    pub(super) async fn settle(&self, expects: bool, response: &mut Response, tasks: &TaskTracker) {
        let state = std::mem::take(&mut *lock(&self.state));
        let mut body = match state {
            State::Ended => return,
            State::Held => return close(response.headers_mut()),
            State::Left(body) => body,
        };
        let closes = response.headers().contains_key(header::CONNECTION);
        let short = body.size_hint().lower() <= SHORT as u64;
        if !closes && !expects && short {
            let drained = tokio::time::timeout(SHORT_TIME, drain(&mut body, SHORT)).await;
            if drained == Ok(true) {
                return;
            }
        }
        close(response.headers_mut());
        tasks.spawn(async move {
            let _ = tokio::time::timeout(LINGER_TIME, drain(&mut body, LINGER)).await;
        });
    }
}

/// Returns `true` if the client waits for `100 Continue` before it sends the body.
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Discards a body up to a number of bytes. Returns `true` if it ended, successfully or not.
async fn drain<B>(body: &mut B, most: usize) -> bool
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = most;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(less) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
            return false;
        };
        left = less;
    }
    true
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    // The state is consistent at every point that could panic.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
            *lock(&self.state) = State::Ended;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            *lock(&self.state) = if body.is_end_stream() {
                State::Ended
            } else {
                State::Left(body)
            };
        }
    }
}

/// Bytes of a rest that are read before the response to keep the connection, and the time for it.
const SHORT: usize = 128 << 10;
const SHORT_TIME: Duration = Duration::from_millis(200);
/// Bytes that are read after a response that closes the connection, and the time for it.
const LINGER: usize = 8 << 20;
const LINGER_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};

    #[tokio::test]
    async fn drain_stops_at_its_bound() {
        assert!(drain(&mut Full::new(Bytes::from_static(b"12345678")), 8).await);
        assert!(!drain(&mut Full::new(Bytes::from_static(b"123456789")), 8).await);
        let taken = std::cell::Cell::new(0_usize);
        let endless = stream::repeat_with(|| {
            taken.set(taken.get() + 1);
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(&[0; 1 << 20])))
        });
        assert!(!drain(&mut StreamBody::new(endless), LINGER).await);
        assert_eq!(taken.get(), (LINGER >> 20) + 1);
    }
}
