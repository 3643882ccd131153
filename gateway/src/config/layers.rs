//! One value of the environment or of the command line as a layer of its own, so that an error names it.

use figment::util::nest;
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// A single value for a dotted key.
#[derive(Debug)]
pub(super) struct Single {
    key: String,
    value: String,
    /// A variable's name, or what flags are called.
    origin: String,
}

impl Single {
    /// Of a variable: `HOOKGATE_SERVER__LISTEN` sets `server.listen`. `None`: it is not one of ours.
    pub(super) fn of_variable(name: &str, value: &str) -> Option<Self> {
        let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
        Some(Self {
            key,
            value: value.to_owned(),
            origin: name.to_owned(),
        })
    }

    /// Of `env:NAME` or `file:PATH`, which is shown as the place that the value comes from.
    pub(super) fn of_reference(key: &str, value: &str, reference: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: reference.to_owned(),
        }
    }

    pub(super) fn of_flag(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: FLAGS.to_owned(),
        }
    }
}

impl Provider for Single {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        // Lists, tables, numbers and truth values as in TOML; anything else is a text.
        let value: Value = match self.value.parse() {
            Ok(value) => value,
            Err(never) => match never {},
        };
        let nested = nest(&self.key, value).into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, nested)]))
    }
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// What all variables begin with.
pub(super) const PREFIX: &str = "HOOKGATE_";
/// The origin of what flags say.
pub(super) const FLAGS: &str = "command line";
