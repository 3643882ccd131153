//! The event that a plugin is called with.

use crate::backend::Json;
use crate::{Document, Settings, View};

/// An event on its way through a chain: what is known of it, its metadata, its data, and the step's settings.
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
    #[must_use]
    pub fn id(&self) -> &str {
        &self.info.id
    }

    /// The event's type, for example `invoice.paid`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.info.kind
    }

    /// Everything that is known about the event beside its data.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// What the producer said beside the data; read-only.
    #[must_use]
    pub fn metadata(&self) -> View<'_> {
        View::new(self.metadata)
    }

    /// The payload: read it, change it in place.
    #[must_use]
    pub fn data(&self) -> Document<'_> {
        Document::new(self.data)
    }

    /// The step's settings, as `check_settings` accepted them; an empty object where none were given.
    #[must_use]
    pub fn settings(&self) -> Settings<'_> {
        Settings::new(self.settings)
    }
}

/// What is known about an event beside its data.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Once an event, before it is stored.
    Ingress,
    /// Once a delivery, before it is signed.
    Delivery,
}
