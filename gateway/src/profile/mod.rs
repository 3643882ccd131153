//! Profiles: a product's public webhook contract as data. What body an event has, and how it is signed.
//!
//! `delivery` asks a profile for the body and the headers of an attempt; `hookgate listen` and the demo ask it whether what
//! they received is genuine. Pure: no clock, no randomness, no I/O. A profile never sees more of an event than is sent.
//!
//! The one that ships is [`Profile::standard`], Standard Webhooks (<https://www.standardwebhooks.com>). Another product's
//! contract is another value: its envelope, what it signs and the headers that carry the signature.

mod envelope;
mod secret;
mod signature;
mod template;
mod thin;
mod verify;

pub use envelope::Envelope;
pub use secret::{BadSigningKey, SecretForm, SigningKey};
pub use signature::{Algorithm, Encoding, Message, Signature};
pub use template::{BadTemplate, Template};
pub use verify::{NotGenuine, Received};

/// A public contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, as a tenant's configuration says it.
    pub name: String,
    /// What the body looks like.
    pub envelope: Envelope,
    /// How it is signed.
    pub signature: Signature,
}

impl Profile {
    /// Standard Webhooks: `{type, timestamp, data}`, HMAC-SHA256 in `webhook-signature`.
    pub fn standard() -> Self {
        Self {
            name: STANDARD.to_owned(),
            envelope: Envelope::Standard,
            signature: Signature::standard(),
        }
    }

    /// The profile of this name, of those that are built in.
    pub fn built_in(name: &str) -> Option<Self> {
        (name == STANDARD).then(Self::standard)
    }
}

/// The name of the default profile.
pub const STANDARD: &str = "standard";
