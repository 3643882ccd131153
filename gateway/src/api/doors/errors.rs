//! Refusals in a product's wording: the text and shape of its profile, without internals.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use super::answer::{json, members};
use super::refusals::{for_customers, of};
use crate::http::{FieldError, JSON, Problem, Retry};
use hookgate_contract::profile::{Door, KeyPlace, Messages, Placeholder, Refusal, Told, bounded};

/// Refused request, and the adapter whose wording applies. Without one, the wording is neutral.
#[derive(Debug)]
pub(in crate::api) struct Occasion<'a> {
    pub door: Option<&'a Door>,
    pub method: &'a Method,
    /// Request id of the response, if it has one.
    pub request_id: Option<&'a str>,
}

/// Problem (RFC 9457, without a `type`), for profiles that define no shape.
#[derive(Serialize)]
struct View<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    retry: Retry,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// Replaces the body of the response to a problem; status and headers stay the same.
pub(in crate::api) fn reword(occasion: &Occasion<'_>, problem: &Problem, mut response: Response) -> Response {
    let refusal = of(problem.code());
    let errors = errors(problem);
    let wait = response.headers().get(header::RETRY_AFTER);
    let wait = wait
        .and_then(|value| value.to_str().ok())
        .unwrap_or("1")
        .to_owned();
    let value = |placeholder| match placeholder {
        Placeholder::Code => Some(refusal.code().to_owned()),
        Placeholder::Status => Some(problem.code().status().to_string()),
        Placeholder::RequestId => occasion.request_id.map(str::to_owned),
        Placeholder::Reason => reason(problem, &errors),
        Placeholder::Field => field(&errors),
        Placeholder::Key => Some(key_form(occasion.door)),
        Placeholder::Method => Some(occasion.method.to_string()),
        Placeholder::Limit => problem.limit().map(|limit| limit.to_string()),
        Placeholder::RetryAfter => Some(wait.clone()),
    };
    let text = match occasion.door {
        Some(door) => door.wording.messages.text(refusal, value),
        None => Messages::default().text(refusal, value),
    };
    let (body, kind) = shaped(occasion.door, refusal, problem, &text, &errors);
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.remove(header::CONTENT_LENGTH);
    response
}

fn shaped(
    door: Option<&Door>,
    refusal: Refusal,
    problem: &Problem,
    text: &str,
    errors: &[FieldError],
) -> (String, HeaderValue) {
    let status = problem.code().status();
    let title = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let title = title.unwrap_or_default();
    let Some(shape) = door.and_then(|door| door.errors.as_ref()) else {
        let view = View {
            title,
            status,
            code: refusal.code(),
            detail: text,
            retry: problem.code().retry(),
            errors,
        };
        return (json(&view).get().to_owned(), PROBLEM_JSON);
    };
    let members = members(&shape.members, |told| match told {
        Told::Title => json(title),
        Told::Detail => json(text),
        Told::Code => json(refusal.code()),
        Told::Status => json(&status),
        Told::Fix => json(refusal.plain()),
        Told::Errors => json(errors),
    });
    let body = match &shape.within {
        Some(name) => json(&BTreeMap::from([(name, members)])),
        None => json(&members),
    };
    (body.get().to_owned(), JSON)
}

/// Returns the first invalid fields, each bounded in length.
fn errors(problem: &Problem) -> Vec<FieldError> {
    let shown = |error: &FieldError| {
        let detail = for_customers(&error.detail).unwrap_or(NOT_VALID);
        FieldError::new(bounded(&error.pointer), bounded(detail))
    };
    problem.errors().iter().take(MAX_ERRORS).map(shown).collect()
}

/// Returns the reason in one sentence; `None` if it is not for customers.
fn reason(problem: &Problem, errors: &[FieldError]) -> Option<String> {
    match errors {
        [] => for_customers(problem.detail()).map(str::to_owned),
        [one] => Some(one.to_string()),
        [first, ..] => Some(format!("{first} (and {} more)", problem.errors().len() - 1)),
    }
}

/// Returns the first invalid field: the first name of its pointer.
fn field(errors: &[FieldError]) -> Option<String> {
    let mut names = errors
        .iter()
        .filter_map(|error| error.pointer.strip_prefix('/')?.split('/').next());
    names
        .next()
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
}

fn key_form(door: Option<&Door>) -> String {
    match door.map(|door| &door.key) {
        Some(KeyPlace::Header(name)) => format!("{name}: KEY"),
        Some(KeyPlace::Bearer) | None => "Authorization: Bearer KEY".to_owned(),
    }
}

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NOT_VALID: &str = "it is not valid";
const MAX_ERRORS: usize = 20;
