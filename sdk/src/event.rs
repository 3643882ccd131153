//! The event that a plugin call handles.

use crate::backend::Json;
use crate::settings::Setting;
use crate::{Document, Failure, Settings};

/// An event in a chain: its attributes, its metadata, its data, and the settings of the step.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{"total":5}"#).with(|event| {
/// assert_eq!((event.kind(), event.data().get_i64("/total")), ("a.b", Some(5)));
/// # });
/// ```
pub struct Event<'a> {
    info: Info,
    metadata: &'a Json,
    data: &'a Json,
    settings: &'a Json,
}

impl<'a> Event<'a> {
    pub(crate) fn new(info: Info, metadata: &'a Json, data: &'a Json, settings: &'a Json) -> Self {
        Self {
            info,
            metadata,
            data,
            settings,
        }
    }

    /// The event's id, `evt_…` or the producer's own.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{}"#).with(|event| {
    /// assert_eq!(event.id(), "evt_test");
    /// # });
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.info.id
    }

    /// The event's type, for example `invoice.paid`.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{}"#).with(|event| {
    /// assert!(event.kind().starts_with("a."));
    /// # });
    /// ```
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.info.kind
    }

    /// The attributes of the event, without its data.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{}"#).with(|event| {
    /// assert_eq!(event.info().attempt, 0);
    /// # });
    /// ```
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Metadata that the producer sent beside the data, such as a CloudEvent's attributes. A chain
    /// may change it at ingress, and it is stored as the chain leaves it. It is empty and read-only
    /// in the delivery phase.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{}"#).metadata(r#"{"source":"shop"}"#).with(|event| {
    /// assert_eq!(event.metadata().get_str("/source").as_deref(), Some("shop"));
    /// # });
    /// ```
    #[must_use]
    pub fn metadata(&self) -> Document<'_> {
        Document::new(self.metadata)
    }

    /// The payload, readable and changeable in place.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"n":1}"#).with(|event| {
    /// event.data().set("/n", 2_i64).unwrap();
    /// assert_eq!(event.data().get_i64("/n"), Some(2));
    /// # });
    /// ```
    #[must_use]
    pub fn data(&self) -> Document<'_> {
        Document::new(self.data)
    }

    /// The step's settings, as `check_settings` accepted them; an empty object if none were given.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{}"#).settings(r#"{"limit":5}"#).with(|event| {
    /// assert_eq!(event.settings().get_i64("/limit"), Some(5));
    /// # });
    /// ```
    #[must_use]
    pub fn settings(&self) -> Settings<'_> {
        Settings::new(self.settings)
    }

    /// Reads the step's settings into a type of [`settings!`](crate::settings!).
    ///
    /// ```
    /// # use hookgate_sdk::{testing, settings, Description, Event, Failure, Plugin, Verdict};
    /// settings! { struct Tag { tag: String = "seen" } }
    /// # struct P;
    /// # impl Plugin for P {
    /// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
    /// fn handle(event: &Event) -> Result<Verdict, Failure> {
    ///     let options: Tag = event.settings_as()?;
    ///     event.data().set("/tag", options.tag)?;
    ///     Ok(Verdict::Pass)
    /// }
    /// # }
    /// # assert_eq!(testing::event("a.b").run::<P>().data, r#"{"tag":"seen"}"#);
    /// ```
    ///
    /// # Errors
    /// `bad-settings` if they do not fit the type, which
    /// [`settings::check`](crate::settings::check) has refused before.
    pub fn settings_as<T: Setting>(&self) -> Result<T, Failure> {
        T::read(&self.settings(), "")
            .ok_or_else(|| Failure::bad_settings("the settings do not fit their type"))
    }
}

/// The attributes of an event, without its data.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{}"#).with(|event| {
/// let info: &hookgate_sdk::Info = event.info();
/// assert_eq!((info.kind.as_str(), info.subscription.is_none()), ("a.b", true));
/// # });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The event's id, `evt_…` or the producer's own.
    pub id: String,
    /// The event's type, for example `invoice.paid`.
    pub kind: String,
    /// Creation time of the event, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Phase of the event that the step runs in.
    pub phase: Phase,
    /// Number of the delivery attempt, from 1; 0 at ingress.
    pub attempt: u32,
    /// The subscription; present in the delivery phase only.
    pub subscription: Option<String>,
}

/// Phase of an event that a step runs in.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{}"#).with(|event| {
/// assert_eq!(event.info().phase, hookgate_sdk::Phase::Ingress);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Runs once per event, before the event is stored.
    Ingress,
    /// Runs once per delivery, before the delivery is signed.
    Delivery,
}
