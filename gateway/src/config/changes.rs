//! Keys in which two configurations differ: a reload names the ones that it does not apply.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Config;

/// Values by their dotted keys, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// The values of a configuration that hold from the start of the process to its end: all but those that a reload applies. Of a
    /// certificate, whether there is one.
    pub fn fixed(config: &Config) -> Self {
        let mut values = BTreeMap::new();
        // A configuration holds only values that JSON can represent.
        if let Ok(Value::Object(tables)) = serde_json::to_value(config) {
            for (name, table) in tables
                .iter()
                .filter(|(name, _)| !RELOADED_TABLES.contains(&name.as_str()))
            {
                flatten(name, table, &mut values);
            }
        }
        values.retain(|key, _| !RELOADED.contains(&key.as_str()));
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
        Value::Object(_) if CERTIFICATES.contains(&key) => {
            into.insert(key.to_owned(), "there is one".to_owned());
        }
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

/// Tells whether a reload applies a change of this key; of a certificate, of its files.
pub(super) fn is_reloaded(key: &str) -> bool {
    let table = key.split('.').next().unwrap_or_default();
    let below = |certificate: &str| {
        key.strip_prefix(certificate)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    RELOADED_TABLES.contains(&table) || RELOADED.contains(&key) || CERTIFICATES.iter().any(|c| below(c))
}

const RELOADED_TABLES: [&str; 2] = ["profiles", "tenants"];
const RELOADED: [&str; 7] = [
    "auth.sealing_keys",
    "egress.allow",
    "egress.ca_file",
    "egress.https_only",
    "egress.nat64",
    "egress.ports",
    "telemetry.level",
];
const CERTIFICATES: [&str; 3] = ["server.tls", "server.public.tls", "server.admin.tls"];

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
        after.telemetry.level = "debug".to_owned();
        after.egress.https_only = true;
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

    #[test]
    fn a_certificate_is_replaced_and_none_takes_a_restart() {
        let tls = |cert: &str| crate::http::Tls {
            cert: cert.into(),
            key: "key.pem".into(),
        };
        let (mut plain, mut old) = (Config::default(), Config::default());
        old.server.tls = Some(tls("old.pem"));
        let mut new = old.clone();
        new.server.tls = Some(tls("new.pem"));
        let differing = |a: &Config, b: &Config| Values::fixed(a).differing(&Values::fixed(b));
        assert_eq!(differing(&old, &new), Vec::<String>::new());
        assert_eq!(differing(&plain, &new), ["server.tls"]);
        plain.egress.idle_connections += 1;
        assert_eq!(differing(&plain, &Config::default()), ["egress.idle_connections"]);
    }
}
