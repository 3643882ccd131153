//! Layers of single values from the environment or the command line, so that errors name the value.

use figment::util::nest;
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// A single value for a dotted key.
#[derive(Debug)]
pub(super) struct Single {
    key: String,
    value: String,
    /// Name of the variable, or of the flags as a whole.
    origin: String,
}

impl Single {
    /// Layer of a variable: `HOOKGATE_SERVER__LISTEN` sets `server.listen`. `None` for a variable
    /// of another program.
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
        // Lists, tables, numbers and booleans as in TOML; anything else is a string.
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

/// Prefix of all variables.
pub(super) const PREFIX: &str = "HOOKGATE_";
/// Origin of values set by flags.
pub(super) const FLAGS: &str = "command line";
