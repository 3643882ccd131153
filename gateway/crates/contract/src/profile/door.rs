//! Front doors: a product's own registration and management routes, as data. `api` serves them; nothing here answers.

use std::fmt;

use super::file::{Action, Method};
use super::{Messages, Problem, Profile};
use hookgate_domain::{Status, SubscriptionId};

/// A product's own routes and what they have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Door {
    /// How the API key arrives.
    pub key: KeyPlace,
    /// What subscriptions' ids begin with here.
    pub id_prefix: String,
    /// The word for a subscription that receives.
    pub active: String,
    /// The word for one that does not.
    pub disabled: String,
    /// What failures look like; `None`: RFC 9457 problems.
    pub errors: Option<Errors>,
    /// What its answers say of the product.
    pub wording: Wording,
    /// The routes.
    pub routes: Vec<Route>,
}

/// Words and headers of a door's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    /// Texts of refusals.
    pub messages: Messages,
    /// Headers of every answer.
    pub headers: Vec<(String, String)>,
    /// The header that holds each answer's id.
    pub request_id: Option<String>,
}

/// What a failure's body looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// The one member that holds the others, if there is one.
    pub within: Option<String>,
    /// The members in order.
    pub members: Vec<(String, Answer<Told>)>,
}

/// How an API key arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// `Authorization: Bearer KEY` (RFC 6750 §2.1).
    Bearer,
    /// As the value of this header, in the product's spelling.
    Header(String),
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The request's method.
    pub method: Method,
    /// The request's path.
    pub path: PathTemplate,
    /// What it does.
    pub action: Action,
    /// The request's fields, or the parameters of a `GET`, with their meanings.
    pub input: Vec<(String, Input)>,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// The status of success.
    pub status: u16,
    /// The members of the answer in order; none: no body.
    pub answer: Vec<(String, Answer)>,
    /// The members of each of the answer's items in order; none in a feed: what is pushed.
    pub item: Vec<(String, Answer)>,
}

/// A path of literal segments and at most one `{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<Option<String>>);

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant,)* }

        impl $name {
            /// As a profile writes it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

pub(super) use words;

words!(
    /// What a request's field means.
    Input {
        /// The endpoint.
        Url = "url",
        /// Event patterns.
        Events = "events",
        /// For people.
        Description = "description",
        /// A signing secret.
        Secret = "secret",
        /// The payload mode.
        Payload = "payload",
        /// How long old secrets go on signing, in seconds.
        Grace = "grace",
        /// A position in a list or the feed.
        Cursor = "cursor",
        /// How many at most.
        Limit = "limit",
        /// Event patterns to filter by.
        Types = "types",
        /// Seconds to wait for events.
        Wait = "wait",
        /// How a subscription begins, in the door's words; or how a delivery stands.
        Status = "status",
        /// From when on.
        Since = "since",
        /// Until when.
        Until = "until",
        /// Which deliveries to make again.
        Only = "only",
    }
);

words!(
    /// What an answer's member holds.
    Field {
        /// The id of what the route is about.
        Id = "id",
        /// The endpoint.
        Url = "url",
        /// Event patterns.
        Events = "events",
        /// For people.
        Description = "description",
        /// The newest signing secret.
        Secret = "secret",
        /// When the secrets before it stop signing; null: there are none.
        PreviousExpires = "previous_expires",
        /// The payload mode.
        Payload = "payload",
        /// The door's word.
        Status = "status",
        /// When it was made or happened.
        Created = "created",
        /// An event's type.
        Kind = "type",
        /// What a type is about.
        Entity = "entity",
        /// An event's data.
        Data = "data",
        /// The list.
        Items = "items",
        /// Where it goes on.
        NextCursor = "next_cursor",
        /// Whether there is more already.
        HasMore = "has_more",
        /// An event's id.
        Event = "event",
        /// A subscription's id.
        Subscription = "subscription",
        /// A delivery's id.
        Delivery = "delivery",
        /// Why a delivery exists.
        Trigger = "trigger",
        /// How many attempts were made.
        Attempts = "attempts",
        /// When the next one is due.
        NextAttempt = "next_attempt",
        /// When the first one was made.
        FirstAttempt = "first_attempt",
        /// When a delivery ended.
        Finished = "finished",
        /// What an attempt came to.
        Outcome = "outcome",
        /// An attempt's number, from 1.
        Number = "number",
        /// When an attempt began.
        Started = "started",
        /// How long it took, in milliseconds.
        Took = "took_ms",
        /// The status that an endpoint answered.
        HttpStatus = "http_status",
        /// The beginning of its answer.
        Response = "response",
        /// What was under way when an attempt failed.
        Stage = "stage",
        /// Why it failed.
        Reason = "reason",
        /// How many deliveries were made.
        Deliveries = "deliveries",
        /// How many events were looked at.
        LookedAt = "looked_at",
        /// How many of them were left out.
        LeftOut = "left_out",
        /// Over how many seconds attempts are counted.
        Window = "window",
        /// Since when they are counted.
        Since = "since",
        /// When a stretch of time began.
        Start = "start",
        /// Attempts that succeeded.
        Delivered = "delivered",
        /// Attempts that failed.
        Failed = "failed",
        /// Deliveries that were given up.
        Dead = "dead",
        /// The share of attempts that failed.
        FailedShare = "failed_share",
        /// How many milliseconds half of the successes took at most.
        P50 = "p50_ms",
        /// How many 95 in a hundred of them took at most.
        P95 = "p95_ms",
        /// When a delivery was last taken.
        LastSuccess = "last_success",
        /// When an attempt last failed.
        LastFailure = "last_failure",
        /// When its owner was last warned.
        Warned = "warned",
    }
);

words!(
    /// What a failure's member holds.
    Told {
        /// One line, the same for every occurrence.
        Title = "title",
        /// What happened here.
        Detail = "detail",
        /// The stable word for programs.
        Code = "code",
        /// The HTTP status.
        Status = "status",
        /// How to mend it.
        Fix = "fix",
        /// The fields that are wrong.
        Errors = "errors",
    }
);

/// A member of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<F = Field> {
    /// What there is.
    Field(F),
    /// The same always.
    Constant(serde_json::Value),
}

impl Door {
    /// The door's word for how a subscription stands.
    pub fn status(&self, status: &Status) -> &str {
        match status {
            Status::Active => &self.active,
            Status::Disabled { .. } => &self.disabled,
        }
    }

    /// The profile's table in which another door is written otherwise.
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

    /// A subscription's id as this door shows it.
    pub fn public_id(&self, id: SubscriptionId) -> String {
        format!("{}{}", self.id_prefix, id.ulid())
    }

    /// The subscription that an id of this door means.
    pub fn subscription_id(&self, text: &str) -> Option<SubscriptionId> {
        let digits = text.strip_prefix(&self.id_prefix)?;
        format!("sub_{digits}").parse().ok()
    }
}

impl PathTemplate {
    /// Literal segments of unreserved characters (RFC 3986 §2.3) and at most one `{id}`.
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

    /// Whether a request's path is meant, and the id in it.
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

    /// The path of one, by its id.
    pub fn with_id(&self, id: &str) -> String {
        let segments = self.0.iter().map(|segment| segment.as_deref().unwrap_or(id));
        segments.flat_map(|segment| ["/", segment]).collect()
    }

    /// Whether a route of this template, whose `{names}` stand for any one segment, would take the same requests.
    pub fn meets_route(&self, template: &str) -> bool {
        let segments = template.trim_start_matches('/').split('/');
        let segments = segments.map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()));
        self.meets(&Self(segments.collect()))
    }

    pub(super) fn has_id(&self) -> bool {
        self.0.contains(&None)
    }

    /// Whether one request could be meant by both.
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

/// Requests that two different front doors would take: told of the later one. A profile that extends another has the same
/// door, and the key says whose request it is.
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
