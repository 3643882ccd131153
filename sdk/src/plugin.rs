//! The interface of a plugin: the trait, its verdicts and its failures.

use crate::settings::Setting;
use crate::{AccessError, Event, Settings};

/// A plugin. Every call runs in a fresh instance: no state survives between two events.
///
/// ```
/// use hookgate_sdk::{Description, Event, Failure, Plugin, Verdict};
///
/// struct OnlyLive;
///
/// impl Plugin for OnlyLive {
///     fn describe() -> Description {
///         Description::new("only-live", "0.1.0", "Drops what is not live.")
///     }
///
///     fn handle(event: &Event) -> Result<Verdict, Failure> {
///         match event.data().get_str("/status").as_deref() {
///             Some("live") => Ok(Verdict::Pass),
///             _ => Ok(Verdict::Drop("not live".into())),
///         }
///     }
/// }
/// ```
pub trait Plugin {
    /// Describes the plugin; called once, when its component is uploaded.
    fn describe() -> Description;

    /// Validates a step's settings and reports every problem with a pointer. Called whenever
    /// settings are set, so that [`Plugin::handle`] may rely on them.
    ///
    /// # Errors
    /// The problems, at least one.
    fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> {
        let _ = settings;
        Ok(())
    }

    /// Handles an event: inspects it, changes its data in place, and returns the verdict.
    ///
    /// # Errors
    /// The plugin cannot process the event; the failure policy of the step decides the outcome.
    fn handle(event: &Event) -> Result<Verdict, Failure>;
}

/// Self-description of a component.
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
    /// Set for a plugin that removes confidential values.
    pub redacts: bool,
}

impl Description {
    /// Describes a plugin without settings that does not redact.
    ///
    /// The version is usually `env!("CARGO_PKG_VERSION")`.
    ///
    /// ```
    /// use hookgate_sdk::Description;
    /// const NAMED: Description = Description::new("hash-ids", "0.1.0", "Replaces customer ids by pseudonyms.");
    /// assert!(!NAMED.redacts);
    /// ```
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

    /// Adds the JSON Schema of the settings.
    ///
    /// ```
    /// use hookgate_sdk::Description;
    /// let description = Description::new("a", "0.1.0", "").with_settings_schema(r#"{"type":"object"}"#);
    /// assert!(description.settings_schema.is_some());
    /// ```
    #[must_use]
    pub const fn with_settings_schema(self, schema: &'static str) -> Self {
        Self {
            settings_schema: Some(schema),
            ..self
        }
    }

    /// Adds the JSON Schema of settings made by [`settings!`](crate::settings!).
    ///
    /// ```
    /// hookgate_sdk::settings! { struct Tag { tag: String } }
    ///
    /// let description = hookgate_sdk::Description::new("tag", "0.1.0", "Tags events.").with_settings::<Tag>();
    /// assert!(description.settings_schema.unwrap().contains("tag"));
    /// ```
    #[must_use]
    pub fn with_settings<T: Setting>(self) -> Self {
        // An instance describes itself once and then ends, so the leak is bounded.
        self.with_settings_schema(T::schema().leak())
    }

    /// Marks the plugin as redacting: its step can never be skipped.
    ///
    /// An event on which the step fails is stopped.
    ///
    /// ```
    /// assert!(hookgate_sdk::Description::new("a", "0.1.0", "").that_redacts().redacts);
    /// ```
    #[must_use]
    pub const fn that_redacts(self) -> Self {
        Self {
            redacts: true,
            ..self
        }
    }
}

/// Result of a plugin for an event.
///
/// ```
/// use hookgate_sdk::Verdict;
/// let verdict = Verdict::Reject { code: "no_region".into(), message: "The event must say its region.".into() };
/// assert_ne!(verdict, Verdict::Pass);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Continues with the document in its present state.
    Pass,
    /// Ends the processing, with a reason: no delivery is made.
    Drop(String),
    /// Refuses the event to its producer (ingress only).
    Reject {
        /// A short stable word, for programs.
        code: String,
        /// A sentence, for people.
        message: String,
    },
    /// Repeats this delivery after this many milliseconds (delivery only).
    Delay(u32),
}

/// A problem in the settings, with its pointer.
///
/// ```
/// let problem = hookgate_sdk::Problem::new("/field", "must be a text");
/// assert_eq!(problem.pointer, "/field");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer into the settings.
    pub pointer: String,
    /// Description of the problem and of a valid value.
    pub message: String,
}

impl Problem {
    /// Creates a problem at a pointer.
    ///
    /// ```
    /// let problem = hookgate_sdk::Problem::new("/limit", "must be a whole number from 1 to 100");
    /// assert!(problem.message.contains("100"));
    /// ```
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

/// Cause of a failure.
///
/// ```
/// use hookgate_sdk::{Failure, FailureCode};
/// assert_eq!(Failure::bad_payload("no customer").code, FailureCode::BadPayload);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCode {
    /// The step's settings.
    BadSettings,
    /// The event's data.
    BadPayload,
    /// The plugin itself.
    Internal,
}

/// Failure of a plugin to process an event.
///
/// ```
/// let failure = hookgate_sdk::Failure::bad_payload("the event has no customer");
/// assert_eq!(failure.message, "the event has no customer");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Cause of the failure.
    pub code: FailureCode,
    /// A sentence without values of the payload.
    pub message: String,
}

impl Failure {
    /// A failure caused by the settings.
    ///
    /// ```
    /// let failure = hookgate_sdk::Failure::bad_settings("`from` is after `to`");
    /// assert_eq!(failure.code, hookgate_sdk::FailureCode::BadSettings);
    /// ```
    pub fn bad_settings(message: impl Into<String>) -> Self {
        Self {
            code: FailureCode::BadSettings,
            message: message.into(),
        }
    }

    /// A failure caused by the payload.
    ///
    /// ```
    /// let failure = hookgate_sdk::Failure::bad_payload("the event has no customer");
    /// assert_eq!(failure.code, hookgate_sdk::FailureCode::BadPayload);
    /// ```
    pub fn bad_payload(message: impl Into<String>) -> Self {
        Self {
            code: FailureCode::BadPayload,
            message: message.into(),
        }
    }

    /// A failure of the plugin itself.
    ///
    /// ```
    /// let failure = hookgate_sdk::Failure::internal("the table of regions is empty");
    /// assert_eq!(failure.code, hookgate_sdk::FailureCode::Internal);
    /// ```
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            code: FailureCode::Internal,
            message: message.into(),
        }
    }
}

/// Makes `?` usable in `handle`: a refused document operation ends the call as an internal failure.
impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self::internal(error.message())
    }
}
