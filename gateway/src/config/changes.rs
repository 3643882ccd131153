//! Keys in which two configurations differ: a reload names the ones that it does not apply.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Config;

/// Values by their dotted keys, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// The values that are fixed from the start of the process to its end: all but profiles,
    /// tenants and sealing keys, which a reload applies.
    pub fn fixed(config: &Config) -> Self {
        let mut values = BTreeMap::new();
        // A configuration holds only values that JSON can represent.
        if let Ok(Value::Object(tables)) = serde_json::to_value(config) {
            for (name, table) in tables
                .iter()
                .filter(|(name, _)| !RELOADED.contains(&name.as_str()))
            {
                flatten(name, table, &mut values);
            }
        }
        values.remove(SEALING_KEYS);
        Self(values)
    }

    /// The keys with different values, or present in only one of both.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let keys: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differs = |key: &&&String| self.0.get(**key) != other.0.get(**key);
        keys.iter().filter(differs).map(|key| (*key).clone()).collect()
    }
}

fn flatten(key: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(&format!("{key}.{name}"), value, into);
            }
        }
        value => {
            into.insert(key.to_owned(), value.to_string());
        }
    }
}

const RELOADED: [&str; 2] = ["profiles", "tenants"];
const SEALING_KEYS: &str = "auth.sealing_keys";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_keys_are_named_and_reloaded_ones_are_not() {
        let before = Config::default();
        let mut after = before.clone();
        after.scheduler.pause_after += 1;
        after.profiles.insert("acme".to_owned(), Default::default());
        after.tenants.insert("acme".to_owned(), Default::default());
        let differing = Values::fixed(&before).differing(&Values::fixed(&after));
        assert_eq!(differing, ["scheduler.pause_after"]);
        after.auth.operator_key = serde_json::from_str("\"hg_0123456789abcdef\"").ok();
        let values = Values::fixed(&after);
        assert!(!format!("{values:?}").contains("0123456789abcdef"));
        assert_eq!(
            Values::fixed(&before).differing(&values),
            ["auth.operator_key", "scheduler.pause_after"]
        );
    }
}
