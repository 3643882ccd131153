//! `Idempotency-Key` for every call that changes something: the same request under the same key is done once, and answered again
//! as it was the first time. A layer around all routes; the ingest has its own way, in the commit of the events themselves.
//!
//! A note in the store says first that the request is under way, and then how it was answered. A key is its caller's and its
//! route's. Only successes are kept: after any other answer the key is as if it had not been used, unless the answer says that it is
//! not known whether the request was done. A tenant has a number of answers kept (`quotas.kept_answers`): over it a request with a new key
//! is refused before it is done. An answer can hold a secret: it is sealed. What a process that dies in between has
//! done is not known either: after [`HOLD`] whoever asks again is told so, and nothing is done twice.

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

/// What the layer works with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Once {
    api: Api,
    /// Where front doors have keys besides the usual headers.
    key_headers: Arc<[String]>,
}

impl Once {
    /// A layer around the API's routes and these doors.
    pub(super) fn new(api: Api, entrances: &[Arc<Entrance>]) -> Self {
        let key_headers = entrances
            .iter()
            .filter_map(|entrance| entrance.key_header().map(str::to_owned));
        Self {
            api,
            key_headers: key_headers.collect(),
        }
    }

    /// Whose keys these are, and who owns the answers: a tenant or the operator; nothing where nobody is known.
    fn caller(&self, headers: &HeaderMap) -> Option<(String, NoteOwner)> {
        let caller = self.api.auth.caller(headers).ok().or_else(|| {
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

/// Owner of a tenant's kept answers in the store. One that was deleted and made again begins with none.
pub(super) fn answers_of(tenant: &Tenant) -> String {
    format!("{}@{}", tenant.id, tenant.created.as_micros())
}

/// One that was deleted and made again has another time, and so none of the old answers; and a key that may do less has none of
/// the answers of one that may do more.
fn of_tenant(tenant: &Tenant, key: &ApiKey) -> String {
    let of_all = answers_of(tenant);
    match (key.scopes, key.subscription) {
        (Scopes::ALL, None) => of_all,
        (scopes, None) => format!("{of_all}/{scopes}"),
        (scopes, Some(subscription)) => format!("{of_all}/{scopes}/{subscription}"),
    }
}

/// Answers a request once for each key.
pub(super) async fn layer(State(once): State<Once>, request: Request, next: Next) -> Response {
    match name_of(&once, &request) {
        Ok(Some((name, owner))) => Repeatable {
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

/// The note's name: a digest of who calls, of the route, and of the key. Nothing where no key counts; a caller who is not known is
/// for the route to refuse.
fn name_of(once: &Once, request: &Request) -> Result<Option<(String, NoteOwner)>, Problem> {
    let method = request.method();
    let path = request.uri().path();
    // A dry run stores nothing, and doing it again does no harm; an import that is done again changes nothing.
    let harmless = path.ends_with("/try") || IMPORTS.contains(&path);
    if method.is_safe() || (method == Method::POST && path == EVENTS) || harmless {
        return Ok(None);
    }
    let Some(key) = idempotency_key(request.headers())? else {
        return Ok(None);
    };
    let Some((caller, owner)) = once.caller(request.headers()) else {
        return Ok(None);
    };
    let mut hash = Sha256::new();
    for part in [caller.as_str(), method.as_str(), path, key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(Some((format!("answer:{}", hex::encode(hash.finalize())), owner)))
}

fn tenant_named(headers: &HeaderMap) -> &str {
    let named = headers.get(TENANT_HEADER);
    named.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A request with a key.
struct Repeatable {
    api: Api,
    name: String,
    /// Whose answers this one is counted with.
    owner: NoteOwner,
}

/// An answer as it is kept, before it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Repeatable {
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
        // Each try has a note of its own: one that comes back late does not touch another's.
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
        // To its end, whether the caller waits for it or not.
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

    /// Takes the place of an upload before its body is read, as the route would.
    fn begin_upload(&self, mut request: Request) -> Result<Request, Problem> {
        if UPLOADS.contains(&request.uri().path()) {
            let owner = request_memory::owner(&self.api, request.headers(), request.extensions());
            let owner = owner.unwrap_or_else(TenantId::operator);
            let upload = self.api.uploads().begin(&owner, request.extensions())?;
            request.extensions_mut().insert(upload);
        }
        Ok(request)
    }

    /// As the route would read it.
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

    /// The answer of the first time, or why there is none.
    fn repeated(&self, standing: &Standing<'_>) -> Result<Response, Problem> {
        let sealed = match standing {
            Standing::Kept(sealed) => sealed,
            Standing::Another => {
                return Err(Problem::new(
                    Code::IdempotencyKeyReused,
                    "The `Idempotency-Key` of this request was used for another request to this route.",
                ));
            }
            Standing::UnderWay => {
                return Err(Problem::new(
                    Code::RequestUnderWay,
                    "A request with this `Idempotency-Key` is being answered at this moment.",
                )
                .retry_after(PAUSE));
            }
            Standing::Unknown => {
                return Err(Problem::new(
                    Code::OutcomeUnknown,
                    "A request with this `Idempotency-Key` was begun, and how it ended is not known.",
                ));
            }
            Standing::Unreadable => return Err(unreadable()),
        };
        let opened = self.api.registry.sealer().open(&self.name, sealed);
        let opened = opened.map_err(|error| {
            tracing::warn!(error = %error_chain(&error), "answer.lost");
            Problem::new(
                Code::AnswerLost,
                "This request was done before; the key that sealed its answer is not there any more.",
            )
        })?;
        let kept: Kept = serde_json::from_str(opened.reveal()).map_err(|_| unreadable())?;
        kept.into_response().ok_or_else(unreadable)
    }

    /// Keeps a success for whoever asks again, and that nobody knows; lets the key go after anything else.
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
        let kept = Kept::of(head.status, &head.headers, &body);
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
            // It was done; only a repetition soon after is told to wait.
            tracing::warn!(error = %error_chain(&error), "answer.not_kept");
        }
        Ok(Response::from_parts(head, Body::from(body)))
    }
}

impl Kept {
    /// Nothing of what is no success, and of what is too large.
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

/// What a note says to a request.
#[derive(Debug, PartialEq, Eq)]
enum Standing<'a> {
    /// The key was used for another request.
    Another,
    /// The request is being answered.
    UnderWay,
    /// It was begun, and nobody knows how it ended.
    Unknown,
    /// It was answered; sealed.
    Kept(&'a str),
    /// The note is none.
    Unreadable,
}

fn standing<'a>(there: &'a [u8], fingerprint: &[u8], now: Timestamp) -> Standing<'a> {
    let read = || {
        let (state, rest) = there.split_first()?;
        let (of, rest) = rest.split_at_checked(FINGERPRINT)?;
        if of != fingerprint {
            return Some(Standing::Another);
        }
        Some(match *state {
            WAITING => {
                let begun = Timestamp::from_micros(u64::from_be_bytes(*rest.first_chunk()?));
                if now.since(begun) < HOLD {
                    Standing::UnderWay
                } else {
                    Standing::Unknown
                }
            }
            UNKNOWN => Standing::Unknown,
            _ => Standing::Kept(std::str::from_utf8(rest).ok()?),
        })
    };
    read().unwrap_or(Standing::Unreadable)
}

/// Whether an answer says that it is not known what was done, and doing it again could do it twice: what `PUT`, `PATCH` and
/// `DELETE` do once more is the same.
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
/// How long a request may be under way: longer than any takes. A note stays longer, so that nobody does it again.
const HOLD: Duration = Duration::from_secs(120);
/// What `Retry-After` says while one is under way.
const PAUSE: Duration = Duration::from_secs(1);
/// Answers above this are not kept: no route's are.
const LARGEST: usize = 1 << 20;
const SHOWN_AGAIN: &[HeaderName] = &[header::CONTENT_TYPE, header::LOCATION];
/// Says that this is the answer of an earlier request.
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
            (&waiting, &mine, Duration::ZERO, Standing::UnderWay),
            (
                &waiting,
                &mine,
                HOLD - Duration::from_millis(1),
                Standing::UnderWay,
            ),
            // The process that did it is dead, or the store heard no more of it.
            (&waiting, &mine, HOLD, Standing::Unknown),
            (&unknown, &mine, Duration::ZERO, Standing::Unknown),
            (&kept, &mine, 10 * HOLD, Standing::Kept("v1.sealed")),
            (&kept, &others, Duration::ZERO, Standing::Another),
            (&waiting, &others, HOLD, Standing::Another),
            (
                &Bytes::from_static(b"w"),
                &mine,
                Duration::ZERO,
                Standing::Unreadable,
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
