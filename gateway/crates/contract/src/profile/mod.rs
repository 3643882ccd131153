//! Profiles: a product's public webhook contract as data. What body an event has, how it is signed, when it is tried again,
//! what subscriptions may ask for, and which routes the product's customers know.
//!
//! A profile is written as TOML (`file`), of which some ship (`gateway/crates/contract/profiles`) and others stand in the configuration;
//! [`Profiles::new`] puts them together, checks them (`read`) and tells what is wrong by its key. `registry` holds subscriptions
//! to a profile's rules; `delivery` asks it for the body and the headers of an attempt; `api` serves its front door; `hookgate
//! verify` asks whether what was received is genuine. Which products there are is known nowhere in the code.
//!
//! Pure: no clock, no randomness, no I/O. A profile never sees more of an event than is sent.

mod diagnose;
mod door;
mod envelope;
pub mod file;
mod finding;
mod problem;
mod python;
mod read;
mod refusal;
mod rules;
mod secret;
mod set;
mod signature;
mod template;
mod thin;
mod verify;
mod warnings;

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod diagnoses;
#[cfg(test)]
mod refusals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::privacy::{Class, Classified, Dictionary, Metadata};
use hookgate_domain::{Event, EventType, PayloadMode, Quotas, RetryPolicy};
use hookgate_json::Value;

pub use diagnose::{Evidence, Proof};
pub use door::{Answer, Door, Errors, Field, Input, KeyPlace, PathTemplate, Route, Told, Wording};
pub use envelope::Envelope;
pub use file::{Action, Method, SecretOwner};
pub use finding::{BodyChange, ContentReading, Finding, SecretReading};
pub use problem::Problem;
pub use refusal::{Messages, Placeholder, Refusal, bounded};
pub use rules::{AutoDisable, Endpoint, NotOffered, Patterns, Payload, Success};
pub use secret::{BadSigningKey, MOST_RANDOM, SecretScheme, SigningKey};
pub use set::Profiles;
pub use signature::{Message, Signature};
pub use template::{BadTemplate, Template};
pub use verify::{NotGenuine, Received};
pub use warnings::{Said, Warning, Warnings};

/// A public contract. What it leaves open (`None`) the gateway's configuration says.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name, as a tenant's configuration says it.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// What the body looks like.
    pub envelope: Envelope,
    /// How it is signed.
    pub signature: Signature,
    /// What signing secrets look like.
    pub secret: SecretScheme,
    /// What endpoints must be and how they answer.
    pub endpoint: Endpoint,
    /// When a failed delivery is tried again, where a subscription does not say.
    pub retry: Option<RetryPolicy>,
    /// How many there may be.
    pub limits: Limits,
    /// Quotas of its tenants.
    pub quotas: Quotas,
    /// When a subscription that keeps failing is disabled; `None`: it is not.
    pub auto_disable: Option<AutoDisable>,
    /// How long events stay in the feed.
    pub feed_retention: Option<Duration>,
    /// Which patterns subscriptions may have.
    pub patterns: Patterns,
    /// How much of an event may be sent.
    pub payload: Payload,
    /// What is taken out of every event.
    pub privacy: Privacy,
    /// The event types that the product documents.
    pub catalogue: Vec<CatalogueEntry>,
    /// What the API keys begin with that are made for its tenants.
    pub key_prefix: String,
    /// The `User-Agent` of deliveries.
    pub user_agent: String,
    /// The product's own routes.
    pub door: Door,
    /// What customers are told of endpoints that fail.
    pub warnings: Warnings,
}

/// How many there may be, beside the gateway's own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Subscriptions of a tenant.
    pub subscriptions: Option<usize>,
    /// Patterns of a subscription.
    pub patterns: Option<usize>,
}

/// What is taken out of every event.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// As the profile names them.
    pub classes: Vec<Class>,
    /// Their names and the profile's own; none: nothing is taken out by its name.
    pub names: Option<Arc<Dictionary>>,
    /// What becomes of the producer's metadata.
    pub metadata: Metadata,
    /// Its own names, with their class.
    pub own: Vec<(Class, String)>,
    /// What the catalogue's schemas classify, in the data and in the metadata.
    pub fields: BTreeMap<EventType, Classified>,
}

impl Privacy {
    /// Whether anything is taken out.
    pub fn takes_out(&self) -> bool {
        self.names.is_some() || !self.fields.is_empty()
    }
}

/// An event type that the product documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its name; `None`: it is described without one.
    pub kind: Option<EventType>,
    /// What it is about.
    pub entity: Option<String>,
    /// When it is sent.
    pub description: String,
    /// A JSON Schema of its data, as text: what it classifies holds for every tenant of the profile.
    pub schema: Option<String>,
}

/// An event that this profile cannot send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// Its data is not JSON.
    #[error("the event's data is not JSON")]
    NotJson,
    /// It has nothing where the scheme signs a part of its data.
    #[error("the profile signs the text or number at `{0}` of the data, and the event has none there")]
    NothingToSign(String),
    /// A public key signs nothing.
    #[error("a public key cannot sign")]
    PublicKey,
}

impl Profile {
    /// The body of an event. `data` is the event's, or what a delivery chain made of it: compact JSON text.
    ///
    /// # Errors
    /// Data that is not JSON.
    pub fn body(&self, event: &Event, data: &Bytes, mode: PayloadMode) -> Result<Bytes, Unsendable> {
        self.envelope.body(event, data, &self.payload, mode)
    }

    /// Where to look for the parts of the data that are signed: in what is sent, if that is the data.
    pub fn signed_data<'a>(&self, body: &'a [u8], data: &'a [u8]) -> &'a [u8] {
        if self.envelope.is_data() { body } else { data }
    }

    /// Whether an event with this data can be signed.
    ///
    /// # Errors
    /// `NothingToSign`.
    pub fn check_data(&self, data: &Value) -> Result<(), Unsendable> {
        self.signature.check_data(data)
    }

    /// What must hold between this profile and how long the gateway keeps events: they outlive their retries, and the feed
    /// shows them as long as the profile says.
    pub fn check_retention(&self, kept: Duration) -> Option<Problem> {
        let retried = self.retry.as_ref().map(RetryPolicy::longest);
        let needed = retried.max(self.feed_retention)?;
        (kept < needed).then(|| Problem {
            key: "retention.events".to_owned(),
            message: format!(
                "the profile `{}` needs events longer than they are kept",
                self.name
            ),
            hint: Some(format!("set retention.events to {}s or more", needed.as_secs())),
        })
    }
}

/// The name of the default profile.
pub const STANDARD: &str = "standard";
