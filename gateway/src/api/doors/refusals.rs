//! Mapping from this API's problems to the refusals that a product's customers see.

use crate::http::Code;
use hookgate_contract::profile::Refusal;

/// Returns the refusal at a product's route for the code of a problem.
pub(super) fn of(code: Code) -> Refusal {
    match code {
        Code::InvalidJson => Refusal::InvalidJson,
        Code::DuplicateKey => Refusal::DuplicateKey,
        Code::TooDeep => Refusal::TooDeep,
        Code::InvalidParameter => Refusal::InvalidParameter,
        Code::InvalidCursor => Refusal::InvalidCursor,
        Code::BodyIncomplete => Refusal::BodyIncomplete,
        Code::KeyMissing => Refusal::KeyMissing,
        Code::KeyUnknown | Code::CodeInvalid | Code::SessionEnded => Refusal::KeyUnknown,
        Code::KeyExpired => Refusal::KeyExpired,
        Code::ScopeMissing => Refusal::ScopeMissing,
        Code::OperatorRequired | Code::TenantRequired | Code::Forbidden => Refusal::Forbidden,
        Code::RouteUnknown => Refusal::RouteUnknown,
        Code::NotFound | Code::TenantUnknown => Refusal::NotFound,
        Code::MethodNotAllowed => Refusal::MethodNotAllowed,
        Code::BodyTimeout => Refusal::BodyTimeout,
        Code::Conflict | Code::VersionImmutable => Refusal::Conflict,
        Code::AlreadyExists => Refusal::AlreadyExists,
        Code::WrongState | Code::ProfileConflict => Refusal::WrongState,
        Code::RequestUnderWay => Refusal::RequestUnderWay,
        Code::OutcomeUnknown => Refusal::OutcomeUnknown,
        Code::InUse => Refusal::InUse,
        Code::DeclaredInFile => Refusal::ReadOnly,
        Code::AnswerLost => Refusal::AnswerLost,
        Code::CursorExpired => Refusal::CursorExpired,
        Code::BodyTooLarge => Refusal::BodyTooLarge,
        Code::UnsupportedMediaType => Refusal::UnsupportedMediaType,
        Code::UnsupportedEncoding => Refusal::UnsupportedEncoding,
        Code::InvalidField
        | Code::InvalidImport
        | Code::ImportRefused
        | Code::InvalidSettings
        | Code::InvalidSchema
        | Code::InvalidComponent => Refusal::InvalidField,
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

/// Returns the part of a text that customers may see.
///
/// It is the whole text, or the text before a final hint in parentheses, which names a setting of
/// the operator. `None` if the rest names internals, too.
pub(super) fn for_customers(text: &str) -> Option<&str> {
    let shown = |text: &str| {
        let lower = text.to_lowercase();
        !INTERNAL.iter().any(|word| lower.contains(word))
    };
    if shown(text) {
        return Some(text);
    }
    let hinted = text.trim_end_matches('.').strip_suffix(')')?;
    let (before, _) = hinted.rsplit_once(" (")?;
    shown(before).then_some(before)
}

const INTERNAL: &[&str] = &[
    "gateway",
    "hookgate",
    "operator",
    "configur",
    "tenant",
    "plugin",
    "profile",
    "registry",
    "egress",
    "the store",
    "the log",
    "/docs",
    "/v1/",
    "scope",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_for_operators_are_cut_off() {
        for (text, expected) in [
            ("it is over 512 bytes", Some("it is over 512 bytes")),
            (
                "there is no such field (did you mean `url`?)",
                Some("there is no such field (did you mean `url`?)"),
            ),
            (
                "port 1 is not allowed for endpoints (egress.ports)",
                Some("port 1 is not allowed for endpoints"),
            ),
            ("no room (`registry.max_bytes`).", Some("no room")),
            ("the gateway is full (for now)", None),
            ("Ask the operator.", None),
            ("See GET /v1/event-types.", None),
        ] {
            assert_eq!(for_customers(text), expected, "{text}");
        }
    }
}
