//! Keys under the names that they had in earlier releases, which are accepted for one release more
//! (`serde(alias)` at their fields).

/// Earlier names and present names.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("plugins.operations", "plugins.max_host_calls"),
    ("plugins.growth", "plugins.max_growth"),
    ("plugins.compiles", "plugins.compile_concurrency"),
    ("plugins.keep_compiled", "plugins.artifact_ttl"),
    ("plugins.loaded", "plugins.code_cache_size"),
    ("plugins.long_threads", "plugins.background_threads"),
    ("plugins.large.image", "plugins.large.data_threshold"),
    ("plugins.large.loaded", "plugins.large.code_cache_size"),
    ("scheduler.room", "scheduler.max_in_memory"),
    ("scheduler.room_bytes", "scheduler.max_in_memory_bytes"),
    ("system_events.every", "system_events.window"),
    ("system_events.subjects", "system_events.max_subjects"),
];

/// Earlier name of a key, if it had one.
pub(super) fn earlier_name(key: &str) -> Option<&'static str> {
    let (old, _) = RENAMED.iter().find(|(_, new)| *new == key)?;
    Some(old)
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, Loaded, load};
    use super::*;

    fn values(loaded: &Loaded) -> serde_json::Value {
        serde_json::to_value(&loaded.config).unwrap()
    }

    #[test]
    fn earlier_names_of_keys_are_accepted_with_a_warning() {
        for (old, new) in RENAMED {
            let variable = |key: &str| format!("HOOKGATE_{}", key.to_uppercase().replace('.', "__"));
            let value = match *old {
                "plugins.keep_compiled" | "system_events.every" => "77s",
                "plugins.growth"
                | "plugins.loaded"
                | "plugins.large.image"
                | "plugins.large.loaded"
                | "scheduler.room_bytes" => "77MiB",
                _ => "77",
            };
            let with = |key: &str| load(&Flags::default(), &vec![(variable(key), value.to_owned())]).unwrap();
            let (renamed, present) = (with(old), with(new));
            assert_eq!(values(&renamed), values(&present), "{old}");
            assert_eq!(present.renamed_keys(), Vec::<String>::new());
            let warnings = renamed.renamed_keys();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            for word in [&variable(old), *old, *new] {
                assert!(warnings[0].contains(word), "{word}: {warnings:?}");
            }
            assert_eq!(renamed.origin(new), renamed.place(old));
        }
    }
}
