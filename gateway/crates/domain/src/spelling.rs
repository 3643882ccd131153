//! Regular expressions (ECMA-262) of the text forms of ids, event types and patterns, for schemas.
//!
//! The parsers of the types decide; the expressions describe them to generators of clients.

macro_rules! event_type {
    () => {
        r"[!#-)+\-/-;=?-\[\]_a-z~]( *(\. +)*\.?[!#-)+\-/-;=?-\[\]_a-z~])*"
    };
}

macro_rules! event_pattern {
    () => {
        concat!(r"(\*|", event_type!(), r"(\.\*)?)")
    };
}

/// Tenant name.
pub const TENANT_ID: &str = "^[a-z0-9][a-z0-9-]{0,62}$";
/// Event id.
pub const EVENT_ID: &str = "^[A-Za-z0-9_.:-]{1,64}$";
/// Event type: parts joined by single dots, without a space at either end. Its length, 1 to 256, is
/// stated separately.
pub const EVENT_TYPE: &str = concat!("^", event_type!(), "$");
/// Event pattern: an event type, a prefix and `.*`, or `*`.
pub const EVENT_PATTERN: &str = concat!("^", event_pattern!(), "$");
/// Up to 64 event patterns, separated by commas.
pub const EVENT_PATTERNS: &str = concat!("^ *", event_pattern!(), " *(, *", event_pattern!(), " *){0,63}$");
