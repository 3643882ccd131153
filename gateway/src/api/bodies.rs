//! Refuses bodies of requests to routes that take none.
//!
//! The refusal names the fields of the body: a caller that sends more than a route reads would
//! otherwise get a success for something other than what it asked for. `{}`, `null` and an empty
//! body pass.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Method;
use hyper::body::Body as _;

use super::Api;
use super::fields::no_such;
use super::request_memory::{self, InMemory};
use crate::http::{Code, FieldError, Problem, json_text};
use hookgate_json::{Document, Limits, Value};

/// State of the layer: the routes whose operations read no body. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bodiless {
    api: Api,
    routes: Arc<HashSet<(Method, String)>>,
}

impl Bodiless {
    /// Creates the layer for these routes of the API, by method and path template.
    pub(super) fn new(api: Api, routes: impl IntoIterator<Item = (Method, String)>) -> Self {
        let routes = Arc::new(routes.into_iter().collect());
        Self { api, routes }
    }

    /// Returns `true` if the request has a body, its route takes none, and the caller is known.
    ///
    /// An unknown caller is left to the route to refuse.
    fn concerns(&self, request: &Request) -> bool {
        let extensions = request.extensions();
        let read = extensions.get::<InMemory>();
        let empty = read.map_or_else(
            || request.body().is_end_stream(),
            |InMemory(body)| body.is_empty(),
        );
        let Some(path) = extensions.get::<MatchedPath>().filter(|_| !empty) else {
            return false;
        };
        let route = (request.method().clone(), path.as_str().to_owned());
        self.routes.contains(&route) && self.api.auth.caller(request).is_ok()
    }
}

/// Refuses a body that the route would not read.
pub(super) async fn layer(State(bodiless): State<Bodiless>, request: Request, next: Next) -> Response {
    if !bodiless.concerns(&request) {
        return next.run(request).await;
    }
    match without(&bodiless.api, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Returns the request without its body, after checking that the body has no content.
///
/// # Errors
/// Errors of reading the body; `invalid_json`; `invalid_field` for each member of the body.
pub(super) async fn without(api: &Api, request: Request) -> Result<Request, Problem> {
    let (head, bytes) = request_memory::read(api, request, api.body).await?;
    let bytes = json_text(bytes)?;
    if !bytes.trim_ascii().is_empty() {
        request_memory::charge_document(api, &head, &bytes)?;
        check(&bytes)?;
    }
    Ok(Request::from_parts(head, Body::empty()))
}

fn check(bytes: &Bytes) -> Result<(), Problem> {
    let document = Document::parse(bytes, Limits::of_bytes(bytes.len())).map_err(|e| Problem::from(&e))?;
    let errors: Vec<_> = match document.root() {
        Value::Object(members) => members
            .iter()
            .take(MOST_NAMED)
            .map(|(name, _)| {
                let step = name.replace('~', "~0").replace('/', "~1");
                FieldError::new(format!("/{step}"), no_such(name, &[]))
            })
            .collect(),
        Value::Null => Vec::new(),
        _ => vec![FieldError::new("", "the route takes no body")],
    };
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::fields(Code::InvalidField, errors))
    }
}

/// Maximum number of fields that a refusal names.
const MOST_NAMED: usize = 20;
