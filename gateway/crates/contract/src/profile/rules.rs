//! The rules of a profile that are not about bytes: what endpoints must be, what subscriptions may ask for.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::file::{Mode, PatternKind};
use hookgate_domain::{AnswerRules, EventPattern, EventType, Outcome, PayloadMode, nearest};
use hookgate_json::PatternSet;

/// What endpoints must be and how they answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether only https is taken.
    pub https_only: bool,
    /// For a whole attempt, where a subscription does not say.
    pub timeout: Option<Duration>,
    /// Which answers are a success.
    pub success: Success,
    /// What the others do to the deliveries that follow.
    pub answers: AnswerRules,
}

/// Ranges of statuses that are a success, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success(pub(super) Vec<(u16, u16)>);

/// Which patterns subscriptions may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns {
    pub(super) allow: Vec<PatternKind>,
    /// Only patterns that match one of these, and events of these, if there are any.
    pub(super) known: Option<Vec<EventType>>,
}

/// How much of an event may be sent.
#[derive(Debug, Clone)]
pub struct Payload {
    pub(super) modes: Vec<PayloadMode>,
    /// What is kept of data; `None`: what every event is about (`thin`).
    pub(super) thin: Option<PatternSet>,
}

/// When a subscription that keeps failing is disabled.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoDisable {
    /// The share of failed attempts that must be exceeded, 0 to 1.
    pub over: f64,
    /// The rolling window.
    pub window: Duration,
    /// How many attempts there must be in it.
    pub least_attempts: u32,
    /// For how long it must have been failing: a count alone is reached within a second.
    pub for_at_least: Duration,
    /// The share that is told of first.
    pub warn_over: Option<f64>,
}

/// A subscription asks for what the profile does not have. In words for whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// An endpoint without TLS.
    #[error("only https:// endpoints are taken")]
    NotHttps,
    /// A wildcard where there are none.
    #[error("`{0}`: wildcards of this kind are not taken; name event types")]
    Pattern(EventPattern),
    /// A pattern that no documented type matches.
    #[error("`{0}` matches no event type; {1}")]
    Unknown(EventPattern, String),
    /// An event of a type that is not documented.
    #[error("there is no event type `{0}`; {1}")]
    UnknownType(EventType, String),
    /// A payload mode.
    #[error("this payload mode is not offered")]
    Payload,
}

impl Endpoint {
    /// Whether deliveries may go there, as far as the profile has a say.
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
    /// Any 2xx.
    pub fn any_2xx() -> Self {
        Self(vec![(200, 299)])
    }

    /// The outcome by this rule, of one that counts any 2xx as a success.
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

    /// `2xx`, `200` or `200-204`.
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
    /// Whether a subscription of a tenant that has these types of its own may have this pattern.
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

    /// Whether a tenant that has these types of its own may publish events of this type: of a type that nobody can subscribe
    /// to, nobody would ever hear.
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
    /// Whether a subscription may have this mode.
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

/// What was probably meant by a name that is none of these, or which there are.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a EventType>) -> String {
    let known: Vec<_> = known.map(EventType::as_str).collect();
    match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known[..known.len().min(MOST_NAMED)].join(", ")),
    }
}

/// How many types a refusal names.
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
