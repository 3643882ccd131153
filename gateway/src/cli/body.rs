//! Bodies of requests: objects whose values keep the digits of their numbers.

use std::io::Read as _;
use std::path::Path;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::output::Failure;

/// JSON object.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct Object(IndexMap<&'static str, Box<RawValue>>);

impl Object {
    /// Returns `true` if there are no members.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if there is a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Sets a member.
    pub(super) fn set(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> &mut Self {
        // Texts, lists and maps of texts, and JSON that was read: all of it can be written.
        if let Ok(value) = to_raw_value(value) {
            self.0.insert(name, value);
        }
        self
    }

    /// Sets a member if there is a value.
    pub(super) fn set_some(
        &mut self,
        name: &'static str,
        value: Option<&(impl Serialize + ?Sized)>,
    ) -> &mut Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// Sets a member to the JSON of an argument, if there is one.
    ///
    /// # Errors
    /// Text that is not JSON; the message begins with the member's name.
    pub(super) fn set_json(&mut self, name: &'static str, text: Option<&str>) -> Result<&mut Self, Failure> {
        let value = text.map(json).transpose();
        let value = value.map_err(|failure| failure.prefixed(name))?;
        Ok(self.set_some(name, value.as_ref()))
    }
}

/// JSON of an argument or a file.
///
/// # Errors
/// Text that is not JSON.
pub(super) fn json(text: &str) -> Result<Box<RawValue>, Failure> {
    serde_json::from_str(text.trim())
        .map_err(|error| Failure::new(format!("it is not JSON: {error}")).misconfigured())
}

/// Text of a file; `-` or none: of the standard input.
///
/// # Errors
/// Those of the file system; text that is not UTF-8.
pub(super) fn read(file: Option<&Path>) -> Result<String, Failure> {
    let Some(file) = file.filter(|file| *file != "-") else {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Failure::of(&error))?;
        return Ok(text);
    };
    std::fs::read_to_string(file).map_err(|error| Failure::of(&error).prefixed(&file.display().to_string()))
}
