//! From this API's problems to what a product's customers are told of them.

use crate::http::Code;
use crate::profile::Refusal;

/// The refusal that a problem is at a product's own route.
pub(super) fn of(code: Code) -> Refusal {
    match code {
        Code::InvalidJson => Refusal::InvalidJson,
        Code::DuplicateKey => Refusal::DuplicateKey,
        Code::TooDeep => Refusal::TooDeep,
        Code::InvalidParameter => Refusal::InvalidParameter,
        Code::InvalidCursor => Refusal::InvalidCursor,
        Code::BodyIncomplete => Refusal::BodyIncomplete,
        Code::KeyMissing => Refusal::KeyMissing,
        Code::KeyUnknown => Refusal::KeyUnknown,
        Code::KeyExpired => Refusal::KeyExpired,
        Code::ScopeMissing => Refusal::ScopeMissing,
        Code::OperatorRequired | Code::TenantRequired => Refusal::Forbidden,
        Code::RouteUnknown => Refusal::RouteUnknown,
        Code::NotFound | Code::TenantUnknown => Refusal::NotFound,
        Code::MethodNotAllowed => Refusal::MethodNotAllowed,
        Code::BodyTimeout => Refusal::BodyTimeout,
        Code::Conflict | Code::VersionImmutable => Refusal::Conflict,
        Code::AlreadyExists => Refusal::AlreadyExists,
        Code::WrongState => Refusal::WrongState,
        Code::RequestUnderWay => Refusal::RequestUnderWay,
        Code::OutcomeUnknown => Refusal::OutcomeUnknown,
        Code::InUse => Refusal::InUse,
        Code::DeclaredInFile => Refusal::ReadOnly,
        Code::AnswerLost => Refusal::AnswerLost,
        Code::CursorExpired => Refusal::CursorExpired,
        Code::BodyTooLarge => Refusal::BodyTooLarge,
        Code::UnsupportedMediaType => Refusal::UnsupportedMediaType,
        Code::UnsupportedEncoding => Refusal::UnsupportedEncoding,
        Code::InvalidField | Code::InvalidSettings | Code::InvalidSchema | Code::InvalidComponent => {
            Refusal::InvalidField
        }
        Code::AddressRefused => Refusal::AddressRefused,
        Code::InvalidEvent | Code::ReservedType | Code::SchemaMismatch => Refusal::InvalidEvent,
        Code::EventTypeUnknown => Refusal::EventTypeUnknown,
        Code::EventRejected | Code::TooMuchWork => Refusal::EventRejected,
        Code::IdempotencyKeyReused => Refusal::IdempotencyKeyReused,
        Code::LimitReached | Code::RegistryFull => Refusal::LimitReached,
        Code::TenantBusy | Code::MemoryShare => Refusal::TooManyRequests,
        Code::QuotaExceeded => Refusal::QuotaExceeded,
        Code::TooManyWaiting => Refusal::TooManyWaiting,
        Code::InternalError => Refusal::InternalError,
        Code::Overloaded
        | Code::PluginFailed
        | Code::TenantLoading
        | Code::TenantUnreadable
        | Code::StoreUnavailable
        | Code::StoreFull
        | Code::StoreUnfit
        | Code::StoreDamaged => Refusal::Unavailable,
        Code::LoopDetected => Refusal::LoopDetected,
    }
}

/// Whether a text may be shown to customers as it is: nothing in it names what stands behind the product. A guard: the texts
/// that routes of products can meet are written so.
pub(super) fn is_for_customers(text: &str) -> bool {
    let lower = text.to_lowercase();
    !INTERNAL.iter().any(|word| lower.contains(word))
}

const INTERNAL: &[&str] = &[
    "gateway", "hookgate", "operator", "configur", "tenant", "plugin", "profile", "registry", "egress",
    "the store", "the log", "/docs", "/v1/", "scope",
];
