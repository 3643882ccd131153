//! How a door refuses: in the shape that its profile has for failures, or as any other route of this API does.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header;

use super::answer::{json, members};
use crate::http::{JSON, Problem};
use crate::profile::{Errors, Told};

/// The problem as the door tells it, with the same status and headers.
pub(super) fn reply(shape: Option<&Errors>, problem: Problem) -> Response {
    let Some(shape) = shape else {
        return problem.into_response();
    };
    let members = members(&shape.members, |told| match told {
        Told::Title => json(problem.code().title()),
        Told::Detail => json(problem.detail()),
        Told::Code => json(problem.code().name()),
        Told::Status => json(&problem.code().status()),
        Told::Fix => json(problem.remedy()),
        Told::Errors => json(problem.errors()),
    });
    let text = match &shape.within {
        Some(name) => json(&BTreeMap::from([(name, members)])),
        None => json(&members),
    };
    let mut response = problem.into_response();
    *response.body_mut() = Body::from(text.get().to_owned());
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
