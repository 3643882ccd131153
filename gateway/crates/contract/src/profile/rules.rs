//! Rules of a profile for endpoints and subscriptions, without those about bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::file::{Mode, PatternKind};
use hookgate_domain::{AnswerRules, EventPattern, EventType, Outcome, PayloadMode, nearest};
use hookgate_json::PatternSet;

/// Requirements for endpoints and their responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Set when only https URLs are allowed.
    pub https_only: bool,
    /// Timeout of a whole attempt, unless a subscription sets one.
    pub timeout: Option<Duration>,
    /// Responses that are a success.
    pub success: Success,
    /// Effects of the other responses on deliveries.
    pub answers: AnswerRules,
}

/// Inclusive ranges of statuses that are a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success(pub(super) Vec<(u16, u16)>);

/// Event patterns that subscriptions may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns {
    pub(super) allow: Vec<PatternKind>,
    /// Documented types: only patterns that match one of them, and their events, are allowed.
    pub(super) known: Option<Vec<EventType>>,
}

/// Payload modes.
#[derive(Debug, Clone)]
pub struct Payload {
    pub(super) modes: Vec<PayloadMode>,
    /// Parts of the data in thin payloads; `None` selects the default of `thin`.
    pub(super) thin: Option<PatternSet>,
}

/// Auto-disable rule for subscriptions that keep failing.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoDisable {
    /// Share of failed attempts above which a subscription is disabled, 0 to 1.
    pub over: f64,
    /// Rolling window in which attempts are counted.
    pub window: Duration,
    /// Minimum number of attempts in the window.
    pub least_attempts: u32,
    /// Minimum duration of the failures: a count alone can be reached within a second.
    pub for_at_least: Duration,
    /// Share of failed attempts above which a warning is sent.
    pub warn_over: Option<f64>,
}

/// Request of a subscription for something that the profile does not offer.
///
/// `Display` is worded for the author of the subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// Endpoint without TLS.
    #[error("only https:// endpoints are taken")]
    NotHttps,
    /// Wildcard that the profile does not allow.
    #[error("`{0}`: wildcards of this kind are not taken; name event types")]
    Pattern(EventPattern),
    /// Pattern that matches no documented type.
    #[error("`{0}` matches no event type; {1}")]
    Unknown(EventPattern, String),
    /// Event of an undocumented type.
    #[error("there is no event type `{0}`; {1}")]
    UnknownType(EventType, String),
    /// Payload mode that the profile does not allow.
    #[error("this payload mode is not offered")]
    Payload,
}

impl Endpoint {
    /// Checks that the profile allows deliveries to a URL.
    ///
    /// # Errors
    /// `NotHttps`.
    pub fn check(&self, url: &Url) -> Result<(), NotOffered> {
        if self.https_only && url.scheme() != "https" {
            Err(NotOffered::NotHttps)
        } else {
            Ok(())
        }
    }
}

impl Success {
    /// Accepts any 2xx as a success.
    pub fn any_2xx() -> Self {
        Self(vec![(200, 299)])
    }

    /// Converts an outcome in which any 2xx is a success to this rule.
    pub fn judge(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Delivered { status } if !self.holds(status) => Outcome::Refused {
                status,
                retry_after: None,
            },
            Outcome::Refused { status, .. } if self.holds(status) => Outcome::Delivered { status },
            other => other,
        }
    }

    fn holds(&self, status: u16) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&status))
    }

    /// Parses `2xx`, `200` or `200-204`.
    pub(super) fn range(text: &str) -> Option<(u16, u16)> {
        let status = |text: &str| text.parse().ok().filter(|status| (200..500).contains(status));
        if let Some(class) = text.strip_suffix("xx") {
            let first = class.parse::<u16>().ok().filter(|class| (2..5).contains(class))? * 100;
            return Some((first, first + 99));
        }
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let (from, to) = (status(from)?, status(to)?);
        (from <= to).then_some((from, to))
    }
}

impl Patterns {
    /// Checks that a subscription may have this pattern.
    ///
    /// `own`: event types of the tenant.
    ///
    /// # Errors
    /// `Pattern`, `Unknown`.
    pub fn check(&self, pattern: &EventPattern, own: &[EventType]) -> Result<(), NotOffered> {
        let kind = match pattern {
            EventPattern::All => PatternKind::All,
            EventPattern::Below(_) => PatternKind::Prefix,
            EventPattern::Exactly(_) => PatternKind::Exact,
        };
        if !self.allow.contains(&kind) {
            return Err(NotOffered::Pattern(pattern.clone()));
        }
        match &self.known {
            Some(types) if !types.iter().chain(own).any(|kind| pattern.matches(kind)) => {
                let meant = meant(&pattern.to_string(), types.iter().chain(own));
                Err(NotOffered::Unknown(pattern.clone(), meant))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a tenant may publish events of this type.
    ///
    /// `own`: event types of the tenant. An event of a type without possible subscriptions could
    /// never be delivered.
    ///
    /// # Errors
    /// `UnknownType`.
    pub fn check_type<T>(&self, kind: &EventType, own: &BTreeMap<EventType, T>) -> Result<(), NotOffered> {
        match &self.known {
            Some(types) if !own.contains_key(kind) && !types.contains(kind) => {
                let meant = meant(kind.as_str(), types.iter().chain(own.keys()));
                Err(NotOffered::UnknownType(kind.clone(), meant))
            }
            _ => Ok(()),
        }
    }
}

impl Payload {
    /// Checks that a subscription may have this mode.
    ///
    /// # Errors
    /// `Payload`.
    pub fn check(&self, mode: PayloadMode) -> Result<(), NotOffered> {
        if self.modes.contains(&mode) {
            Ok(())
        } else {
            Err(NotOffered::Payload)
        }
    }
}

impl From<Mode> for PayloadMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Full => Self::Full,
            Mode::Thin => Self::Thin,
        }
    }
}

/// Name that was probably meant, or a list of the known names.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a EventType>) -> String {
    let known: Vec<_> = known.map(EventType::as_str).collect();
    match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known[..known.len().min(MOST_NAMED)].join(", ")),
    }
}

/// Maximum number of types that a refusal names.
const MOST_NAMED: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (text, range) in [
            ("2xx", Some((200, 299))),
            ("200", Some((200, 200))),
            ("200-204", Some((200, 204))),
            ("204-200", None),
            ("5xx", None),
            ("100", None),
            ("", None),
            ("ok", None),
        ] {
            assert_eq!(Success::range(text), range, "{text}");
        }
    }

    #[test]
    fn only_what_the_rule_says_is_a_success() {
        let rule = Success(vec![(200, 200), (409, 409)]);
        let refused = |status| Outcome::Refused {
            status,
            retry_after: None,
        };
        for (outcome, judged) in [
            (
                Outcome::Delivered { status: 200 },
                Outcome::Delivered { status: 200 },
            ),
            (Outcome::Delivered { status: 204 }, refused(204)),
            (refused(409), Outcome::Delivered { status: 409 }),
            (refused(500), refused(500)),
        ] {
            assert_eq!(rule.judge(outcome), judged);
        }
    }

    #[test]
    fn patterns() {
        let rule = Patterns {
            allow: vec![PatternKind::Exact, PatternKind::Prefix],
            known: Some(vec!["product.created".parse().expect("a type")]),
        };
        for (pattern, taken) in [
            ("product.created", true),
            ("product.*", true),
            ("*", false),
            ("product.deleted", false),
            ("customer.*", false),
        ] {
            let pattern = pattern.parse().expect("a pattern");
            assert_eq!(rule.check(&pattern, &[]).is_ok(), taken, "{pattern}");
            let own = ["customer.created".parse().expect("a type")];
            let with_own = taken || pattern == "customer.*".parse().expect("a pattern");
            assert_eq!(rule.check(&pattern, &own).is_ok(), with_own, "{pattern}");
        }
        let own = BTreeMap::from([("customer.created".parse::<EventType>().expect("a type"), ())]);
        for (kind, told) in [
            ("product.created", None),
            ("customer.created", None),
            (
                "product.craeted",
                Some("there is no event type `product.craeted`; did you mean `product.created`?"),
            ),
            (
                "order.paid",
                Some("there is no event type `order.paid`; there are product.created, customer.created"),
            ),
        ] {
            let refused = rule.check_type(&kind.parse().expect("a type"), &own).err();
            assert_eq!(refused.map(|refused| refused.to_string()).as_deref(), told);
        }
    }
}
