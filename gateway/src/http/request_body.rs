//! Request body that hands back what was not read of it, so that the connection can be left in a known state.
//!
//! A refusal often leaves the body unread. RFC 9112 §9.3 wants the rest read before the next request, or the connection closed,
//! and said so; §9.6 wants a moment of reading before the close, or the client may never see the answer. [`Unread::settle`]
//! does either, for every answer on every route.

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

/// Body of a request as it comes from the connection.
#[derive(Debug)]
pub struct RequestBody {
    body: Option<Incoming>,
    state: Arc<Mutex<State>>,
}

/// The connection's view of the body of the request that it serves. Cheap to clone; one for all requests of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
enum State {
    /// There is none, it was read to its end, or it broke off.
    #[default]
    Ended,
    /// Somebody has it.
    Held,
    /// It was dropped before its end.
    Left(Incoming),
}

impl Unread {
    /// The request with a body that is watched.
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

    /// Reads the rest of the body if it is short and there, or makes the response end the connection, which then lingers as one
    /// of `tasks`. `expects`: the client waits for `100 Continue`, so that reading would ask for the body.
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

/// Tells whether the client waits for `100 Continue` before it sends the body.
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Discards a body up to so many bytes; whether it came to its end, well or not.
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
    // The state is whole again before anything can panic.
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

/// Bytes of a rest that are read before the answer, so that the connection goes on, and for how long.
const SHORT: usize = 128 << 10;
const SHORT_TIME: Duration = Duration::from_millis(200);
/// Bytes that are still taken after an answer that ends the connection, and for how long.
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
