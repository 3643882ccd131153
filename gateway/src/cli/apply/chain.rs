//! Steps of a chain in a form that can be compared: without what only the gateway sets, and with
//! defaults filled in.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::output::Failure;
use hookgate_domain::units::{Size, Span};
use hookgate_json::{Document, Limits};

/// Comparable step.
#[derive(Debug, PartialEq, Deserialize)]
struct Step {
    plugin: String,
    version: Option<String>,
    #[serde(default)]
    settings: Settings,
    #[serde(default = "fail")]
    on_failure: String,
    limits: Option<StepLimits>,
    canary: Option<Canary>,
}

/// Settings as compact text with every digit of the numbers.
#[derive(Debug, PartialEq)]
struct Settings(String);

#[derive(Debug, PartialEq, Deserialize)]
struct StepLimits {
    deadline: Option<Span>,
    memory: Option<Size>,
    log: Option<Size>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Canary {
    version: String,
    share: f64,
}

fn fail() -> String {
    "fail".to_owned()
}

impl Default for Settings {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let limits = Limits::of_bytes(raw.get().len());
        let read = Document::parse(raw.get().as_bytes(), limits).map_err(serde::de::Error::custom)?;
        Ok(Self(read.root().to_json()))
    }
}

/// Compares the steps of two chains.
///
/// # Errors
/// Text that is no list of steps.
pub(super) fn same(one: &RawValue, other: &RawValue) -> Result<bool, Failure> {
    Ok(steps(one)? == steps(other)?)
}

/// Number of steps.
///
/// # Errors
/// Text that is no list of steps.
pub(super) fn count(steps: &RawValue) -> Result<usize, Failure> {
    self::steps(steps).map(|steps| steps.len())
}

/// Steps for a tenant file: without the fields that only the gateway sets.
///
/// # Errors
/// Text that is no list of steps.
pub(super) fn for_file(steps: &RawValue) -> Result<Box<RawValue>, Failure> {
    let mut steps: Vec<super::tenant_file::Row> =
        serde_json::from_str(steps.get()).map_err(|error| Failure::of(&error))?;
    for step in &mut steps {
        for name in ["running", "previous"] {
            step.shift_remove(name);
        }
        step.retain(|_, value| value.get() != "null");
        if let Some(canary) = step.get_mut("canary") {
            let read: Result<super::tenant_file::Row, _> = serde_json::from_str(canary.get());
            let mut read = read.map_err(|error| Failure::of(&error))?;
            read.retain(|name, _| matches!(name.as_str(), "version" | "share"));
            *canary = super::tenant_file::raw(&read)?;
        }
    }
    super::tenant_file::raw(&steps)
}

fn steps(steps: &RawValue) -> Result<Vec<Step>, Failure> {
    serde_json::from_str(steps.get()).map_err(|error| Failure::of(&error).prefixed("a chain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn chains_are_compared_without_what_the_gateway_sets() {
        let shown = r#"[{"plugin":"redact","version":null,"settings":{"a":1.50},"on_failure":"fail",
            "limits":{"memory":"1MiB"},"canary":{"version":"2","share":0.5,"running":{}},"running":{"version":"1"}}]"#;
        let content = r#"[{"plugin":"redact","settings":{ "a" : 1.50 },"limits":{"memory":"1024KiB"},
            "canary":{"version":"2","share":0.5}}]"#;
        assert!(same(&raw(shown), &raw(content)).unwrap());
        let exported = for_file(&raw(shown)).unwrap();
        assert!(same(&raw(shown), &exported).unwrap());
        assert!(!exported.get().contains("running") && exported.get().contains("1.50"));
        for other in [
            "[]",
            r#"[{"plugin":"redact","settings":{"a":1.5},"limits":{"memory":"1MiB"},"canary":{"version":"2","share":0.5}}]"#,
            r#"[{"plugin":"redact","settings":{"a":1.50},"canary":{"version":"2","share":0.5}}]"#,
        ] {
            assert!(!same(&raw(shown), &raw(other)).unwrap(), "{other}");
        }
        assert!(same(&raw("{}"), &raw("[]")).is_err());
    }
}
