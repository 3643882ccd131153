//! Native test harness for plugins: runs a plugin on an event in an ordinary `#[test]`, and returns
//! the verdict, the resulting document and the log.
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
//! The document is a test double. `wit/document-cases.json` checks that it behaves like the
//! gateway's. It has none of the gateway's limits of time, memory and operations. A pseudonym has
//! the gateway's form but another digest.

mod node;
mod pairs;
mod parse;
mod pattern;
mod words;

#[cfg(test)]
mod cases;

pub(crate) mod double;

use crate::log::Level;
use crate::{Event, Failure, Info, Phase, Plugin, Problem, Settings, Verdict};
use double::Json;

/// Creates an event of a type; its data and settings are empty objects unless set.
///
/// ```
/// use hookgate_sdk::testing;
/// testing::event("order.paid").with(|event| assert_eq!(event.kind(), "order.paid"));
/// ```
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

/// Validates settings given as JSON text with a plugin.
///
/// ```
/// use hookgate_sdk::{testing, settings, Description, Event, Failure, Plugin, Problem, Settings, Verdict};
/// # settings! { struct Region { region: String } }
/// # struct P;
/// # impl Plugin for P {
/// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
/// #   fn check_settings(settings: &Settings) -> Result<(), Vec<Problem>> { settings::check::<Region>(settings) }
/// #   fn handle(_: &Event) -> Result<Verdict, Failure> { Ok(Verdict::Pass) }
/// # }
/// assert_eq!(testing::check_settings::<P>(r#"{"region":"eu"}"#), Ok(()));
/// assert_eq!(testing::check_settings::<P>("{}").unwrap_err()[0].pointer, "/region");
/// ```
///
/// # Errors
/// The plugin's problems.
///
/// # Panics
/// If the text is not JSON.
pub fn check_settings<P: Plugin>(settings: &str) -> Result<(), Vec<Problem>> {
    P::check_settings(&Settings::new(&Json::read_only(settings)))
}

/// Builder of an event to run a plugin on.
///
/// ```
/// use hookgate_sdk::testing;
/// let event = testing::event("a.b").data(r#"{"n":1}"#);
/// assert_eq!(event.clone().with(|event| event.data().get_i64("/n")), Some(1));
/// ```
#[derive(Debug, Clone)]
pub struct TestEvent {
    info: Info,
    metadata: String,
    data: String,
    settings: String,
    now_ms: u64,
}

impl TestEvent {
    /// Sets the event's data, as JSON text.
    ///
    /// ```
    /// use hookgate_sdk::testing;
    /// testing::event("a.b").data("[1]").with(|event| assert_eq!(event.data().length(""), Some(1)));
    /// ```
    #[must_use]
    pub fn data(self, json: &str) -> Self {
        Self {
            data: json.into(),
            ..self
        }
    }

    /// Sets the step's settings, as JSON text.
    ///
    /// ```
    /// use hookgate_sdk::testing;
    /// testing::event("a.b").settings(r#"{"x":1}"#).with(|event| assert!(event.settings().has("/x")));
    /// ```
    #[must_use]
    pub fn settings(self, json: &str) -> Self {
        Self {
            settings: json.into(),
            ..self
        }
    }

    /// Sets the event's metadata, as JSON text.
    ///
    /// ```
    /// use hookgate_sdk::testing;
    /// testing::event("a.b").metadata(r#"{"x":1}"#).with(|event| assert!(event.metadata().has("/x")));
    /// ```
    #[must_use]
    pub fn metadata(self, json: &str) -> Self {
        Self {
            metadata: json.into(),
            ..self
        }
    }

    /// Sets the attributes of the event.
    ///
    /// ```
    /// use hookgate_sdk::{Phase, testing};
    /// let mut info = testing::event("a.b").with(|event| event.info().clone());
    /// (info.phase, info.attempt) = (Phase::Delivery, 2);
    /// testing::event("a.b").info(info).with(|event| assert_eq!(event.info().attempt, 2));
    /// ```
    #[must_use]
    pub fn info(self, info: Info) -> Self {
        Self { info, ..self }
    }

    /// Sets the time that [`clock::now_ms`](crate::clock::now_ms) returns, in milliseconds since
    /// the Unix epoch.
    ///
    /// ```
    /// use hookgate_sdk::{clock, testing};
    /// testing::event("a.b").now_ms(5).with(|_| assert_eq!(clock::now_ms(), 5));
    /// ```
    #[must_use]
    pub fn now_ms(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    /// Runs a plugin on the event as a step would: its settings are validated first.
    ///
    /// ```
    /// use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Verdict};
    /// # struct PassAll;
    /// # impl Plugin for PassAll {
    /// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
    /// #   fn handle(_: &Event) -> Result<Verdict, Failure> { Ok(Verdict::Pass) }
    /// # }
    /// let outcome = testing::event("a.b").run::<PassAll>();
    /// assert_eq!((outcome.verdict, outcome.data.as_str()), (Ok(Verdict::Pass), "{}"));
    /// ```
    ///
    /// # Panics
    /// If the data, settings or metadata are not JSON, or the plugin refuses the settings (test
    /// those with [`check_settings`]).
    #[must_use]
    pub fn run<P: Plugin>(self) -> Outcome {
        let settings = Json::read_only(&self.settings);
        let checked = P::check_settings(&Settings::new(&settings));
        assert_eq!(checked, Ok(()), "the plugin refuses these settings");

        let (metadata, data) = (self.metadata_as_lent(), Json::writable(&self.data));
        double::start_call(self.now_ms);
        let verdict = P::handle(&Event::new(self.info, &metadata, &data, &settings));
        Outcome {
            verdict,
            data: data.print(),
            metadata: metadata.print(),
            log: double::take_log(),
        }
    }

    /// Passes the event to a function, for testing the parts of a plugin one by one.
    ///
    /// ```
    /// use hookgate_sdk::{Event, testing};
    ///
    /// fn total(event: &Event) -> i64 {
    ///     event.data().get_i64("/total").unwrap_or(0)
    /// }
    ///
    /// assert_eq!(testing::event("order.paid").data(r#"{"total":5}"#).with(total), 5);
    /// ```
    ///
    /// # Panics
    /// If the data, settings or metadata are not JSON.
    pub fn with<T>(self, look: impl FnOnce(&Event) -> T) -> T {
        let settings = Json::read_only(&self.settings);
        let (metadata, data) = (self.metadata_as_lent(), Json::writable(&self.data));
        double::start_call(self.now_ms);
        look(&Event::new(self.info, &metadata, &data, &settings))
    }

    fn metadata_as_lent(&self) -> Json {
        match self.info.phase {
            Phase::Ingress => Json::writable(&self.metadata),
            Phase::Delivery => Json::read_only(&self.metadata),
        }
    }
}

/// Result of a run.
///
/// ```
/// use hookgate_sdk::{testing, log, Description, Event, Failure, Plugin, Verdict};
/// # struct Talks;
/// # impl Plugin for Talks {
/// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
/// #   fn handle(_: &Event) -> Result<Verdict, Failure> { log::info("hello"); Ok(Verdict::Pass) }
/// # }
/// let outcome = testing::event("a.b").run::<Talks>();
/// assert_eq!(outcome.log, [(log::Level::Info, "hello".to_owned())]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict of the plugin.
    pub verdict: Result<Verdict, Failure>,
    /// The data as the plugin left it, as compact JSON text.
    pub data: String,
    /// The metadata as the plugin left it, as compact JSON text.
    pub metadata: String,
    /// The log lines of the plugin.
    pub log: Vec<(Level, String)>,
}

/// Compiles the plugins that the documents show.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/plugins.md")]
    struct Plugins;
}
