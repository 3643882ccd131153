//! Pairs: objects that keep the name of a value beside it, such as `{"name":"email","value":"…"}` and
//! `{"field":"email","old":"…","new":"…"}`. A redaction of what is named `email` takes their values too.

use super::Object;
use super::pair_keys::{is_name, is_value};

/// Tells whether a key is one under which a value of a pair is kept.
pub(super) fn is_pair_value(key: &str) -> bool {
    is_value(key)
}

/// The names that an object gives the values in it; none where it has no such value.
pub(super) fn pair_names(object: &Object) -> impl Iterator<Item = &str> {
    let has_value = object.keys().any(is_value);
    let members = object.iter().filter(move |(key, _)| has_value && is_name(key));
    members.filter_map(|(_, name)| name.as_str())
}
