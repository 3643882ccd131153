//! Runs a plugin natively, in an ordinary `#[test]`: an event is built, the plugin handles it, and the verdict, the
//! document after it and the log are there to look at.
//!
//! ```
//! # use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Verdict};
//! # struct Shout;
//! # impl Plugin for Shout {
//! #   fn describe() -> Description { Description::new("shout", "0.1.0", "") }
//! #   fn handle(event: &Event) -> Result<Verdict, Failure> {
//! #     event.data().set("/loud", event.settings().get_bool("/loud").unwrap_or(false))?;
//! #     Ok(Verdict::Pass)
//! #   }
//! # }
//! let outcome = testing::event("user.created").data(r#"{"id":7}"#).settings(r#"{"loud":true}"#).run::<Shout>();
//! assert_eq!(outcome.verdict, Ok(Verdict::Pass));
//! assert_eq!(outcome.data, r#"{"id":7,"loud":true}"#);
//! ```
//!
//! The document here is a test double. `wit/document-cases.json` pins what it does to what the gateway does; it has none of
//! the gateway's limits of time, memory and operations. A pseudonym has the gateway's form, not its digest.

mod node;
mod pattern;

#[cfg(test)]
mod cases;

pub(crate) mod double;

use crate::log::Level;
use crate::{Event, Failure, Info, Phase, Plugin, Problem, Settings, Verdict};
use double::Json;

/// Starts an event of a type; its data and settings are empty objects until they are given.
///
/// # Panics
/// Never; the builder's methods panic on text that is not JSON.
#[must_use]
pub fn event(kind: &str) -> TestEvent {
    let info = Info {
        id: "evt_test".into(),
        kind: kind.into(),
        created_ms: 1_700_000_000_000,
        phase: Phase::Ingress,
        attempt: 0,
        subscription: None,
    };
    TestEvent {
        info,
        metadata: "{}".into(),
        data: "{}".into(),
        settings: "{}".into(),
        now_ms: 1_700_000_000_000,
    }
}

/// What a plugin says of settings given as JSON text.
///
/// # Errors
/// The plugin's problems.
///
/// # Panics
/// When the text is not JSON.
pub fn check_settings<P: Plugin>(settings: &str) -> Result<(), Vec<Problem>> {
    P::check_settings(&Settings::new(&Json::read_only(settings)))
}

/// An event to run a plugin on.
#[derive(Debug, Clone)]
pub struct TestEvent {
    info: Info,
    metadata: String,
    data: String,
    settings: String,
    now_ms: u64,
}

impl TestEvent {
    /// The event's data, as JSON text.
    #[must_use]
    pub fn data(self, json: &str) -> Self {
        Self {
            data: json.into(),
            ..self
        }
    }

    /// The step's settings, as JSON text.
    #[must_use]
    pub fn settings(self, json: &str) -> Self {
        Self {
            settings: json.into(),
            ..self
        }
    }

    /// The event's metadata, as JSON text.
    #[must_use]
    pub fn metadata(self, json: &str) -> Self {
        Self {
            metadata: json.into(),
            ..self
        }
    }

    /// Everything that is known about the event beside its data.
    #[must_use]
    pub fn info(self, info: Info) -> Self {
        Self { info, ..self }
    }

    /// The time that [`clock::now_ms`](crate::clock::now_ms) tells, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    /// Runs a plugin on the event as a step would: its settings are checked first.
    ///
    /// # Panics
    /// When the data, settings or metadata are not JSON, or the plugin refuses the settings (test those with
    /// [`check_settings`]).
    #[must_use]
    pub fn run<P: Plugin>(self) -> Outcome {
        let settings = Json::read_only(&self.settings);
        let checked = P::check_settings(&Settings::new(&settings));
        assert_eq!(checked, Ok(()), "the plugin refuses these settings");

        let (metadata, data) = (Json::read_only(&self.metadata), Json::writable(&self.data));
        double::start_call(self.now_ms);
        let verdict = P::handle(&Event::new(self.info, &metadata, &data, &settings));
        Outcome {
            verdict,
            data: data.print(),
            log: double::take_log(),
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the plugin said.
    pub verdict: Result<Verdict, Failure>,
    /// The data as the plugin left it, as compact JSON text.
    pub data: String,
    /// What the plugin logged.
    pub log: Vec<(Level, String)>,
}

/// The plugins that the documents show are plugins.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/plugins.md")]
    struct Plugins;
}
