//! File format of profiles, in `contract/profiles/*.toml` and `profiles.NAME` of the configuration.
//!
//! Every key is optional: a profile of the configuration can contain only its differences from the
//! one that it extends. `read` checks required keys and consistency after the two have been merged.

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
    /// Profile that this one extends; by default the shipped one of the same name. Tables are
    /// merged key by key, lists and values are replaced; `add` adds to lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// One sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Body format.
    #[serde(skip_serializing_if = "is_default")]
    pub envelope: Envelope,
    /// Signature scheme.
    #[serde(skip_serializing_if = "is_default")]
    pub signature: Signature,
    /// Format of signing secrets.
    #[serde(skip_serializing_if = "is_default")]
    pub secret: Secret,
    /// Requirements for endpoints and their responses.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Endpoint,
    /// Retry policy of failed deliveries; by default the gateway's `retry`.
    #[serde(skip_serializing_if = "is_default")]
    pub retry: Retry,
    /// Maximum counts, in addition to the gateway's `registry` limits.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Quotas of its tenants: they override the gateway's `quotas`, and a tenant's override these.
    #[serde(skip_serializing_if = "is_default")]
    pub quotas: Quotas,
    /// Auto-disable rule for subscriptions that keep failing; by default they are never disabled.
    #[serde(skip_serializing_if = "is_default")]
    pub auto_disable: AutoDisable,
    /// Retention of events.
    #[serde(skip_serializing_if = "is_default")]
    pub retention: Retention,
    /// Event patterns that subscriptions may have.
    #[serde(skip_serializing_if = "is_default")]
    pub patterns: Patterns,
    /// Payload modes.
    #[serde(skip_serializing_if = "is_default")]
    pub payload: Payload,
    /// Fields that are removed from every event.
    #[serde(skip_serializing_if = "is_default")]
    pub privacy: Privacy,
    /// Event types that the product documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Vec<CatalogueEntry>>,
    /// Format of its tenants' API keys.
    #[serde(skip_serializing_if = "is_default")]
    pub keys: Keys,
    /// Headers that identify the product to its customers.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: Headers,
    /// Common settings of the product's routes.
    #[serde(skip_serializing_if = "is_default")]
    pub door: Door,
    /// Routes of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<Route>>,
    /// Routes and event types in addition to those of the extended profile.
    #[serde(skip_serializing_if = "is_default")]
    pub add: Add,
    /// Warnings to customers about failing endpoints; none by default.
    #[serde(skip_serializing_if = "is_default")]
    pub warnings: Warnings,
}

/// Body format: `body` or `members`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileEnvelope")]
pub struct Envelope {
    /// Whole body, in place of members: `{data}`, the unchanged event data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Members of the body, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
    /// Format of numbers and keys: `as-written` (built-in) or `javascript`. With `javascript`,
    /// `JSON.stringify(JSON.parse(body))` returns the same bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
}

/// One member of a body: a name with a `value` or a `constant`, or a `spread`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileMember")]
pub struct Member {
    /// Key of the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Value of the member. `{id}`, `{type}`, `{created}` (RFC 3339 with the necessary fractional
    /// digits), `{created:seconds}`, `{created:milliseconds}`, `{created:microseconds}` (RFC 3339
    /// with 0, 3 or 6 fractional digits), `{created:unix}` (seconds since 1970), `{data}` or
    /// `{data:/pointer}` (RFC 6901; the member is omitted if there is no value at the pointer).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Constant value, any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<serde_json::Value>,
    /// `{data}`: inserts the members of the data, except those whose names the profile uses itself.
    /// Data that is not an object becomes a member `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
}

/// Format of numbers and keys.
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

/// Signature scheme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileSignature")]
pub struct Signature {
    /// Signed content: text with `{id}`, `{type}`, `{timestamp}` (of the attempt), `{body}` and
    /// `{data:/pointer}`. An event without a text or number at that pointer is not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// `hmac-sha256` (built-in) or `hmac-sha512`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// Encoding of a signature: `hex` (lower case) or `base64` (with padding).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Text of one signature, with `{signature}`, `{id}`, `{timestamp}`. Built in: `{signature}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// Ed25519 signatures for subscriptions that request them, beside MACs. By default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ed25519: Option<Ed25519>,
    /// Separator between the signatures of several secrets during a rotation. Built in: `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<String>,
    /// Signature headers. Text with `{id}`, `{type}`, `{timestamp}`, `{signatures}` (of all
    /// currently signing secrets), `{first}` (only the first of them) and `{second}` (the second;
    /// without one the header is not sent). The newest secret signs first; during a rotation, each
    /// attempt begins with the next one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Format of `{timestamp}`: `seconds` (built-in), `milliseconds` or `rfc3339`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampForm>,
    /// Tolerance of receivers for the timestamp, for `hookgate verify` and `hookgate listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Span>,
}

/// Ed25519 signatures (RFC 8032): the gateway holds the private key, receivers the public one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileEd25519")]
pub struct Ed25519 {
    /// Text of one key's signature, in place of `each` of the MACs. Built in: `{signature}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// Prefix of a private key, before the base64 of its 32 bytes. Built in: `whsk_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_prefix: Option<String>,
    /// Prefix of a public key, before the base64 of its 32 bytes. Built in: `whpk_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_prefix: Option<String>,
}

/// Signature algorithm.
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

/// Encoding of bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileEncoding")]
pub enum Encoding {
    /// Standard alphabet, padded (RFC 4648 §4).
    Base64,
    /// Lower-case hexadecimal.
    Hex,
}

/// Text form of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileTimestamp")]
pub enum TimestampForm {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// RFC 3339, such as `2024-01-15T10:30:00Z`.
    Rfc3339,
}

/// Format of signing secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileSecret")]
pub struct Secret {
    /// Conversion of a secret's text to key bytes: `text` or `encoded`. `text` uses the bytes of
    /// the text, including the prefix; `encoded` removes the prefix and decodes the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<SecretForm>,
    /// Prefix of generated secrets, required for encoded ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Encoding of random bytes and of encoded secrets. Built in: `base64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Number of random bytes in a generated secret, 16 to 64. Built in: 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// Minimum number of key bytes in a given secret. Built in: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortest: Option<usize>,
    /// Maximum number of key bytes in a given secret, at most 512. Built in: 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<usize>,
    /// Owner of signing secrets: `subscription` (built-in) or `tenant`. Each subscription has a
    /// secret, or one secret of the tenant signs everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<SecretOwner>,
}

/// Conversion of a secret's text to key bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileSecretForm")]
pub enum SecretForm {
    /// Bytes of the text.
    Text,
    /// Decoded text after the prefix.
    Encoded,
}

/// Owner of signing secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileSecretOwner")]
pub enum SecretOwner {
    /// Each subscription has a secret.
    #[default]
    Subscription,
    /// The tenant has one secret.
    Tenant,
}

/// Requirements for endpoints and their responses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileEndpoint")]
pub struct Endpoint {
    /// Refuses URLs that begin with `http://`, even if the gateway allows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https_only: Option<bool>,
    /// Timeout of a whole attempt, unless a subscription sets one; at most `delivery.max_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Statuses that are a success: `2xx`, `200`, `200-204`. Built in: `["2xx"]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<Vec<String>>,
    /// Effect of a 410: `disable` (built-in) or `retry`. `disable` gives the delivery up and
    /// disables the subscription; `retry` treats the 410 as any other refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// Effect of a Retry-After: `honour` (built-in) or `ignore`. `honour` makes no attempt before
    /// the requested time; `ignore` leaves the delays unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// Circuit breaker of an endpoint that keeps failing: `on` (built-in) pauses it for some
    /// seconds at a time (`scheduler.pause_longest`); `off` makes every attempt when it is due, a
    /// few at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// Effect of a 410.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileGone")]
pub enum Gone {
    /// Gives the delivery up and disables the subscription.
    #[default]
    Disable,
    /// Retries the delivery as after any other refusal.
    Retry,
}

/// Effect of a Retry-After.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfileRetryAfter")]
pub enum RetryAfter {
    /// Makes no attempt before the requested time.
    #[default]
    Honour,
    /// Leaves the delays unchanged.
    Ignore,
}

/// Circuit breaker of an endpoint that keeps failing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProfilePause")]
pub enum Pause {
    /// Pauses for some seconds at a time.
    #[default]
    On,
    /// Never pauses.
    Off,
}

/// Retry policy of failed deliveries: a `schedule`, or `base`, `max` and `attempts`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileRetry")]
pub struct Retry {
    /// Delays between the attempts, without jitter. An empty list selects the backoff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<Span>>,
    /// Maximum random delay before the second attempt; it doubles with each further attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Span>,
    /// Maximum to which the delay grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// Total number of attempts, 1 to 100; of a schedule by default and at most its delays + 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// Maximum counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileLimits")]
pub struct Limits {
    /// Maximum number of subscriptions of a tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<usize>,
    /// Maximum number of patterns of a subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<usize>,
}

/// Auto-disable rule for subscriptions that keep failing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileAutoDisable")]
pub struct AutoDisable {
    /// Share of failed attempts above which a subscription is disabled, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<f64>,
    /// Rolling window in which attempts are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Minimum number of attempts in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_attempts: Option<u32>,
    /// Minimum duration of the failures. Built in: an hour, or the window if that is shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_at_least: Option<Span>,
    /// Share of failed attempts above which a warning is sent; no warning if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_over: Option<f64>,
}

/// Retention of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileRetention")]
pub struct Retention {
    /// Retention in the feed; the gateway's `retention.events` must be at least as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<Span>,
}

/// Event patterns that subscriptions may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfilePatterns")]
pub struct Patterns {
    /// Allowed kinds: `exact` (invoice.paid), `prefix` (invoice.*), `all` (*). Built in: all three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<PatternKind>>,
    /// Refuses events of undocumented types and patterns that match no documented type. Documented
    /// types are those of the catalogue and of the tenant.
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
    /// All types below a prefix.
    Prefix,
    /// All types.
    All,
}

/// Payload modes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfilePayload")]
pub struct Payload {
    /// Modes that a subscription may request: `full`, `thin`. Built in: `full` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<Vec<Mode>>,
    /// Parts of the data in thin payloads: patterns as in plugins, `/status`, `/items/*/id`,
    /// `/~*id`. By default: identity, type, status, times and relationship ids at the top level of
    /// the data.
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
    /// Parts selected by `thin`.
    Thin,
}

/// Event type that the product documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfileEventType")]
pub struct CatalogueEntry {
    /// Name of the type; unset if the product describes it without naming it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Subject of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Condition under which the event is sent.
    pub description: String,
    /// JSON Schema of its data, draft 2020-12, as a table or JSON text. Fields that
    /// `x-classification` or `x-default-classification` make non-public are removed for every
    /// tenant of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
    /// Under `add.catalogue`: replaces the entry of this type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replace: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
