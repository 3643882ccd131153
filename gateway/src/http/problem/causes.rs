//! Conversion of the errors of other modules to problems. Those modules know nothing of HTTP.

use std::time::Duration;

use super::{Code, FieldError, Problem};
use hookgate_domain::{OverQuota, Quota};
use hookgate_json::{ParseError, ParseErrorKind};
use hookgate_registry::{BlockedPart, RegistryError};
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::StoreError;

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::new(
                Code::StoreUnavailable,
                "The store did not answer, so it is not known whether the request took effect.",
            )
            .retry_after(PAUSE),
            StoreError::Full(_) => Self::new(
                Code::StoreFull,
                "The store takes nothing new at the moment. Nothing was stored.",
            )
            .retry_after(PAUSE),
            StoreError::Unusable(reason) => Self::new(
                Code::StoreUnfit,
                format!("The store keeps nothing at the moment, and nothing was stored: {reason}."),
            )
            .retry_after(MENDING),
            StoreError::Corrupt(_) => {
                tracing::error!(%error, "request.failed");
                Self::new(
                    Code::StoreDamaged,
                    "The store holds something that cannot be read; the log says what.",
                )
                .retry_after(MENDING)
            }
            StoreError::Conflict => Self::new(Code::Conflict, "Somebody else changed it at the same time."),
            StoreError::OverQuota(over) => over_quota(*over),
        }
    }
}

/// Problem of an exhausted quota in the store. A request over the whole quota can never succeed.
fn over_quota(over: OverQuota) -> Problem {
    let OverQuota {
        quota,
        limit,
        used,
        added,
    } = over;
    let (name, unit, wait, fix) = match quota {
        Quota::StoredBytes => (
            quota.name(),
            "bytes of events",
            AGEING,
            "Wait until events are old enough to go (`retention.events`), or have the operator raise the quota.",
        ),
        Quota::KeptAnswers => (
            quota.name(),
            "answers",
            AGEING,
            "Wait until answers are old enough to go (`retention.idempotency_keys`), send the request without `Idempotency-Key`, or have \
             the operator raise the quota.",
        ),
        Quota::EventsPerSecond | Quota::PendingDeliveries | Quota::ReplaysPerMinute => (
            quota.name(),
            "pending deliveries",
            DRAINING,
            "Wait until deliveries have ended; cancel or mend what waits for an endpoint that fails.",
        ),
    };
    if over.never_fits() {
        let detail =
            format!("The request alone adds {added} {unit}; the tenant's quota `{name}` is {limit}.");
        return Problem::new(Code::LimitReached, detail)
            .quota(quota, limit)
            .fix("Send less in one request, or have the operator raise the quota.");
    }
    let detail = format!("The tenant's quota `{name}` is {limit} {unit}, of which {used} are used.");
    Problem::new(Code::QuotaExceeded, detail)
        .quota(quota, limit)
        .fix(fix)
        .retry_after(wait)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

/// Names the position only, never the text at it.
impl From<&ParseError> for Problem {
    fn from(error: &ParseError) -> Self {
        let code = match error.kind {
            ParseErrorKind::DuplicateKey { .. } => Code::DuplicateKey,
            ParseErrorKind::TooDeep { .. } => Code::TooDeep,
            ParseErrorKind::TooLarge { .. } => Code::BodyTooLarge,
            _ => Code::InvalidJson,
        };
        Self::new(code, format!("The body cannot be read: {error}."))
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let told = error.to_string();
        match error {
            RegistryError::NotFound("tenant") => Self::new(Code::TenantUnknown, "There is no such tenant."),
            RegistryError::NotFound(_) => Self::new(Code::NotFound, sentence(&told)),
            RegistryError::Exists(_) => Self::new(Code::AlreadyExists, sentence(&told)),
            RegistryError::TakenByAnother(_) => Self::new(Code::AlreadyExists, sentence(&told))
                .fix("Give it another id, or remove it from the other tenant."),
            RegistryError::OperatorsOnly(_) => Self::new(Code::OperatorRequired, sentence(&told)),
            RegistryError::Conflict => Self::new(Code::Conflict, sentence(&told)),
            RegistryError::StillGoing => Self::new(Code::InUse, sentence(&told))
                .fix("Ask again in a while: it goes on where it was, and nothing else is needed.")
                .retry_after(PAUSE),
            RegistryError::RegistryFull { .. } => Self::new(Code::RegistryFull, sentence(&told)),
            RegistryError::LimitReached { limit, .. } => {
                Self::new(Code::LimitReached, sentence(&told)).at_most(limit as u64)
            }
            RegistryError::Invalid { field, problem } => Self::fields(
                Code::InvalidField,
                vec![FieldError::new(format!("/{field}"), problem)],
            ),
            RegistryError::ProfileBlocks(blocked) => {
                let place = |part: BlockedPart| match part.subscription {
                    Some(id) => FieldError::new(format!("/subscriptions/{id}{}", part.pointer), part.problem),
                    None => FieldError::new(part.pointer, part.problem),
                };
                Self::fields(
                    Code::ProfileConflict,
                    blocked.parts.into_iter().map(place).collect(),
                )
            }
            RegistryError::PluginUnknown { .. } => {
                Self::fields(Code::InvalidField, vec![FieldError::new("/steps", told)])
                    .fix("See GET /v1/plugins for the plugins that there are.")
            }
            RegistryError::SettingsRefused {
                step,
                plugin,
                problems,
            } => {
                let place = |pointer: &str| format!("/steps/{step}/settings{pointer}");
                let errors = problems
                    .into_iter()
                    .map(|p| FieldError::new(place(&p.pointer), p.message))
                    .collect();
                let problem = Self::fields(Code::InvalidSettings, errors);
                let detail = format!("The plugin `{plugin}` refuses its settings: {}", problem.detail());
                problem.detailed(detail)
            }
            RegistryError::SchemaRefused { problems, .. } => {
                let errors = problems.into_iter();
                let errors = errors.map(|p| FieldError::new(format!("/schema{}", p.pointer), p.message));
                Self::fields(Code::InvalidSchema, errors.collect())
            }
            RegistryError::RedactionSkipped { step } => {
                let place = format!("/steps/{step}/on_failure");
                Self::fields(Code::InvalidField, vec![FieldError::new(place, told)])
            }
            RegistryError::Component(ref cause) if cause.is_busy() => Self::new(
                Code::TenantBusy,
                "Too many components are compiled or asked at the moment. Nothing was stored.",
            )
            .retry_after(PAUSE),
            RegistryError::Component(ref cause) if cause.is_the_hosts() => internal(&error),
            RegistryError::Component(_) => {
                Self::new(Code::InvalidComponent, sentence(&error_chain(&error).to_string()))
            }
            RegistryError::VersionExists { .. } => Self::new(Code::VersionImmutable, sentence(&told)),
            RegistryError::PluginInUse { .. } => Self::new(Code::InUse, sentence(&told)),
            RegistryError::WrongState(_) => Self::new(Code::WrongState, sentence(&told)),
            RegistryError::StepInvalid { step, field, problem } => {
                let place = format!("/steps/{step}/{field}");
                Self::fields(Code::InvalidField, vec![FieldError::new(place, problem)])
            }
            RegistryError::Declared(_) => Self::new(Code::DeclaredInFile, sentence(&told)),
            RegistryError::Store(store) => Self::from(&store),
            RegistryError::Sealed(_) | RegistryError::Unreadable { .. } => internal(&error),
        }
    }
}

/// Problem of an internal error: the caller learns only that, the log has the cause.
fn internal(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error = %error_chain(error), "request.failed");
    Problem::new(
        Code::InternalError,
        "Something that hookgate keeps cannot be read; the log says what.",
    )
}

/// Turns an error's phrase into a sentence for the detail.
fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// `Retry-After` when the store is unavailable.
const PAUSE: Duration = Duration::from_secs(1);
/// `Retry-After` when pending deliveries of the tenant have to end first.
const DRAINING: Duration = Duration::from_secs(5);
/// `Retry-After` when events of the tenant have to expire first.
const AGEING: Duration = Duration::from_secs(60);
/// `Retry-After` when an operator has to repair the store first.
const MENDING: Duration = Duration::from_secs(10);
