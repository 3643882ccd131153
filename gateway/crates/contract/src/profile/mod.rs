//! Profiles: a product's public webhook contract as data.
//!
//! A profile defines the body of an event, its signature, the retry policy, the settings that
//! subscriptions may request, and the routes that the product's customers use. It is written as
//! TOML (`file`). Some profiles ship with the gateway (`gateway/crates/contract/profiles`), others
//! are part of the configuration. [`Profiles::new`] merges them, checks them (`read`) and reports
//! problems by key. `registry` applies a profile's rules to subscriptions, `delivery` uses it for
//! the body and the headers of an attempt, `api` serves its routes, and `hookgate verify` uses it
//! to check received requests. No product is named in the code.
//!
//! Pure: no clock, no randomness, no I/O. A profile accesses only the part of an event that is
//! sent.

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

/// Public webhook contract. The gateway's configuration applies where a field is `None`.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name of the profile, as in a tenant's configuration.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// Body format.
    pub envelope: Envelope,
    /// Signature scheme.
    pub signature: Signature,
    /// Format of signing secrets.
    pub secret: SecretScheme,
    /// Requirements for endpoints and their responses.
    pub endpoint: Endpoint,
    /// Retry policy of failed deliveries whose subscription has none.
    pub retry: Option<RetryPolicy>,
    /// Maximum counts.
    pub limits: Limits,
    /// Quotas of its tenants.
    pub quotas: Quotas,
    /// Auto-disable rule for subscriptions that keep failing; `None` if they are never disabled.
    pub auto_disable: Option<AutoDisable>,
    /// Retention of events in the feed.
    pub feed_retention: Option<Duration>,
    /// Event patterns that subscriptions may have.
    pub patterns: Patterns,
    /// Payload modes.
    pub payload: Payload,
    /// Fields that are removed from every event.
    pub privacy: Privacy,
    /// The event types that the product documents.
    pub catalogue: Vec<CatalogueEntry>,
    /// Prefix of the API keys created for its tenants.
    pub key_prefix: String,
    /// The `User-Agent` of deliveries.
    pub user_agent: String,
    /// Product-specific routes.
    pub door: Door,
    /// Warnings to customers about failing endpoints.
    pub warnings: Warnings,
}

/// Maximum counts, in addition to the gateway's own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of subscriptions of a tenant.
    pub subscriptions: Option<usize>,
    /// Maximum number of patterns of a subscription.
    pub patterns: Option<usize>,
}

/// Fields that are removed from every event.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    /// Classes of the dictionary that the profile names.
    pub classes: Vec<Class>,
    /// Names of these classes and of the profile; `None` if no field is removed by name.
    pub names: Option<Arc<Dictionary>>,
    /// Treatment of the producer's metadata.
    pub metadata: Metadata,
    /// Names of the profile itself, with their class.
    pub own: Vec<(Class, String)>,
    /// Fields of the data and metadata that the catalogue's schemas classify.
    pub fields: BTreeMap<EventType, Classified>,
}

impl Privacy {
    /// Returns `true` if any field is removed.
    pub fn takes_out(&self) -> bool {
        self.names.is_some() || !self.fields.is_empty()
    }
}

/// An event type that the product documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Name of the type; `None` if it is described without a name.
    pub kind: Option<EventType>,
    /// Subject of the type.
    pub entity: Option<String>,
    /// Condition under which the event is sent.
    pub description: String,
    /// JSON Schema of its data, as text; its classification applies to every tenant of the profile.
    pub schema: Option<String>,
}

/// Reason for which this profile cannot send an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// The data is not JSON.
    #[error("the event's data is not JSON")]
    NotJson,
    /// The data has no value at the pointer that the scheme signs.
    #[error("the profile signs the text or number at `{0}` of the data, and the event has none there")]
    NothingToSign(String),
    /// A public key cannot sign.
    #[error("a public key cannot sign")]
    PublicKey,
}

impl Profile {
    /// Builds the body of an event.
    ///
    /// `data` is the event's data or the output of a delivery chain, as compact JSON text.
    ///
    /// # Errors
    /// The data is not JSON.
    pub fn body(&self, event: &Event, data: &Bytes, mode: PayloadMode) -> Result<Bytes, Unsendable> {
        self.envelope.body(event, data, &self.payload, mode)
    }

    /// Text in which the signed parts of the data are looked up: the body if it is the data.
    pub fn signed_data<'a>(&self, body: &'a [u8], data: &'a [u8]) -> &'a [u8] {
        if self.envelope.is_data() { body } else { data }
    }

    /// Checks that an event with this data can be signed.
    ///
    /// # Errors
    /// `NothingToSign`.
    pub fn check_data(&self, data: &Value) -> Result<(), Unsendable> {
        self.signature.check_data(data)
    }

    /// Checks the gateway's retention of events against this profile.
    ///
    /// Events must be retained as long as they are retried, and as long as the profile's feed shows
    /// them.
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

/// Name of the default profile.
pub const STANDARD: &str = "standard";
