//! Bodies of requests to routes that take none. They are refused by the names of their fields: a caller that says more than a route
//! reads would otherwise be told of a success that is not what it asked for. `{}`, `null` and nothing at all pass.

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

/// Routes whose operations read no body, and what the layer reads one with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bodiless {
    api: Api,
    routes: Arc<HashSet<(Method, String)>>,
}

impl Bodiless {
    /// A layer for these routes of the API, by method and path template.
    pub(super) fn new(api: Api, routes: impl IntoIterator<Item = (Method, String)>) -> Self {
        let routes = Arc::new(routes.into_iter().collect());
        Self { api, routes }
    }

    /// Tells whether the request has a body and its route takes none. A caller who is not known is for the route to refuse.
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
        self.routes.contains(&route) && self.api.auth.caller(request.headers()).is_ok()
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

/// The request without its body, which says nothing.
///
/// # Errors
/// Those of a body that is read; `invalid_json`; `invalid_field` for each member that there is.
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

/// How many fields a refusal names.
const MOST_NAMED: usize = 20;
