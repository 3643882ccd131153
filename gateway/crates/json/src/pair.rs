//! Pairs: objects that hold a name beside a value.
//!
//! Examples are `{"name":"email","value":"…"}` and `{"field":"email","old":"…","new":"…"}`. A
//! redaction of `email` also redacts their values.

use super::Object;
use super::pair_keys::{is_name, is_value};

/// Checks whether a key is one under which pairs hold a value.
pub(super) fn is_pair_value(key: &str) -> bool {
    is_value(key)
}

/// Names that an object assigns to its pair values; empty if it has no such value.
pub(super) fn pair_names(object: &Object) -> impl Iterator<Item = &str> {
    let has_value = object.keys().any(is_value);
    let members = object.iter().filter(move |(key, _)| has_value && is_name(key));
    members.filter_map(|(_, name)| name.as_str())
}
