//! Names of log fields: one word for one thing, everywhere.
//!
//! `tracing`'s macros need literal field names; this list is their reference, and the operating
//! guide prints it.

/// Fields that a log event may carry, each with its meaning.
pub const FIELDS: &[(&str, &str)] = &[
    ("tenant", "the tenant's name"),
    ("event", "the event's id"),
    ("event_type", "the event's type"),
    ("subscription", "the subscription's id, or `inline`"),
    ("delivery", "the delivery's id"),
    ("job", "a bulk job's id"),
    ("by", "who asked for it: a key's id, `operator` or `portal`"),
    ("attempt", "which attempt, counted from 1"),
    ("outcome", "what became of it: a word from a closed set"),
    ("status", "an HTTP status"),
    ("stage", "the part of an attempt that was under way"),
    ("plugin", "the plugin's name"),
    (
        "version",
        "the plugin's digest, its first 12 digits, or a build's version",
    ),
    ("verdict", "what a plugin said: a word from a closed set"),
    ("deliveries", "how many deliveries"),
    ("events", "how many events"),
    ("bytes", "a size in bytes"),
    ("took_ms", "how long it took, in milliseconds"),
    ("next_ms", "in how long it is tried again, in milliseconds"),
    ("reason", "why, from a closed set or in hookgate's own words"),
    ("error", "an error and its causes, joined by `: `"),
    ("address", "an address of this gateway"),
    ("store", "the store's address without its credentials"),
    ("count", "how many of what the message names"),
    ("file", "a file of this gateway"),
    ("shard", "the number of one of the store's parts"),
    ("what", "a kind of record in the store"),
    ("keys", "keys of the configuration that take a restart"),
    ("revision", "a revision of a tenant's registry"),
];

#[cfg(test)]
mod tests {
    use super::FIELDS;

    #[test]
    fn one_name_once() {
        let mut names: Vec<_> = FIELDS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }
}
