//! Endpoint on this machine: receives deliveries, verifies their signatures, and reports each.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use tokio::sync::mpsc;

use super::client::Client;
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
    /// Headers of the request, without those of the connection.
    pub headers: HeaderMap,
    /// Result of the signature's verification; `None`: there was no secret to verify it with.
    pub genuine: Option<Result<(), NotGenuine>>,
    /// Status of the response.
    pub answered: u16,
    /// Reason for which it could not be passed on to the application.
    pub failure: Option<String>,
}

/// Receiver of deliveries. Cheap to clone.
#[derive(Clone)]
pub(super) struct Receiver {
    profile: std::sync::Arc<Profile>,
    keys: std::sync::Arc<std::sync::Mutex<Vec<SigningKey>>>,
    judge: std::sync::Arc<dyn Fn(&str) -> u16 + Send + Sync>,
    /// Body of responses that are not 2xx, as JSON; empty: none.
    refusal: &'static str,
    /// Application that requests are passed on to; its statuses are the responses'.
    application: Option<Client>,
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
            refusal: "",
            application: None,
            arrivals,
            memory: MemoryPool::new(&memory::Config::default()),
        };
        (receiver, told)
    }

    /// The same receiver, whose responses that are not 2xx have this JSON as their body.
    pub(super) fn refusing_with(self, refusal: &'static str) -> Self {
        Self { refusal, ..self }
    }

    /// The same receiver, which passes requests on to an application and answers with its status.
    pub(super) fn forwarding(self, application: Option<Client>) -> Self {
        Self { application, ..self }
    }

    /// Status of the response to a request, and the reason if it could not be passed on.
    async fn status(&self, path: &str, headers: &HeaderMap, body: &Bytes) -> (u16, Option<String>) {
        let Some(application) = &self.application else {
            return ((self.judge)(path), None);
        };
        match application
            .pass_on(Method::POST, headers.clone(), body.clone())
            .await
        {
            Ok(status) => (status, None),
            Err(failure) => {
                let told = failure.told().map(|(told, _)| told.to_owned());
                (BAD_GATEWAY, Some(told.collect::<Vec<_>>().join("; ")))
            }
        }
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
        let genuine = self.verify(&head, &body);
        let id = self.profile.signature.id_in(|name| {
            let value = head.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        });
        let mut headers = head.headers;
        OF_CONNECTION.iter().for_each(|name| drop(headers.remove(*name)));
        let (answered, failure) = self.status(&path, &headers, &body).await;
        let arrival = Arrival {
            headers,
            failure,
            id: id.unwrap_or_else(|| "without id".to_owned()),
            path,
            body,
            genuine,
            answered,
        };
        // A closed channel does not change the response.
        let _ = self.arrivals.send(arrival);
        let status = StatusCode::from_u16(answered).unwrap_or(StatusCode::OK);
        let (kind, body) = match self.refusal {
            refusal if !status.is_success() && !refusal.is_empty() => ("application/json", refusal),
            _ => ("text/plain", ""),
        };
        reply(
            status,
            HeaderValue::from_static(kind),
            Bytes::from_static(body.as_bytes()),
        )
    }
}

/// Headers that concern one connection, and are not passed on (RFC 9110, section 7.6.1).
const OF_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const BAD_GATEWAY: u16 = 502;
const LARGEST_BODY: usize = 16 << 20;
