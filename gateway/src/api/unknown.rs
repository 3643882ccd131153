//! Refusals of unknown paths, and of methods that a path does not have.

use axum::http::{Method, Uri};

use crate::http::{Code, Problem};
use hookgate_domain::nearest;

/// Refuses a path that no route has.
pub(super) async fn route(uri: Uri) -> Problem {
    let problem = Problem::new(Code::RouteUnknown, "No route has the path of this request.");
    match suggestion(uri.path()) {
        Some(route) => problem.fix(format!("Did you mean `{route}`? See /docs for all routes.")),
        None => problem,
    }
}

/// Refuses a method that the route does not have. `Allow` names the methods that it has.
pub(super) async fn method(method: Method) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!("The route does not take {method}."),
    )
}

/// Suggests the collection that was probably meant: a similar name, or a path without the version.
fn suggestion(path: &str) -> Option<String> {
    let name = path
        .trim_start_matches("/v1")
        .trim_start_matches('/')
        .split('/')
        .next()?;
    let singular = format!("{name}s");
    let near = nearest(name, COLLECTIONS).or_else(|| nearest(&singular, COLLECTIONS))?;
    Some(format!("/v1/{near}"))
}

const COLLECTIONS: &[&str] = &[
    "events",
    "event-types",
    "subscriptions",
    "deliveries",
    "plugins",
    "chain",
    "tenants",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_suggested() {
        for (path, expected) in [
            ("/v1/event", Some("/v1/events")),
            ("/v1/subscription/x", Some("/v1/subscriptions")),
            ("/events", Some("/v1/events")),
            ("/v1/chains", Some("/v1/chain")),
            ("/v1/nothing", None),
            ("/", None),
            ("/v1", None),
        ] {
            assert_eq!(suggestion(path).as_deref(), expected, "{path}");
        }
    }
}
