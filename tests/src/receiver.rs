//! A consumer's endpoint: follows a script of replies and records its requests.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{eventually, signature};

/// Reply to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with this status and no body.
    Status(u16),
    /// Answers with this status and these headers.
    With(u16, Vec<(&'static str, String)>),
    /// Answers with 200, after this time.
    After(Duration),
    /// With 500, after so long: longer than anybody waits.
    Hang(Duration),
    /// With 500 and a body of one byte every tenth of a second, for so long.
    Drip(Duration),
    /// With 500 and a body of so many bytes.
    Flood(usize),
    /// By closing the connection.
    Reset,
}

/// A received request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path of the request.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: Bytes,
    /// Status of the answer.
    pub answered: u16,
}

/// A running receiver, ended on drop.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    /// The next replies; 200 after the last one.
    script: Vec<Reply>,
}

impl Reply {
    fn status(&self) -> u16 {
        match self {
            Self::Status(status) | Self::With(status, _) => *status,
            Self::After(_) => 200,
            Self::Hang(_) | Self::Drip(_) | Self::Flood(_) | Self::Reset => 500,
        }
    }
}

impl Received {
    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text; empty if it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// A header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The event's id.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Returns `true` if the Standard Webhooks signature is valid.
    pub fn verifies(&self, secret: &str) -> bool {
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        signature::verifies(secret, id, time, self.header("webhook-signature"), &self.body)
    }
}

impl Receiver {
    /// Starts a receiver that follows the script of replies, and answers 200 from then on.
    ///
    /// # Panics
    /// If no port is available.
    pub async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let state = Arc::new(Mutex::new(State {
            received: Vec::new(),
            script,
        }));
        let server = tokio::spawn(serve(listener, state.clone()));
        Self {
            address,
            state,
            server,
        }
    }

    /// Address that the receiver listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Requests received so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// Takes the requests since the last call, for runs too long to hold all requests in memory.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut lock(&self.state).received)
    }

    /// Number of requests so far.
    pub fn count(&self) -> usize {
        lock(&self.state).received.len()
    }

    /// Waits until at least this many requests have been received.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests at the receiver"), async || {
            (self.count() >= count).then(|| self.received())
        })
        .await
    }

    /// Replaces the script of replies; answers 200 after it.
    pub fn answer(&self, script: Vec<Reply>) {
        lock(&self.state).script = script;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, state.clone()));
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Closed> {
    let path = request.uri().path().to_owned();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    let Ok(body) = request.into_body().collect().await else {
        return Err(Closed);
    };
    let reply = {
        let mut state = lock(&state);
        let reply = if state.script.is_empty() {
            Reply::Status(200)
        } else {
            state.script.remove(0)
        };
        state.received.push(Received {
            path,
            headers,
            body: body.to_bytes(),
            answered: reply.status(),
        });
        reply
    };
    let status = reply.status();
    let (headers, body) = match reply {
        Reply::Status(_) => (Vec::new(), whole(0)),
        Reply::With(_, headers) => (headers, whole(0)),
        Reply::After(time) | Reply::Hang(time) => {
            tokio::time::sleep(time).await;
            (Vec::new(), whole(0))
        }
        Reply::Drip(time) => (Vec::new(), Drip::body(time)),
        Reply::Flood(bytes) => (Vec::new(), whole(bytes)),
        Reply::Reset => return Err(Closed),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(body).expect("a valid reply in the script"))
}

/// A body of so many bytes.
fn whole(bytes: usize) -> BoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(vec![b'x'; bytes])).boxed()
}

/// A body of one byte every tenth of a second.
struct Drip {
    ticks: tokio::time::Interval,
    end: tokio::time::Instant,
}

impl Drip {
    fn body(time: Duration) -> BoxBody<Bytes, Infallible> {
        let drip = Self {
            ticks: tokio::time::interval(Duration::from_millis(100)),
            end: tokio::time::Instant::now() + time,
        };
        drip.boxed()
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let end = self.end;
        self.ticks
            .poll_tick(context)
            .map(|now| (now < end).then(|| Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the script closes the connection")
    }
}

impl std::error::Error for Closed {}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
