//! What a plugin author writes: the trait, what it answers with, and how it fails.

use crate::{AccessError, Event, Settings};

/// A plugin. Every call runs in a fresh instance: nothing is kept between two events.
pub trait Plugin {
    /// What the plugin is; asked once, when its component is uploaded.
    fn describe() -> Description;

    /// Says everything that is wrong with a step's settings, each with a pointer; asked whenever settings are set, so that
    /// [`Plugin::handle`] may rely on them.
    ///
    /// # Errors
    /// The problems, at least one.
    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        let _ = settings;
        Ok(())
    }

    /// Looks at an event, changes its data in place, and says what becomes of it.
    ///
    /// # Errors
    /// When the work cannot be done; the step's failure policy decides what becomes of the event.
    fn handle(event: &Event) -> Result<Verdict, Failure>;
}

/// What a component says of itself.
///
/// ```
/// use hookgate_sdk::Description;
///
/// let description = Description::new("hash-ids", env!("CARGO_PKG_VERSION"), "Replaces customer ids by pseudonyms.")
///     .with_settings_schema(r#"{"type":"object","properties":{"field":{"type":"string"}}}"#)
///     .that_redacts();
/// assert!(description.redacts);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// A slug, for example `redact`: the name under which chains refer to the plugin.
    pub name: &'static str,
    /// A semantic version.
    pub version: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// A JSON Schema of the settings, as text.
    pub settings_schema: Option<&'static str>,
    /// Whether it takes out what must not go on.
    pub redacts: bool,
}

impl Description {
    /// A plugin without settings that does not redact. The version is usually `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            version,
            summary,
            settings_schema: None,
            redacts: false,
        }
    }

    /// Adds a JSON Schema of the settings.
    #[must_use]
    pub const fn with_settings_schema(self, schema: &'static str) -> Self {
        Self {
            settings_schema: Some(schema),
            ..self
        }
    }

    /// Says that the plugin takes out what must not go on: its step can never be skipped, an event on which it fails stops
    /// there.
    #[must_use]
    pub const fn that_redacts(self) -> Self {
        Self {
            redacts: true,
            ..self
        }
    }
}

/// What a plugin says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the document as it is now.
    Pass,
    /// End here, for the reason given: no delivery is made.
    Drop(String),
    /// Refuse the event to its producer (ingress only).
    Reject {
        /// A short stable word, for programs.
        code: String,
        /// A sentence, for people.
        message: String,
    },
    /// Try this delivery again so many milliseconds later (delivery only).
    Delay(u32),
}

/// What is wrong with the settings, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer into the settings.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem at a pointer.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCode {
    /// The step's settings.
    BadSettings,
    /// The event's data.
    BadPayload,
    /// The plugin itself.
    Internal,
}

/// The plugin could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is.
    pub code: FailureCode,
    /// A sentence without values of the payload.
    pub message: String,
}

impl Failure {
    /// The settings' fault.
    pub fn bad_settings(message: impl Into<String>) -> Self {
        Self {
            code: FailureCode::BadSettings,
            message: message.into(),
        }
    }

    /// The payload's fault.
    pub fn bad_payload(message: impl Into<String>) -> Self {
        Self {
            code: FailureCode::BadPayload,
            message: message.into(),
        }
    }

    /// The plugin's own fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            code: FailureCode::Internal,
            message: message.into(),
        }
    }
}

/// A refused document operation ends the call as an internal failure; so `?` works in `handle`.
impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self::internal(error.message())
    }
}
