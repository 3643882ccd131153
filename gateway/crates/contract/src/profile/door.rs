//! Product-specific routes: a product's registration and management API, as data.
//!
//! The `api` module serves them.

use std::fmt;

use super::file::{Action, Method};
use super::{Messages, Problem, Profile};
use hookgate_domain::{Status, SubscriptionId};

/// Product-specific routes and their common settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Door {
    /// Location of the API key in a request.
    pub key: KeyPlace,
    /// Prefix of subscription ids at these routes.
    pub id_prefix: String,
    /// Status word of an active subscription.
    pub active: String,
    /// Status word of a disabled subscription.
    pub disabled: String,
    /// Format of errors; `None` for RFC 9457 problems.
    pub errors: Option<Errors>,
    /// Product-specific texts and headers of responses.
    pub wording: Wording,
    /// Routes, in the order of the profile.
    pub routes: Vec<Route>,
}

/// Product-specific texts and headers of responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    /// Error texts.
    pub messages: Messages,
    /// Headers of every response.
    pub headers: Vec<(String, String)>,
    /// Name of the header that holds a response's id.
    pub request_id: Option<String>,
}

/// Format of an error's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// Member that contains all others, if there is one.
    pub within: Option<String>,
    /// Members in order.
    pub members: Vec<(String, Answer<Told>)>,
}

/// Location of the API key in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// `Authorization: Bearer KEY` (RFC 6750 §2.1).
    Bearer,
    /// Value of this header, in the product's spelling.
    Header(String),
}

/// Product-specific route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// HTTP method.
    pub method: Method,
    /// Path.
    pub path: PathTemplate,
    /// Operation that the route performs.
    pub action: Action,
    /// Fields of the request, or the parameters of a `GET`, with their meanings.
    pub input: Vec<(String, Input)>,
    /// Required fields.
    pub required: Vec<String>,
    /// Status of a successful response.
    pub status: u16,
    /// Members of the response in order; empty for a response without body.
    pub answer: Vec<(String, Answer)>,
    /// Members of each item of the response in order.
    ///
    /// Empty in a feed, whose items are the pushed bodies.
    pub item: Vec<(String, Answer)>,
}

/// Path template of literal segments and at most one `{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<Option<String>>);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant,)* }

        impl $name {
            /// Word in a profile.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

pub(super) use words;

words!(
    /// Meaning of a request field.
    Input {
        /// URL of the endpoint.
        Url = "url",
        /// Event patterns.
        Events = "events",
        /// Description for people.
        Description = "description",
        /// A signing secret.
        Secret = "secret",
        /// The payload mode.
        Payload = "payload",
        /// Grace period of the old secrets, in seconds.
        Grace = "grace",
        /// Position in a list or the feed.
        Cursor = "cursor",
        /// Maximum number of items.
        Limit = "limit",
        /// Event patterns of a filter.
        Types = "types",
        /// Long-poll timeout for events, in seconds.
        Wait = "wait",
        /// Initial status of a subscription, in the route's words, or the state of deliveries.
        Status = "status",
        /// Start of a time range.
        Since = "since",
        /// End of a time range.
        Until = "until",
        /// Selection of the deliveries to repeat.
        Only = "only",
    }
);

words!(
    /// Content of a response member.
    Field {
        /// Id of the route's subject.
        Id = "id",
        /// URL of the endpoint.
        Url = "url",
        /// Event patterns.
        Events = "events",
        /// Description for people.
        Description = "description",
        /// The newest signing secret.
        Secret = "secret",
        /// Expiry of the earlier secrets; null if there are none.
        PreviousExpires = "previous_expires",
        /// The payload mode.
        Payload = "payload",
        /// Status word of a subscription.
        Status = "status",
        /// Time of creation or occurrence.
        Created = "created",
        /// An event's type.
        Kind = "type",
        /// Subject of an event type.
        Entity = "entity",
        /// An event's data.
        Data = "data",
        /// List of items.
        Items = "items",
        /// Cursor of the next page.
        NextCursor = "next_cursor",
        /// Set when more items are available.
        HasMore = "has_more",
        /// An event's id.
        Event = "event",
        /// A subscription's id.
        Subscription = "subscription",
        /// A delivery's id.
        Delivery = "delivery",
        /// Reason for a delivery.
        Trigger = "trigger",
        /// Number of attempts made.
        Attempts = "attempts",
        /// Due time of the next attempt.
        NextAttempt = "next_attempt",
        /// Time of the first attempt.
        FirstAttempt = "first_attempt",
        /// Time at which a delivery ended.
        Finished = "finished",
        /// Outcome of an attempt.
        Outcome = "outcome",
        /// Number of an attempt, from 1.
        Number = "number",
        /// Start time of an attempt.
        Started = "started",
        /// Duration in milliseconds.
        Took = "took_ms",
        /// Status of the endpoint's response.
        HttpStatus = "http_status",
        /// First bytes of the endpoint's response.
        Response = "response",
        /// Stage at which an attempt failed.
        Stage = "stage",
        /// Reason of the failure.
        Reason = "reason",
        /// Number of created deliveries.
        Deliveries = "deliveries",
        /// Number of examined events.
        LookedAt = "looked_at",
        /// Number of events that were left out.
        LeftOut = "left_out",
        /// Length of the statistics window in seconds.
        Window = "window",
        /// Start of the statistics window.
        Since = "since",
        /// Start of a statistics bucket.
        Start = "start",
        /// Number of successful attempts.
        Delivered = "delivered",
        /// Number of failed attempts.
        Failed = "failed",
        /// Number of deliveries given up.
        Dead = "dead",
        /// Share of attempts that failed.
        FailedShare = "failed_share",
        /// Median latency of successful attempts, in milliseconds.
        P50 = "p50_ms",
        /// 95th percentile of that latency, in milliseconds.
        P95 = "p95_ms",
        /// Time of the last successful attempt.
        LastSuccess = "last_success",
        /// Time of the last failed attempt.
        LastFailure = "last_failure",
        /// Time of the last warning to the owner.
        Warned = "warned",
    }
);

words!(
    /// Content of an error member.
    Told {
        /// One-line title, identical for every occurrence.
        Title = "title",
        /// Description of this occurrence.
        Detail = "detail",
        /// Stable word for programs.
        Code = "code",
        /// The HTTP status.
        Status = "status",
        /// Instruction to fix the error.
        Fix = "fix",
        /// Invalid fields.
        Errors = "errors",
    }
);

/// Member of a response.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<F = Field> {
    /// Value of this field.
    Field(F),
    /// Constant value.
    Constant(serde_json::Value),
}

impl Door {
    /// Status word of a subscription at these routes.
    pub fn status(&self, status: &Status) -> &str {
        match status {
            Status::Active => &self.active,
            Status::Disabled { .. } => &self.disabled,
        }
    }

    /// Name of the profile's table in which another set of routes differs.
    pub(super) fn differs_in(&self, other: &Self) -> &'static str {
        let headers = |door: &Self| (door.wording.headers.clone(), door.wording.request_id.clone());
        if self.routes != other.routes {
            "routes"
        } else if headers(self) != headers(other) {
            "headers"
        } else {
            "door"
        }
    }

    /// Subscription id as these routes show it.
    pub fn public_id(&self, id: SubscriptionId) -> String {
        format!("{}{}", self.id_prefix, id.ulid())
    }

    /// Parses a subscription id of these routes.
    pub fn subscription_id(&self, text: &str) -> Option<SubscriptionId> {
        let digits = text.strip_prefix(&self.id_prefix)?;
        format!("sub_{digits}").parse().ok()
    }
}

impl PathTemplate {
    /// Parses literal segments of unreserved characters (RFC 3986 §2.3) and at most one `{id}`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let literal = |segment: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            !segment.is_empty() && segment.bytes().all(plain) && !matches!(segment, "." | "..")
        };
        let segments = text.strip_prefix('/')?.split('/').map(|segment| match segment {
            "{id}" => Some(None),
            _ => literal(segment).then(|| Some(segment.to_owned())),
        });
        let segments: Vec<_> = segments.collect::<Option<_>>()?;
        (segments.iter().filter(|segment| segment.is_none()).count() <= 1).then_some(Self(segments))
    }

    /// Matches a request path; returns the id in it, if the template has one.
    pub fn matches<'a>(&self, path: &'a str) -> Option<Option<&'a str>> {
        let mut id = None;
        let mut given = path.strip_prefix('/')?.split('/');
        for segment in &self.0 {
            match (segment, given.next()?) {
                (Some(literal), given) if literal == given => {}
                (None, given) if !given.is_empty() => id = Some(given),
                _ => return None,
            }
        }
        given.next().is_none().then_some(id)
    }

    /// Path with this id.
    pub fn with_id(&self, id: &str) -> String {
        let segments = self.0.iter().map(|segment| segment.as_deref().unwrap_or(id));
        segments.flat_map(|segment| ["/", segment]).collect()
    }

    /// Returns `true` if a route of this template would match some of the same requests.
    ///
    /// Any `{name}` of the template matches one segment.
    pub fn meets_route(&self, template: &str) -> bool {
        let segments = template.trim_start_matches('/').split('/');
        let segments = segments.map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()));
        self.meets(&Self(segments.collect()))
    }

    pub(super) fn has_id(&self) -> bool {
        self.0.contains(&None)
    }

    /// Returns `true` if some path matches both templates.
    fn meets(&self, other: &Self) -> bool {
        let same = |(a, b): (&Option<String>, &Option<String>)| a == b || a.is_none() || b.is_none();
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            write!(f, "/{}", segment.as_deref().unwrap_or("{id}"))?;
        }
        Ok(())
    }
}

/// Finds requests that routes of two profiles would match, reported for the later one.
///
/// A profile that extends another has the same routes; the API key then determines the profile of a
/// request.
pub(super) fn collisions<'a>(
    profiles: impl Iterator<Item = &'a Profile>,
    key_of: impl Fn(&str, usize) -> String,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut taken: Vec<(&Profile, &Route)> = Vec::new();
    for profile in profiles {
        for (n, route) in profile.door.routes.iter().enumerate() {
            let meets = |(other, earlier): &&(&Profile, &Route)| {
                let one_door = other.name != profile.name && other.door == profile.door;
                let exact = earlier.path.has_id() == route.path.has_id() || other.name != profile.name;
                !one_door && exact && earlier.method == route.method && earlier.path.meets(&route.path)
            };
            if let Some((other, earlier)) = taken.iter().find(meets) {
                problems.push(Problem {
                    key: format!("{}.path", key_of(&profile.name, n)),
                    message: format!(
                        "`{}` is taken by `{}` of the profile `{}`",
                        route.path, earlier.path, other.name
                    ),
                    hint: Some(format!(
                        "give one of the two another path or method, serve the other no more (profiles.{}.routes = []), or \
                         leave routes, door and headers as the other has them: then the key says whose a request is",
                        other.name
                    )),
                });
            }
            taken.push((profile, route));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let path = PathTemplate::parse("/v1/webhooks/{id}/disable").expect("a path");
        assert_eq!(path.matches("/v1/webhooks/wh_1/disable"), Some(Some("wh_1")));
        for other in [
            "/v1/webhooks/wh_1",
            "/v1/webhooks//disable",
            "/v1/webhooks/a/disable/",
            "v1",
        ] {
            assert_eq!(path.matches(other), None, "{other}");
        }
        assert_eq!(path.to_string(), "/v1/webhooks/{id}/disable");
        for text in [
            "",
            "v1",
            "/",
            "/a//b",
            "/a?b",
            "/{other}",
            "/{id}/{id}",
            "/a b",
            "/..",
        ] {
            assert_eq!(PathTemplate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn paths_that_meet() {
        for (a, b, expected) in [
            ("/a/{id}", "/a/b", true),
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/c", false),
            ("/a", "/a/b", false),
        ] {
            let path = |text| PathTemplate::parse(text).expect("a path");
            assert_eq!(path(a).meets(&path(b)), expected, "{a} {b}");
        }
        let path = PathTemplate::parse("/v1/webhooks/{id}").expect("a path");
        assert_eq!(path.with_id("wh_1"), "/v1/webhooks/wh_1");
        for (route, expected) in [
            ("/v1/webhooks/{name}", true),
            ("/v1/webhooks/new", true),
            ("/v1/{name}/x", true),
            ("/v1/webhooks", false),
            ("/v1/events/{id}", false),
        ] {
            assert_eq!(path.meets_route(route), expected, "{route}");
        }
    }

    #[test]
    fn ids_have_the_doors_prefix() {
        let door = Door {
            key: KeyPlace::Bearer,
            id_prefix: "wh_".into(),
            active: "active".into(),
            disabled: "disabled".into(),
            errors: None,
            wording: Wording::default(),
            routes: Vec::new(),
        };
        let id: SubscriptionId = "sub_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id");
        assert_eq!(door.public_id(id), "wh_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!(door.subscription_id("wh_01ARZ3NDEKTSV4RRFFQ69G5FAV"), Some(id));
        assert_eq!(door.subscription_id("sub_01ARZ3NDEKTSV4RRFFQ69G5FAV"), None);
    }
}
