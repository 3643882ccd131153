//! Events: immutable facts, each accepted once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use compact_str::CompactString;
use url::Url;

use super::{EventId, Hops, TenantId, Timestamp, TraceContext};

/// Type of an event.
///
/// Examples are `invoice.paid`, `com.example/order:placed` and
/// `https://example.com/events/created`. The text has 1 to 256 printable ASCII characters in parts
/// joined by single dots, without a space at either end and without `* , " < > \ ^ { | }` and the
/// grave accent: these have a meaning in patterns and lists, or are not allowed in URIs (RFC 3986).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(CompactString);

/// Accepted event.
///
/// `data` and `metadata` are JSON text after the ingress chain, without the parts that the chain
/// removed.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Id, unique within the tenant.
    pub id: EventId,
    /// Tenant that owns the event.
    pub tenant: TenantId,
    /// Event type.
    pub kind: EventType,
    /// Time of the event by the producer; otherwise the time of acceptance.
    pub created: Timestamp,
    /// Time of acceptance by the gateway's clock.
    pub accepted: Timestamp,
    /// Payload: compact JSON. Empty exactly if `fate` is `Filtered`.
    pub data: Bytes,
    /// Producer's metadata, a JSON object; never sent to consumers.
    pub metadata: Option<Bytes>,
    /// Endpoint given with the event, in addition to the subscriptions.
    pub deliver_to: Option<Url>,
    /// Result of the acceptance.
    pub fate: Fate,
    /// Reports of the ingress chain's steps, in order.
    pub steps: Vec<StepReport>,
    /// Mark of the privacy rules under which `data` and `metadata` were stored.
    pub rules: RulesMark,
    /// Number of gateways that the event passed before this one.
    pub hops: Hops,
    /// Position in the producer's trace, or in the gateway's own; `None`: neither is recorded or
    /// passed on.
    pub trace: Option<Box<TraceContext>>,
}

/// Fingerprint of privacy rules: equal marks mean equal rules. The default means no rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RulesMark(pub u64);

/// Result of an event's acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// In the feed, with its deliveries.
    Published,
    /// Dropped by a plugin: only the receipt and the reason are stored.
    Filtered {
        /// Reason that the plugin gave, at most 256 bytes.
        reason: String,
    },
    /// Created for a test of one subscription; not in any feed.
    Test,
}

/// Report of one step of a chain.
///
/// It names the changed places, but never values or keys that the step removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// Name of the plugin.
    pub plugin: String,
    /// Digest of the plugin version, the first 12 hexadecimal digits.
    pub version: String,
    /// Version that the component declares; empty if unknown.
    pub release: CompactString,
    /// Set when the step's canary was called instead of the step's current version.
    pub canary: bool,
    /// Result of the call.
    pub result: StepResult,
    /// Failure, as a word from a closed set.
    pub failure: Option<String>,
    /// Duration of the call.
    pub took: Duration,
    /// Changed or removed places.
    ///
    /// Pointers with `*` for every key that the plugin did not spell itself. At most 64 entries of
    /// 256 bytes each, 4 KiB in all; a final `…` marks a truncated list.
    pub changed: Vec<String>,
}

impl StepReport {
    /// Approximate memory size in bytes.
    pub fn size(&self) -> usize {
        let texts = self.plugin.len() + self.version.len() + self.failure.as_ref().map_or(0, String::len);
        let changed = self.changed.iter().map(|place| size_of::<String>() + place.len());
        size_of::<Self>() + texts + changed.sum::<usize>()
    }
}

/// Result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// The event passed the step.
    Passed,
    /// The plugin dropped the event.
    Dropped,
    /// The plugin failed, and its policy was to continue without it.
    Skipped,
    /// The plugin failed.
    ///
    /// If the plugin was a canary, the event was then given to the step's current version.
    Failed,
}

/// Error: the text is not an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event type is 1 to 256 printable ASCII characters in parts joined by single dots, such as invoice.paid; not allowed \
     are a space at either end and the characters * , \" < > \\ ^ ` {{ | }}"
)]
pub struct BadEventType;

impl Event {
    /// Approximate memory size in bytes.
    pub fn size(&self) -> usize {
        let steps: usize = self.steps.iter().map(StepReport::size).sum();
        let trace = self.trace.as_ref().map_or(0, |trace| trace.size());
        size_of::<Self>() + self.data.len() + self.metadata.as_ref().map_or(0, Bytes::len) + steps + trace
    }
}

impl EventType {
    /// Text of the event type.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` for hookgate's own types, which producers cannot send.
    pub fn is_system(&self) -> bool {
        self.0.starts_with(SYSTEM_PREFIX)
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

/// Maximum length of an event type in bytes.
const MAX_TYPE_LEN: usize = 256;
/// Characters with a meaning in patterns and lists, and characters that are not allowed in URIs.
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

/// Omits the payload: it can be personal data.
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

/// Prefix of hookgate's own types.
pub(super) const SYSTEM_PREFIX: &str = "hookgate.";

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
