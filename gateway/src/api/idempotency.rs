//! Idempotency-Key layer: replays the stored response to a repeated request.
//!
//! The layer wraps all routes and covers every call that changes something. The ingest has a
//! separate implementation, in the commit of the events.
//!
//! A record in the store first marks the request as in progress, and then holds its response.
//!
//! * A key belongs to its caller and its route.
//! * Only successes are stored. After any other response the key counts as unused, unless the
//!   response leaves it unknown whether the request was executed.
//! * The number of stored responses of a tenant is limited (`quotas.kept_answers`). Over the limit,
//!   a request with a new key is refused before it is executed.
//! * A response can contain a secret: it is sealed.
//! * The outcome of a request whose process dies is unknown. After [`HOLD`] a repeated request is
//!   answered so, and nothing is executed twice.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Api;
use super::doors::Entrance;
use super::request_memory::{self, InMemory};
use super::transfer::IMPORTS;
use crate::http::{BodyLimits, Caller, Code, Problem, Retry, TENANT_HEADER, idempotency_key};
use hookgate_domain::{Scopes, Secret, TenantId, Timestamp};
use hookgate_registry::{ApiKey, Tenant};
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::NoteOwner;

/// State of the layer. Cheap to clone.
#[derive(Clone)]
pub(super) struct IdempotencyLayer {
    api: Api,
    /// Headers in which adapters expect keys, besides the usual ones.
    key_headers: Arc<[String]>,
}

impl IdempotencyLayer {
    /// Creates the layer around the API's routes and these adapters.
    pub(super) fn new(api: Api, entrances: &[Arc<Entrance>]) -> Self {
        let key_headers = entrances
            .iter()
            .filter_map(|entrance| entrance.key_header().map(str::to_owned));
        Self {
            api,
            key_headers: key_headers.collect(),
        }
    }

    /// Identifies the caller, and the owner of its stored responses: a tenant or the operator.
    ///
    /// `None` if the caller is unknown.
    fn caller(&self, request: &Request) -> Option<(String, NoteOwner)> {
        let headers = request.headers();
        let caller = self.api.auth.caller(request).ok().or_else(|| {
            let keys = self
                .key_headers
                .iter()
                .filter_map(|name| headers.get(name)?.to_str().ok());
            let mut callers = keys.filter_map(|key| self.api.auth.whose(key.trim()).ok());
            callers.next()
        });
        Some(match caller? {
            Caller::Tenant(tenant, key) => {
                let owner = NoteOwner {
                    name: answers_of(&tenant),
                    most: tenant.quotas.kept_answers.unwrap_or(u64::MAX),
                };
                (of_tenant(&tenant, &key), owner)
            }
            Caller::Session(tenant, session) => {
                let owner = NoteOwner {
                    name: answers_of(&tenant),
                    most: tenant.quotas.kept_answers.unwrap_or(u64::MAX),
                };
                (format!("{}/{}", answers_of(&tenant), session.id()), owner)
            }
            Caller::Operator => {
                let owner = NoteOwner {
                    name: "operator".to_owned(),
                    most: u64::MAX,
                };
                (format!("operator/{}", tenant_named(headers)), owner)
            }
        })
    }
}

/// Owner of a tenant's stored responses in the store.
///
/// A tenant that was deleted and created again starts with none.
pub(super) fn answers_of(tenant: &Tenant) -> String {
    format!("{}@{}", tenant.id, tenant.created.as_micros())
}

/// Caller name of a tenant's key.
///
/// The creation time separates a tenant from a former one of the same name. The scopes and the
/// subscription separate the keys of a tenant, so that a key with fewer rights gets no responses
/// that were stored for a key with more.
fn of_tenant(tenant: &Tenant, key: &ApiKey) -> String {
    let of_all = answers_of(tenant);
    match (key.scopes, key.subscription) {
        (Scopes::ALL, None) => of_all,
        (scopes, None) => format!("{of_all}/{scopes}"),
        (scopes, Some(subscription)) => format!("{of_all}/{scopes}/{subscription}"),
    }
}

/// Executes a request once for each key.
pub(super) async fn layer(State(once): State<IdempotencyLayer>, request: Request, next: Next) -> Response {
    match name_of(&once, &request) {
        Ok(Some((name, owner))) => KeyedRequest {
            api: once.api,
            name,
            owner,
        }
        .answer(request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response),
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Name of the record: a digest of the caller, the route and the key.
///
/// `None` if no key counts. An unknown caller is left to the route to refuse.
fn name_of(once: &IdempotencyLayer, request: &Request) -> Result<Option<(String, NoteOwner)>, Problem> {
    let method = request.method();
    let path = request.uri().path();
    if method.is_safe() || (method == Method::POST && path == EVENTS) || !keeps_answers(path) {
        return Ok(None);
    }
    let Some(key) = idempotency_key(request.headers())? else {
        return Ok(None);
    };
    let Some((caller, owner)) = once.caller(request) else {
        return Ok(None);
    };
    let mut hash = Sha256::new();
    for part in [caller.as_str(), method.as_str(), path, key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(Some((format!("answer:{}", hex::encode(hash.finalize())), owner)))
}

/// Route that exchanges the code of a link.
const SIGN_IN: &str = "/v1/session";

/// Returns `true` if answers of a route, or of its template, are kept under a key.
pub(super) fn keeps_answers(path: &str) -> bool {
    // A dry run stores nothing and can be repeated; a repeated import changes nothing.
    let harmless = path.ends_with("/try") || IMPORTS.contains(&path);
    // Codes and tokens work once.
    let secret = path == SIGN_IN || path.ends_with("/portal-links") || path.ends_with("/dashboard-links");
    !harmless && !secret
}

fn tenant_named(headers: &HeaderMap) -> &str {
    let named = headers.get(TENANT_HEADER);
    named.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Request with an idempotency key.
struct KeyedRequest {
    api: Api,
    name: String,
    /// Owner that the stored response is counted for.
    owner: NoteOwner,
}

/// Stored response, before it is sealed.
#[derive(Serialize, Deserialize)]
struct StoredResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl KeyedRequest {
    async fn answer(self, request: Request, next: Next) -> Result<Response, Problem> {
        let limits = self.limits(&request);
        let request = self.begin_upload(request)?;
        let (head, body) = request_memory::read(&self.api, request, limits).await?;
        let mut hash = Sha256::new();
        hash.update(head.uri.query().unwrap_or_default());
        hash.update([0]);
        hash.update(&body);
        let fingerprint: [u8; FINGERPRINT] = hash.finalize().into();
        let now = self.api.clock.now();
        // Each try has a unique record: a try that returns late does not change another one's.
        let own = self.api.ids.event();
        let begun = [&now.as_micros().to_be_bytes()[..], own.as_str().as_bytes()].concat();
        let waiting = note(WAITING, &fingerprint, &begun);
        let keep = self.api.keep_answers.max(HOLD);
        let there = self
            .api
            .store
            .note_put(&self.name, waiting.clone(), keep, Some(&self.owner));
        let there = there.await.map_err(|error| self.api.quotas.refusal(&error))?;
        if let Some(there) = there {
            return self.repeated(&standing(&there, &fingerprint, now));
        }
        let method = head.method.clone();
        let mut request = Request::from_parts(head, Body::empty());
        request.extensions_mut().insert(InMemory(body));
        // Runs to its end even if the caller disconnects.
        let tasks = self.api.tasks.clone();
        let done = tasks.spawn(async move {
            let response = next.run(request).await;
            self.keep(&method, waiting, &fingerprint, response).await
        });
        done.await.unwrap_or_else(|_| {
            Err(Problem::new(
                Code::InternalError,
                "The request was given up half-way; the log says why.",
            ))
        })
    }

    /// Counts an upload against its limit before the body is read, as the route would.
    fn begin_upload(&self, mut request: Request) -> Result<Request, Problem> {
        if UPLOADS.contains(&request.uri().path()) {
            let owner = request_memory::owner(&self.api, request.headers(), request.extensions());
            let owner = owner.unwrap_or_else(TenantId::operator);
            let upload = self.api.uploads().begin(&owner, request.extensions())?;
            request.extensions_mut().insert(upload);
        }
        Ok(request)
    }

    /// Limits that the route sets for the body.
    fn limits(&self, request: &Request) -> BodyLimits {
        let upload = UPLOADS.contains(&request.uri().path());
        BodyLimits {
            max: if upload {
                self.api.max_component
            } else {
                self.api.body.max
            },
            ..self.api.body
        }
    }

    /// Returns the stored response, or the reason for which there is none.
    fn repeated(&self, standing: &KeyState<'_>) -> Result<Response, Problem> {
        let sealed = match standing {
            KeyState::StoredResponse(sealed) => sealed,
            KeyState::Another => {
                return Err(Problem::new(
                    Code::IdempotencyKeyReused,
                    "The `Idempotency-Key` of this request was used for another request to this route.",
                ));
            }
            KeyState::UnderWay => {
                return Err(Problem::new(
                    Code::RequestUnderWay,
                    "A request with this `Idempotency-Key` is being answered at this moment.",
                )
                .retry_after(PAUSE));
            }
            KeyState::Unknown => {
                return Err(Problem::new(
                    Code::OutcomeUnknown,
                    "A request with this `Idempotency-Key` was begun, and how it ended is not known.",
                ));
            }
            KeyState::Unreadable => return Err(unreadable()),
        };
        let opened = self.api.registry.sealer().open(&self.name, sealed);
        let opened = opened.map_err(|error| {
            tracing::warn!(error = %error_chain(&error), "answer.lost");
            Problem::new(
                Code::AnswerLost,
                "This request was done before; the key that sealed its answer is not there any more.",
            )
        })?;
        let kept: StoredResponse = serde_json::from_str(opened.reveal()).map_err(|_| unreadable())?;
        kept.into_response().ok_or_else(unreadable)
    }

    /// Stores a success or an unknown outcome for repetitions. Any other response releases the key.
    async fn keep(
        &self,
        method: &Method,
        waiting: Bytes,
        fingerprint: &[u8],
        response: Response,
    ) -> Result<Response, Problem> {
        let (head, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Err(Problem::new(Code::InternalError, "The answer could not be made.")),
        };
        let kept = StoredResponse::of(head.status, &head.headers, &body);
        let kept = kept.map(|kept| {
            let sealed = self.api.registry.sealer().seal(&self.name, &kept);
            note(KEPT, fingerprint, sealed.as_bytes())
        });
        let unknown = is_unknown(method, head.extensions.get()).then(|| note(UNKNOWN, fingerprint, &[]));
        let next = kept.or(unknown).map(|note| (note, self.api.keep_answers));
        let noted = self
            .api
            .store
            .note_replace(&self.name, waiting, next, Some(&self.owner))
            .await;
        if let Err(error) = noted {
            // The request was executed; only a repetition soon after is told to wait.
            tracing::warn!(error = %error_chain(&error), "answer.not_kept");
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }
}

impl StoredResponse {
    /// Seals a response for the store; `None` if it is no success or is larger than [`LARGEST`].
    fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Secret> {
        if !status.is_success() || body.len() > LARGEST {
            return None;
        }
        let header =
            |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
        let kept = Self {
            status: status.as_u16(),
            headers: SHOWN_AGAIN.iter().filter_map(header).collect(),
            body: std::str::from_utf8(body).ok()?.to_owned(),
        };
        serde_json::to_string(&kept).ok().map(|text| Secret::new(&text))
    }

    fn into_response(self) -> Option<Response> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).ok()?;
        for (name, value) in self.headers {
            let name: HeaderName = name.parse().ok()?;
            response.headers_mut().insert(name, value.parse().ok()?);
        }
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        Some(response)
    }
}

/// State of a key, as its record shows it.
#[derive(Debug, PartialEq, Eq)]
enum KeyState<'a> {
    /// The key was used for another request.
    Another,
    /// The request is in progress.
    UnderWay,
    /// The request was begun, and its outcome is unknown.
    Unknown,
    /// The request was answered; the sealed response.
    StoredResponse(&'a str),
    /// The record cannot be read.
    Unreadable,
}

fn standing<'a>(there: &'a [u8], fingerprint: &[u8], now: Timestamp) -> KeyState<'a> {
    let read = || {
        let (state, rest) = there.split_first()?;
        let (of, rest) = rest.split_at_checked(FINGERPRINT)?;
        if of != fingerprint {
            return Some(KeyState::Another);
        }
        Some(match *state {
            WAITING => {
                let begun = Timestamp::from_micros(u64::from_be_bytes(*rest.first_chunk()?));
                if now.since(begun) < HOLD {
                    KeyState::UnderWay
                } else {
                    KeyState::Unknown
                }
            }
            UNKNOWN => KeyState::Unknown,
            _ => KeyState::StoredResponse(std::str::from_utf8(rest).ok()?),
        })
    };
    read().unwrap_or(KeyState::Unreadable)
}

/// Returns `true` if the outcome is unknown and a repetition could execute the request twice.
///
/// A repeated `PUT`, `PATCH` or `DELETE` has the same effect as one.
fn is_unknown(method: &Method, retry: Option<&Retry>) -> bool {
    method == Method::POST && retry == Some(&Retry::SameKey)
}

fn unreadable() -> Problem {
    Problem::new(
        Code::InternalError,
        "What was answered first cannot be read any more.",
    )
}

fn note(state: u8, fingerprint: &[u8], rest: &[u8]) -> Bytes {
    [&[state][..], fingerprint, rest].concat().into()
}

const WAITING: u8 = b'w';
const KEPT: u8 = b'k';
const UNKNOWN: u8 = b'u';
const FINGERPRINT: usize = 32;
/// Longest time for which a request counts as in progress, longer than any takes.
///
/// The record is stored for longer, so that the request is not executed again.
const HOLD: Duration = Duration::from_secs(120);
/// `Retry-After` while the request is in progress.
const PAUSE: Duration = Duration::from_secs(1);
/// Maximum size of a stored response in bytes; no route exceeds it.
const LARGEST: usize = 1 << 20;
const SHOWN_AGAIN: &[HeaderName] = &[header::CONTENT_TYPE, header::LOCATION];
/// Header that marks a replayed response.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const EVENTS: &str = "/v1/events";
const UPLOADS: [&str; 2] = ["/v1/plugins", "/v1/shared/plugins"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_done_twice() {
        let (mine, others) = ([1; FINGERPRINT], [2; FINGERPRINT]);
        let begun = Timestamp::from_millis(1_000_000);
        let waiting = note(
            WAITING,
            &mine,
            &[&begun.as_micros().to_be_bytes()[..], b"evt_1"].concat(),
        );
        let kept = note(KEPT, &mine, b"v1.sealed");
        let unknown = note(UNKNOWN, &mine, &[]);
        for (there, fingerprint, passed, expected) in [
            (&waiting, &mine, Duration::ZERO, KeyState::UnderWay),
            (
                &waiting,
                &mine,
                HOLD - Duration::from_millis(1),
                KeyState::UnderWay,
            ),
            // The process that executed it is dead, or the store was not updated.
            (&waiting, &mine, HOLD, KeyState::Unknown),
            (&unknown, &mine, Duration::ZERO, KeyState::Unknown),
            (&kept, &mine, 10 * HOLD, KeyState::StoredResponse("v1.sealed")),
            (&kept, &others, Duration::ZERO, KeyState::Another),
            (&waiting, &others, HOLD, KeyState::Another),
            (
                &Bytes::from_static(b"w"),
                &mine,
                Duration::ZERO,
                KeyState::Unreadable,
            ),
        ] {
            assert_eq!(standing(there, fingerprint, begun.plus(passed)), expected);
        }
        let problem = |code| {
            let reply = Problem::new(code, "").into_reply();
            reply.extensions().get::<Retry>().copied()
        };
        for (method, code, unknown) in [
            (Method::POST, Code::StoreUnavailable, true),
            (Method::POST, Code::InternalError, true),
            (Method::POST, Code::StoreFull, false),
            (Method::POST, Code::InvalidField, false),
            (Method::PUT, Code::StoreUnavailable, false),
            (Method::DELETE, Code::StoreUnavailable, false),
        ] {
            assert_eq!(
                is_unknown(&method, problem(code).as_ref()),
                unknown,
                "{method} {code:?}"
            );
        }
        assert!(!is_unknown(&Method::POST, None));
    }
}
