//! Codes of problem responses: status, title, fix, retry class and documentation page.
//!
//! Codes are a public contract: they are added, never renamed. Each has a page in `docs/errors/`,
//! which is compiled in and served under `/docs/errors/CODE`; a code without its page does not
//! compile.

use super::Retry;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $retry:ident, $title:literal, $fix:literal;)*) => {
        /// Machine-readable cause of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Title in one line, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Default fix, where the cause has no better one.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }

            /// Safety of a repeated request.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }

            /// Documentation page in Markdown.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../../../docs/errors/", $name, ".md")),)*
                }
            }
        }
    };
}

codes! {
    // The request cannot be parsed.
    InvalidJson = "invalid_json", 400, No, "The body is not JSON",
        "Send one JSON text in UTF-8.";
    DuplicateKey = "duplicate_key", 400, No, "An object names a key twice",
        "Name every key of an object once.";
    TooDeep = "too_deep", 400, No, "The JSON is nested too deeply",
        "Send a flatter document.";
    ReservedType = "reserved_type", 400, No, "The event's type is one of hookgate's own",
        "Choose a type that does not begin with `hookgate.`.";
    InvalidParameter = "invalid_parameter", 400, No, "A header or query parameter is wrong",
        "Correct the parameter that the detail names.";
    InvalidCursor = "invalid_cursor", 400, No, "The cursor is not one that was given out here",
        "Send a cursor exactly as a page gave it, or none to begin at the start.";
    TenantRequired = "tenant_required", 400, No, "The request does not say for which tenant it is",
        "Name the tenant in the header `Hookgate-Tenant`, or use a key of the tenant itself.";
    BodyIncomplete = "body_incomplete", 400, Safe, "The body ended early",
        "Send the request again.";
    // The caller is not permitted.
    KeyMissing = "key_missing", 401, No, "No API key was sent",
        "Send the key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.";
    KeyUnknown = "key_unknown", 401, No, "The API key is not known",
        "Check the key; it may have been revoked.";
    KeyExpired = "key_expired", 401, No, "The API key has expired",
        "Use another key; the operator can make one.";
    CodeInvalid = "code_invalid", 401, No, "The code of the link is not valid any more",
        "Ask for a new link: each works once, within a minute.";
    SessionEnded = "session_ended", 401, No, "The session has ended",
        "Sign in again, with a new link.";
    ScopeMissing = "scope_missing", 403, No, "The API key may not be used for this",
        "Use a key that has the scope, or have the operator make one.";
    Forbidden = "forbidden", 403, No, "The session may not do this",
        "Ask for a link that gives the capability.";
    OperatorRequired = "operator_required", 403, No, "Only the operator may do this",
        "Use the operator's key.";
    // The resource does not exist.
    RouteUnknown = "route_unknown", 404, No, "There is no such route",
        "See /docs for the routes that there are.";
    NotFound = "not_found", 404, No, "There is nothing under this id",
        "Check the id, and that it belongs to the tenant of the key.";
    TenantUnknown = "tenant_unknown", 404, No, "There is no such tenant",
        "Create the tenant with POST /v1/tenants, or correct its name.";
    MethodNotAllowed = "method_not_allowed", 405, No, "The route does not have this method",
        "Use one of the methods in the `Allow` header.";
    // The request is too slow, too late or at the wrong moment.
    BodyTimeout = "body_timeout", 408, Safe, "The body came too slowly",
        "Send the request again over a faster connection, or send less at once.";
    Conflict = "conflict", 409, Safe, "Somebody else changed it at the same time",
        "Read it again and repeat the change.";
    AlreadyExists = "already_exists", 409, No, "It exists already",
        "Choose another name, or change what exists.";
    VersionImmutable = "version_immutable", 409, No, "This version exists already with other bytes",
        "Give the component another version and upload it again.";
    WrongState = "wrong_state", 409, No, "Its state does not allow this",
        "Read it to see how it stands.";
    RequestUnderWay = "request_under_way", 409, Safe, "The same request is under way",
        "Wait as `Retry-After` says, and send it again with the same key.";
    OutcomeUnknown = "outcome_unknown", 409, No, "It is not known whether the request was done",
        "Read what it would have changed; where it was not done, send it again with a new key.";
    InUse = "in_use", 409, No, "It is in use",
        "Take it out of use first.";
    ProfileConflict = "profile_conflict", 409, No, "The profile does not fit what the tenant has",
        "Change what `errors` names first, or send `force`: what does not fit is blocked from then on.";
    DeclaredInFile = "declared_in_file", 409, No, "It is declared in the configuration file",
        "Change it there.";
    AnswerLost = "answer_lost", 410, No, "The request was done, and its answer can no longer be shown",
        "Read what it made or changed; send it with a new key only if it is to be done once more.";
    CursorExpired = "cursor_expired", 410, No, "The cursor is older than the feed is kept",
        "Go on with `next_cursor`, or without a cursor: the feed continues at the oldest event that is still kept.";
    // The request is too large, or of the wrong kind.
    BodyTooLarge = "body_too_large", 413, No, "The body is too large",
        "Send less at once, or raise the limit in the configuration.";
    UnsupportedMediaType = "unsupported_media_type", 415, No, "The content type is not understood",
        "Send `Content-Type: application/json`.";
    UnsupportedEncoding = "unsupported_encoding", 415, No, "The content encoding is not understood",
        "Send the body as it is, without `Content-Encoding`.";
    // The request was parsed and refused.
    InvalidEvent = "invalid_event", 422, No, "The event is not valid",
        "Correct the fields that `errors` names.";
    EventTypeUnknown = "event_type_unknown", 422, No, "There is no such event type",
        "Send an event of a type that GET /v1/event-types lists, or make the type there.";
    InvalidField = "invalid_field", 422, No, "A field is not valid",
        "Correct the fields that `errors` names.";
    AddressRefused = "address_refused", 422, No, "The endpoint's address is refused",
        "Use a public address, or allow the range in `egress.allow`.";
    EventRejected = "event_rejected", 422, No, "A plugin rejected the event",
        "Send an event that the tenant's plugins accept; `plugin` has its words.";
    InvalidComponent = "invalid_component", 422, No, "The component cannot be used",
        "Upload a WebAssembly component built for the world `hookgate:plugin/plugin@0.1`.";
    InvalidSettings = "invalid_settings", 422, No, "The plugin refuses its settings",
        "Correct the settings that `errors` names.";
    SchemaMismatch = "schema_mismatch", 422, No, "The event's data does not fit its type's schema",
        "Correct the places that `errors` names, or have the tenant change the schema of the type.";
    TooMuchWork = "too_much_work", 422, No, "What the tenant declares takes too much work with the event",
        "Send less data, or have the tenant simplify what the detail names; the operator can raise `plugins.max_event_work`.";
    InvalidSchema = "invalid_schema", 422, No, "The JSON Schema cannot be used",
        "Correct the places of the schema that `errors` names.";
    InvalidImport = "invalid_import", 422, No, "The document cannot be imported",
        "Send a document as GET /v1/export gives it, from its first line to its last.";
    ImportRefused = "import_refused", 422, No, "Rows of the document are refused",
        "Correct the rows that `rows` names, or import with `mode=rows` what is not refused.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, No, "The idempotency key was used for another request",
        "Use a new key for a new request.";
    LimitReached = "limit_reached", 422, No, "A limit of the tenant is reached",
        "Remove what is not needed, or have the operator raise the limit.";
    RegistryFull = "registry_full", 422, No, "The tenant's settings take too much room",
        "Delete subscriptions, chains or event types that are not needed, or make their headers, settings and schemas shorter.";
    // The request cannot be processed now.
    TenantBusy = "tenant_busy", 429, Safe, "The tenant has too much under way",
        "Wait as `Retry-After` says, and send fewer requests at once.";
    MemoryShare = "memory_share", 429, Safe, "The tenant's requests hold as much memory as they may",
        "Wait as `Retry-After` says, and send fewer or smaller requests at once.";
    QuotaExceeded = "quota_exceeded", 429, Safe, "A quota of the tenant is used up",
        "Wait as `Retry-After` says, or have the operator raise the quota that `quota` names; GET /v1/usage shows what is used.";
    TooManyWaiting = "too_many_waiting", 429, Safe, "Too many requests wait for new events",
        "Wait as `Retry-After` says, or ask without `wait`.";
    InternalError = "internal_error", 500, SameKey, "hookgate failed",
        "Tell the operator; the log has the cause.";
    Overloaded = "overloaded", 503, Safe, "The gateway has as much under way as it may",
        "Send the request again after `Retry-After`.";
    PluginFailed = "plugin_failed", 503, Safe, "A plugin failed",
        "Send the event again later; the plugin's author should see `plugin`.";
    TenantLoading = "tenant_loading", 503, Safe, "The tenant's plugins are being loaded",
        "Send the request again as `Retry-After` says.";
    TenantUnreadable = "tenant_unreadable", 503, Safe, "This gateway cannot read the tenant as it is now",
        "Send the request again, as another gateway may take it; the operator should see /readyz and the log.";
    StoreUnavailable = "store_unavailable", 503, SameKey, "The store does not answer",
        "Send the same request again, with the same `Idempotency-Key` or event id.";
    StoreFull = "store_full", 503, Safe, "The store is full",
        "Send the request again later; the operator should give the store more room.";
    StoreUnfit = "store_unfit", 503, Safe, "The store is set up or fails in a way that loses events",
        "Send the request again later; the operator should mend the store as /readyz says.";
    StoreDamaged = "store_damaged", 503, SameKey, "What the store holds is damaged",
        "Tell the operator, whose log has the cause; send the same request again, with the same `Idempotency-Key` or event id.";
    // The request comes from the gateway itself.
    LoopDetected = "loop_detected", 508, No, "The request is a delivery that has come back",
        "Let no subscription's URL lead to the gateway, directly or through another service.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_page_has_its_code_and_tells_all_four_parts() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the pages are in the repository")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name != "README.md")
            .collect();
        let codes: BTreeSet<String> = Code::ALL
            .iter()
            .map(|code| format!("{}.md", code.name()))
            .collect();
        assert_eq!(pages, codes);
        for code in Code::ALL {
            let page = code.page();
            assert!(
                page.starts_with(&format!("# {}\n", code.name())),
                "{}",
                code.name()
            );
            assert!(
                page.contains(&format!("HTTP {}", code.status())),
                "{}",
                code.name()
            );
            for part in [
                "**What happened.**",
                "**Why.**",
                "**How to mend it.**",
                "**Is a repetition safe?**",
            ] {
                assert!(page.contains(part), "{}: {part}", code.name());
            }
        }
    }

    #[test]
    fn names_are_distinct_and_statuses_are_errors() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..=599).contains(&code.status())));
    }
}
