//! A profile as it is written, in `gateway/crates/contract/profiles/*.toml` and under `profiles.NAME` of the configuration.
//!
//! Everything may be left out, so that a profile of the configuration can say only what is different from the one that it
//! extends. What must be there and what must fit together is checked by `read`, after the two have been merged.

mod add;
mod door;
mod headers;
mod privacy;
mod warnings;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::Quotas;
use hookgate_domain::units::Span;

pub use add::Add;
pub use door::{Action, AnswerMember, Door, Errors, Method, Route};
pub use headers::Headers;
pub use privacy::{Keys, Privacy, PrivacyClass};
pub use warnings::Warnings;

/// A product's public webhook contract.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct File {
    /// The profile that this one starts from; the shipped one of the same name where it is left out. Tables are merged key
    /// by key, lists and values replaced; `add` adds to lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// One sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What the body looks like.
    #[serde(skip_serializing_if = "is_default")]
    pub envelope: Envelope,
    /// How the body is signed.
    #[serde(skip_serializing_if = "is_default")]
    pub signature: Signature,
    /// What signing secrets look like.
    #[serde(skip_serializing_if = "is_default")]
    pub secret: Secret,
    /// What endpoints must be and how they answer.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Endpoint,
    /// When a failed delivery is tried again; the gateway's `retry` where nothing is said.
    #[serde(skip_serializing_if = "is_default")]
    pub retry: Retry,
    /// How many there may be; the gateway's `registry` limits hold beside them.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Quotas of its tenants, over the gateway's `quotas`; a tenant's own are over these.
    #[serde(skip_serializing_if = "is_default")]
    pub quotas: Quotas,
    /// When a subscription that keeps failing is disabled; never where nothing is said.
    #[serde(skip_serializing_if = "is_default")]
    pub auto_disable: AutoDisable,
    /// How long events are kept.
    #[serde(skip_serializing_if = "is_default")]
    pub retention: Retention,
    /// Which event patterns subscriptions may have.
    #[serde(skip_serializing_if = "is_default")]
    pub patterns: Patterns,
    /// How much of an event is sent.
    #[serde(skip_serializing_if = "is_default")]
    pub payload: Payload,
    /// What is taken out of every event.
    #[serde(skip_serializing_if = "is_default")]
    pub privacy: Privacy,
    /// The event types that the product documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Vec<CatalogueEntry>>,
    /// What API keys of its tenants look like.
    #[serde(skip_serializing_if = "is_default")]
    pub keys: Keys,
    /// Headers by which customers know who sends and answers.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: Headers,
    /// What the product's own routes have in common.
    #[serde(skip_serializing_if = "is_default")]
    pub door: Door,
    /// The product's own routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<Route>>,
    /// Routes and event types beside those of the profile that this one starts from.
    #[serde(skip_serializing_if = "is_default")]
    pub add: Add,
    /// What customers are told of endpoints that fail; nothing where nothing is said.
    #[serde(skip_serializing_if = "is_default")]
    pub warnings: Warnings,
}

/// What a body looks like: `body` or `members`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileEnvelope")]
pub struct Envelope {
    /// The whole body, in place of members: `{data}`, the event's data as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The members of the body, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
    /// How numbers and keys are printed: `as-written` (built-in), or `javascript`, so that `JSON.stringify(JSON.parse(body))`
    /// gives the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
}

/// One member of a body: a name with a `value` or a `constant`, or a `spread`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileMember")]
pub struct Member {
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `{id}`, `{type}`, `{created}` (RFC 3339, with as many digits of a second's fraction as there are), `{created:seconds}`,
    /// `{created:milliseconds}`, `{created:microseconds}` (RFC 3339 with 0, 3 or 6 such digits), `{created:unix}` (seconds since
    /// 1970), `{data}` or `{data:/pointer}` (RFC 6901; left out of the body where nothing stands there).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The same at every event, any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<serde_json::Value>,
    /// `{data}`: the data's own members stand here, except those whose names the profile uses itself. Data that is no object
    /// becomes a member `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
}

/// How numbers and keys are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileNumbers")]
pub enum Numbers {
    /// As the producer wrote them.
    #[default]
    AsWritten,
    /// As JavaScript prints them.
    Javascript,
}

/// How a body is signed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileSignature")]
pub struct Signature {
    /// What is signed: text with `{id}`, `{type}`, `{timestamp}` (of the attempt), `{body}` and `{data:/pointer}`. An event
    /// without a text or number at that pointer is not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// `hmac-sha256` (built-in) or `hmac-sha512`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// How a signature is written: `hex` (lower case) or `base64` (with padding).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// One secret's signature: text with `{signature}`, `{id}` and `{timestamp}`. Built in: `{signature}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// Ed25519 signatures beside the MACs, for subscriptions that ask for them. Left out: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ed25519: Option<Ed25519>,
    /// Between the signatures of several secrets, while a rotation lasts. Built in: `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<String>,
    /// The headers: text with `{id}`, `{type}`, `{timestamp}`, `{signatures}` (of every secret that signs now), `{first}` (the
    /// first of them alone) and `{second}` (the next one alone; without one the header is not sent). The newest secret's is
    /// first; while a rotation lasts, each further attempt begins with the next one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How `{timestamp}` is written: `seconds` (built-in), `milliseconds` or `rfc3339`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampForm>,
    /// How far a receiver lets the timestamp be from its own clock: for `hookgate verify` and `hookgate listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Span>,
}

/// Ed25519 signatures (RFC 8032): the gateway keeps the private key, receivers have the public one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileEd25519")]
pub struct Ed25519 {
    /// One key's signature, in place of `each` of the MACs. Built in: `{signature}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// What a private key begins with, before the base64 of its 32 bytes. Built in: `whsk_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_prefix: Option<String>,
    /// What a public key begins with, before the base64 of its 32 bytes. Built in: `whpk_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_prefix: Option<String>,
}

/// What makes a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileAlgorithm")]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 2104, FIPS 180-4).
    #[default]
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileEncoding")]
pub enum Encoding {
    /// Standard alphabet, padded (RFC 4648 §4).
    Base64,
    /// Lower-case hexadecimal.
    Hex,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileTimestamp")]
pub enum TimestampForm {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Such as `2024-01-15T10:30:00Z`.
    Rfc3339,
}

/// What signing secrets look like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileSecret")]
pub struct Secret {
    /// How a secret's text stands for key bytes: `text` (its own bytes, prefix and all) or `encoded` (the prefix is taken off
    /// and the rest decoded).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<SecretForm>,
    /// What a generated secret begins with, and an encoded one must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How random bytes become text, and an encoded secret is read. Built in: `base64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// How many random bytes a generated secret has, 16 to 64. Built in: 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// The fewest key bytes that a given secret may have. Built in: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortest: Option<usize>,
    /// The most key bytes that a given secret may have, at most 512. Built in: 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<usize>,
    /// Whose it is: every `subscription` has its own (built-in), or one of the `tenant` signs everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<SecretOwner>,
}

/// How a secret's text stands for key bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileSecretForm")]
pub enum SecretForm {
    /// The text's own bytes.
    Text,
    /// What the text after the prefix encodes.
    Encoded,
}

/// Whose signing secret it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileSecretOwner")]
pub enum SecretOwner {
    /// Each subscription's.
    #[default]
    Subscription,
    /// The tenant's.
    Tenant,
}

/// What endpoints must be and how they answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileEndpoint")]
pub struct Endpoint {
    /// Refuse URLs that begin with `http://`, whatever the gateway allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https_only: Option<bool>,
    /// For a whole attempt, where a subscription does not say; `delivery.max_timeout` is its most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Which statuses are a success: `2xx`, `200`, `200-204`. Built in: `["2xx"]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<Vec<String>>,
    /// What a 410 does: `disable` (built-in) gives the delivery up and disables the subscription, `retry` tries again as after
    /// any other refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// What a Retry-After does: `honour` (built-in) makes no attempt earlier than it asks, `ignore` leaves the delays as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// Whether an endpoint that keeps failing is paused for some seconds at a time (`scheduler.pause_longest`): `on` (built-in),
    /// or `off`: every attempt is made when it is due, a few at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// What a 410 does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileGone")]
pub enum Gone {
    /// The delivery is given up and the subscription disabled.
    #[default]
    Disable,
    /// It is tried again as after any other refusal.
    Retry,
}

/// What a Retry-After does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileRetryAfter")]
pub enum RetryAfter {
    /// No attempt is made earlier than it asks.
    #[default]
    Honour,
    /// The delays hold as they are.
    Ignore,
}

/// Whether an endpoint that keeps failing is paused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfilePause")]
pub enum Pause {
    /// For some seconds at a time.
    #[default]
    On,
    /// Never.
    Off,
}

/// When a failed delivery is tried again: a `schedule`, or `base`, `max` and `attempts`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileRetry")]
pub struct Retry {
    /// The delays between the attempts, as they are. An empty list: the backoff holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<Span>>,
    /// Before the second attempt waits a random time up to this; before each further one up to twice as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Span>,
    /// The longest that backoff grows to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// How many attempts in all, 1 to 100; of a schedule at most one more than its delays, and that where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// How many there may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileLimits")]
pub struct Limits {
    /// Subscriptions of a tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<usize>,
    /// Patterns of a subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<usize>,
}

/// When a subscription that keeps failing is disabled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileAutoDisable")]
pub struct AutoDisable {
    /// The share of failed attempts that must be exceeded, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<f64>,
    /// The rolling window that is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// How many attempts there must be in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_attempts: Option<u32>,
    /// For how long it must have been failing. Built in: an hour, or the window where that is shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_at_least: Option<Span>,
    /// The share that is told of first; no warning where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_over: Option<f64>,
}

/// How long events are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileRetention")]
pub struct Retention {
    /// In the feed; the gateway's `retention.events` must be as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<Span>,
}

/// Which event patterns subscriptions may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfilePatterns")]
pub struct Patterns {
    /// `exact` (invoice.paid), `prefix` (invoice.*), `all` (*). Built in: all three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<PatternKind>>,
    /// Refuse patterns that match no type of the catalogue or of the tenant's own, and events of other types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_only: Option<bool>,
}

/// A kind of event pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfilePattern")]
pub enum PatternKind {
    /// One type.
    Exact,
    /// Everything below.
    Prefix,
    /// Everything.
    All,
}

/// How much of an event is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfilePayload")]
pub struct Payload {
    /// Which modes a subscription may ask for: `full`, `thin`. Built in: `full` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<Vec<Mode>>,
    /// What of the data is kept in thin payloads: patterns as plugins have them, `/status`, `/items/*/id`, `/~*id`. Left out:
    /// identity, type, status, times and relationship ids, from the top of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thin: Option<Vec<String>>,
}

/// A payload mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfilePayloadMode")]
pub enum Mode {
    /// All of the data.
    Full,
    /// What `thin` says.
    Thin,
}

/// An event type that the product documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfileEventType")]
pub struct CatalogueEntry {
    /// Its name; left out where the product describes it without naming it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// When it is sent.
    pub description: String,
    /// A JSON Schema of its data, draft 2020-12: as a table, or as a text of JSON. What its `x-classification` and
    /// `x-default-classification` take out is taken out of these events of every tenant of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
    /// Under `add.catalogue`: it takes the place of the entry of this type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replace: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
