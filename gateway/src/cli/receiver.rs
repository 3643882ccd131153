//! Endpoint on this machine: receives deliveries, verifies their signatures, and reports each.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use tokio::sync::mpsc;

use crate::http::{Account, BodyLimits, Endpoint, RequestBody, Response, receive, reply};
use hookgate_contract::profile::{NotGenuine, Profile, Profiles, Received, SigningKey};
use hookgate_domain::Secret;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::memory::{self, MemoryPool};

/// Received delivery.
#[derive(Debug)]
pub(super) struct Arrival {
    pub path: String,
    /// Id of the event, from the sender's header.
    pub id: String,
    pub body: Bytes,
    /// Result of the signature's verification; `None`: there was no secret to verify it with.
    pub genuine: Option<Result<(), NotGenuine>>,
    /// Status of the response.
    pub answered: u16,
}

/// Receiver of deliveries. Cheap to clone.
#[derive(Clone)]
pub(super) struct Receiver {
    profile: std::sync::Arc<Profile>,
    keys: std::sync::Arc<std::sync::Mutex<Vec<SigningKey>>>,
    judge: std::sync::Arc<dyn Fn(&str) -> u16 + Send + Sync>,
    arrivals: mpsc::UnboundedSender<Arrival>,
    memory: MemoryPool,
}

impl Receiver {
    /// Creates a receiver of Standard Webhooks whose responses `judge` selects by path.
    /// Returns it with the channel of arrivals.
    pub(super) fn new(
        judge: impl Fn(&str) -> u16 + Send + Sync + 'static,
    ) -> (Self, mpsc::UnboundedReceiver<Arrival>) {
        Self::of(Profiles::shipped().standard(), judge)
    }

    /// Creates a receiver of this profile's deliveries.
    pub(super) fn of(
        profile: std::sync::Arc<Profile>,
        judge: impl Fn(&str) -> u16 + Send + Sync + 'static,
    ) -> (Self, mpsc::UnboundedReceiver<Arrival>) {
        let (arrivals, told) = mpsc::unbounded_channel();
        let receiver = Self {
            profile,
            keys: std::sync::Arc::default(),
            judge: std::sync::Arc::new(judge),
            arrivals,
            memory: MemoryPool::new(&memory::Config::default()),
        };
        (receiver, told)
    }

    /// Adds a secret to verify with. Returns `false` if the text is not a secret.
    pub(super) fn trust(&self, secret: &str) -> bool {
        let Ok(key) = self.profile.secret.key(&Secret::new(secret)) else {
            return false;
        };
        self.keys
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(key);
        true
    }

    fn verify(&self, head: &http::request::Parts, body: &Bytes) -> Option<Result<(), NotGenuine>> {
        let keys = self
            .keys
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        if keys.is_empty() {
            return None;
        }
        let header = |name: &str| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let received = Received {
            header: &header,
            body,
            at: Clock::System.now(),
        };
        Some(self.profile.verify(&received, &keys))
    }
}

impl Endpoint for Receiver {
    async fn answer(&self, request: Request<RequestBody>) -> Response {
        let (head, body) = request.into_parts();
        let limits = BodyLimits {
            max: LARGEST_BODY,
            time: std::time::Duration::from_secs(10),
        };
        let account = Account {
            pool: &self.memory,
            owner: None,
        };
        let body = match receive(&head.headers, body, limits, account).await {
            Ok(received) => received.bytes,
            Err(problem) => return problem.into_reply(),
        };
        let path = head.uri.path().to_owned();
        let answered = (self.judge)(&path);
        let genuine = self.verify(&head, &body);
        let id = self.profile.signature.id_in(|name| {
            let value = head.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        });
        let arrival = Arrival {
            id: id.unwrap_or_else(|| "without id".to_owned()),
            path,
            body,
            genuine,
            answered,
        };
        // A closed channel does not change the response.
        let _ = self.arrivals.send(arrival);
        let status = StatusCode::from_u16(answered).unwrap_or(StatusCode::OK);
        reply(status, HeaderValue::from_static("text/plain"), Bytes::new())
    }
}

const LARGEST_BODY: usize = 16 << 20;
