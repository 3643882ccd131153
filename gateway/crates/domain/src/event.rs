//! An event: an immutable fact that was accepted once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use compact_str::CompactString;
use url::Url;

use super::{EventId, Hops, TenantId, Timestamp};

/// Name of what happened, such as `invoice.paid`, `com.example/order:placed` or `https://example.com/events/created`.
///
/// 1 to 256 printable ASCII characters in parts joined by single dots, without a space at either end and without
/// `* , " < > \ ^ { | }` and the grave accent: these have a meaning in patterns and lists, or are in no URI (RFC 3986).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(CompactString);

/// What was accepted. `data` and `metadata` are JSON text after the ingress chain: what the chain took out is not here.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique within the tenant.
    pub id: EventId,
    /// Whose event it is.
    pub tenant: TenantId,
    /// What happened.
    pub kind: EventType,
    /// When it happened, as the producer says, or when it was accepted.
    pub created: Timestamp,
    /// When the gateway accepted it, by its own clock.
    pub accepted: Timestamp,
    /// The payload: compact JSON. Empty exactly when `fate` is `Filtered`.
    pub data: Bytes,
    /// The producer's own notes, a JSON object; never sent to consumers.
    pub metadata: Option<Bytes>,
    /// An endpoint given with the event itself, beside the subscriptions.
    pub deliver_to: Option<Url>,
    /// What became of it.
    pub fate: Fate,
    /// What the ingress chain did, step by step.
    pub steps: Vec<StepReport>,
    /// Which privacy rules `data` and `metadata` were kept under.
    pub rules: RulesMark,
    /// Number of gateways that it has passed before this one.
    pub hops: Hops,
}

/// Tells privacy rules from others: equal marks, equal rules. The default: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RulesMark(pub u64);

/// What became of an event when it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is in the feed and has its deliveries.
    Published,
    /// A plugin dropped it: only that it came and why is kept.
    Filtered {
        /// The plugin's words, at most 256 bytes.
        reason: String,
    },
    /// It was made to try one subscription; it is in no feed.
    Test,
}

/// Report of one step of a chain: places that it changed, never values and never keys that it removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The plugin's name.
    pub plugin: String,
    /// Its version's digest, the first 12 hexadecimal digits.
    pub version: String,
    /// The version that the component says of itself; empty where it is not known.
    pub release: CompactString,
    /// Whether the step's canary was called, and not what the step runs.
    pub canary: bool,
    /// How it went.
    pub result: StepResult,
    /// How it failed, if it did: a word from a closed set.
    pub failure: Option<String>,
    /// How long the call took.
    pub took: Duration,
    /// Places that were changed or removed: pointers with `*` for every key that the plugin did not spell itself. At most 64,
    /// of 256 bytes each and 4 KiB in all; `…` at the end: there are more.
    pub changed: Vec<String>,
}

impl StepReport {
    /// Bytes that it holds in memory, about.
    pub fn size(&self) -> usize {
        let texts = self.plugin.len() + self.version.len() + self.failure.as_ref().map_or(0, String::len);
        let changed = self.changed.iter().map(|place| size_of::<String>() + place.len());
        size_of::<Self>() + texts + changed.sum::<usize>()
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// The event went on.
    Passed,
    /// The plugin dropped the event.
    Dropped,
    /// The plugin failed and its policy was to go on without it.
    Skipped,
    /// The plugin failed. Of a canary: the event was given to what the step runs.
    Failed,
}

/// The text is not an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event type is 1 to 256 printable ASCII characters in parts joined by single dots, such as invoice.paid; not allowed \
     are a space at either end and the characters * , \" < > \\ ^ ` {{ | }}"
)]
pub struct BadEventType;

impl Event {
    /// Bytes that it holds in memory, about.
    pub fn size(&self) -> usize {
        let steps: usize = self.steps.iter().map(StepReport::size).sum();
        size_of::<Self>() + self.data.len() + self.metadata.as_ref().map_or(0, Bytes::len) + steps
    }
}

impl EventType {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of hookgate's own, which no producer can send.
    pub fn is_system(&self) -> bool {
        self.0.starts_with("hookgate.")
    }
}

impl FromStr for EventType {
    type Err = BadEventType;

    fn from_str(text: &str) -> Result<Self, BadEventType> {
        let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && !RESERVED.contains(&b);
        let parts = || text.split('.').all(|part| !part.is_empty());
        if text.len() <= MAX_TYPE_LEN && text.trim() == text && text.bytes().all(plain) && parts() {
            Ok(Self(text.into()))
        } else {
            Err(BadEventType)
        }
    }
}

/// Bytes of the longest event type.
const MAX_TYPE_LEN: usize = 256;
/// Characters of patterns and lists, and what no URI has.
const RESERVED: &[u8] = b"*,\"<>\\^`{|}";

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Without the payload: it may be anyone's personal data.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("kind", &self.kind)
            .field("data_bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_type_takes_what_sources_send() {
        for text in [
            "a",
            "invoice.paid",
            "com.amazonaws.s3.ObjectCreated:Put",
            "dev.knative.source.bitbucket.repo:push",
            "com.vmware.event.router/event",
            "Object Created",
            "https://example.com/events/order?v=1#created",
            "urn:example:order(created)",
            "_-~!$&'()+;=@[]%",
            &"a".repeat(256),
        ] {
            assert_eq!(text.parse::<EventType>().expect(text).as_str(), text);
        }
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            " a",
            "a ",
            "*",
            "a.*",
            "a,b",
            "a\"b",
            "a\\b",
            "a<b>",
            "a{b}",
            "a|b",
            "a^b",
            "a`b",
            "a\tb",
            "a\nb",
            "a\u{7f}",
            "\u{e4}",
            &"a".repeat(257),
        ] {
            assert!(text.parse::<EventType>().is_err(), "{text:?}");
        }
    }
}
