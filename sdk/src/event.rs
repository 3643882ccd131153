//! The event that a plugin is called with.

use crate::backend::Json;
use crate::settings::Setting;
use crate::{Document, Failure, Settings};

/// An event on its way through a chain: what is known of it, its metadata, its data, and the step's settings.
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

    /// Everything that is known about the event beside its data.
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

    /// What the producer said beside the data, such as a CloudEvent's attributes. It can be changed at ingress, and is stored as
    /// the chain leaves it; a delivery has none of it, and there it is read-only.
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

    /// The payload: read it, change it in place.
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

    /// The step's settings, as `check_settings` accepted them; an empty object where none were given.
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

    /// The step's settings as a type of [`settings!`](crate::settings!).
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
    /// `bad-settings` where they do not fit the type, which [`settings::check`](crate::settings::check) has refused before.
    pub fn settings_as<T: Setting>(&self) -> Result<T, Failure> {
        T::read(&self.settings(), "")
            .ok_or_else(|| Failure::bad_settings("the settings do not fit their type"))
    }
}

/// What is known about an event beside its data.
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
    /// When the event was created, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Where in the event's life the step stands.
    pub phase: Phase,
    /// Which attempt of the delivery this is, from 1; 0 at ingress.
    pub attempt: u32,
    /// The subscription, in the delivery phase.
    pub subscription: Option<String>,
}

/// Where in an event's life a step stands.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{}"#).with(|event| {
/// assert_eq!(event.info().phase, hookgate_sdk::Phase::Ingress);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Once an event, before it is stored.
    Ingress,
    /// Once a delivery, before it is signed.
    Delivery,
}
