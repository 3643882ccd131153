//! Event patterns: select the event types of a subscription.

use std::fmt;
use std::str::FromStr;

use super::EventType;
use super::event::SYSTEM_PREFIX;

/// Event pattern: `invoice.paid`, `invoice.*` or `*`.
///
/// `invoice.paid` matches exactly that type, `invoice.*` all types below `invoice` at any depth,
/// and `*` all types that producers send. hookgate's own events are selected by name only,
/// `hookgate.*`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventPattern {
    /// All types except hookgate's own.
    All,
    /// All types with this prefix, which ends in a dot.
    Below(String),
    /// One type.
    Exactly(EventType),
}

/// Error: the text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event pattern is an event type (invoice.paid), a prefix of whole parts and `.*` (invoice.*), or `*`"
)]
pub struct BadPattern;

impl EventPattern {
    /// Returns `true` if the pattern matches this type.
    pub fn matches(&self, kind: &EventType) -> bool {
        match self {
            Self::All => !kind.is_system(),
            Self::Below(prefix) => kind.as_str().starts_with(prefix.as_str()),
            Self::Exactly(exact) => exact == kind,
        }
    }

    /// Returns `true` if the pattern matches every type that the other one matches.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exactly(kind)) => self.matches(kind),
            (Self::All, Self::All) => true,
            (Self::All, Self::Below(prefix)) => !prefix.starts_with(SYSTEM_PREFIX),
            (Self::Below(own), Self::Below(other)) => other.starts_with(own.as_str()),
            (Self::Below(_), Self::All) | (Self::Exactly(_), _) => false,
        }
    }
}

/// Types of system events under their names of earlier releases, which subscriptions may still have.
const RENAMED: &[(&str, &str)] = &[("hookgate.plugin.left_alone", "hookgate.plugin.circuit_opened")];

impl FromStr for EventPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text == "*" {
            return Ok(Self::All);
        }
        let Some(parts) = text.strip_suffix(".*") else {
            let text = RENAMED
                .iter()
                .find(|(old, _)| *old == text)
                .map_or(text, |(_, new)| new);
            return text.parse().map(Self::Exactly).map_err(|_| BadPattern);
        };
        let _: EventType = parts.parse().map_err(|_| BadPattern)?;
        Ok(Self::Below(format!("{parts}.")))
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}*"),
            Self::Exactly(kind) => kind.fmt(f),
        }
    }
}

impl fmt::Debug for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hookgates_own_events_are_asked_for_by_name() {
        let kind: EventType = "hookgate.delivery.dead".parse().unwrap();
        for (pattern, expected) in [
            ("*", false),
            ("hookgate.*", true),
            ("hookgate.delivery.*", true),
            ("hookgate.delivery.dead", true),
            ("hookgate.plugin.*", false),
        ] {
            let pattern: EventPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(&kind), expected, "{pattern}");
        }
        let other: EventType = "hookgates.delivery".parse().unwrap();
        assert!(EventPattern::All.matches(&other));
    }

    #[test]
    fn pattern_covers_narrower_patterns() {
        for (wide, narrow, expected) in [
            ("*", "*", true),
            ("*", "a.*", true),
            ("*", "a.b", true),
            ("*", "hookgate.*", false),
            ("*", "hookgate.delivery.*", false),
            ("*", "hookgates.*", true),
            ("hookgate.*", "hookgate.delivery.dead", true),
            ("a.*", "*", false),
            ("a.*", "a.*", true),
            ("a.*", "a.b.*", true),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "ab.*", false),
            ("a.b.*", "a.*", false),
            ("a.b", "a.b", true),
            ("a.b", "a.b.*", false),
        ] {
            let (wide, narrow): (EventPattern, EventPattern) =
                (wide.parse().unwrap(), narrow.parse().unwrap());
            assert_eq!(wide.covers(&narrow), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn matching() {
        for (pattern, kind, expected) in [
            ("*", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("a.*", "a", false),
            ("a.*", "ab.c", false),
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.b", "A.b", false),
        ] {
            let (parsed, kind): (EventPattern, EventType) =
                (pattern.parse().expect(pattern), kind.parse().expect(kind));
            assert_eq!(parsed.matches(&kind), expected, "{pattern} {kind}");
            assert_eq!(parsed.to_string(), pattern);
        }
        for text in ["", "**", "*.a", "a*", "a.*.b", ".*", "a..*"] {
            assert!(text.parse::<EventPattern>().is_err(), "{text}");
        }
    }
}
