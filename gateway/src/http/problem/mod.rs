//! What a caller is told when a request fails: an RFC 9457 problem with a stable code, what happened, how to mend it and
//! whether a repetition is safe.
//!
//! Everything that answers HTTP makes these; modules below it have errors of their own that know nothing of HTTP.

mod causes;
mod code;
mod refused_row;
mod rename;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{self, Operation};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Response, reply};
use crate::domain::Quota;

pub use code::Code;
pub use refused_row::RefusedRow;

/// Why a request failed. Made with `new` and what is known beyond the code.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

/// A problem as an extension: of the reply that tells of it, and of a request that is refused before its route is asked.
#[derive(Debug, Clone)]
pub struct Refused(pub Arc<Problem>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    fix: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    rows: Vec<RefusedRow>,
    plugin: Option<PluginWords>,
    quota: Option<(Quota, u64)>,
    most: Option<u64>,
    next_cursor: Option<String>,
    retry_after: Option<Duration>,
    header: Option<(HeaderName, HeaderValue)>,
    close: bool,
}

/// Whether a request that failed may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Nothing happened: send it again, after `Retry-After` where there is one.
    Safe,
    /// It may have happened: send it again under the same idempotency key or event id, and it happens once.
    SameKey,
    /// It will fail again until something is mended.
    No,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// Where in the body: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// What a plugin said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PluginWords {
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's own code for a rejection, or the kind of its failure.
    pub code: String,
    /// The plugin's sentence.
    pub message: String,
}

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemView<'a> {
    /// Where this code is explained, relative to the gateway.
    #[serde(rename = "type")]
    page: String,
    /// One line, the same for every occurrence of the code.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs.
    code: &'a str,
    /// What happened here.
    detail: &'a str,
    /// How to mend it.
    fix: &'a str,
    /// Whether the request may be sent again.
    retry: Retry,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty", default)]
    errors: &'a [FieldError],
    /// The rows of an imported document that are refused.
    #[serde(skip_serializing_if = "<[_]>::is_empty", default)]
    rows: &'a [RefusedRow],
    /// What the plugin said that rejected the event or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a PluginWords>,
    /// The tenant's quota that is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<&'a str>,
    /// How much the quota is.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// Where to go on in a list of which the place that was asked for is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

impl Problem {
    /// A problem with this code; `detail` is a sentence about this occurrence.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            fix: None,
            errors: Vec::new(),
            rows: Vec::new(),
            plugin: None,
            quota: None,
            most: None,
            next_cursor: None,
            retry_after: None,
            header: None,
            close: false,
        }))
    }

    /// Fields that are wrong; the detail is made of the first.
    pub fn fields(code: Code, errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(code, summed_up(code, &errors));
        problem.0.errors = errors;
        problem
    }

    /// Another detail.
    #[must_use]
    fn detailed(mut self, detail: String) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// A better way to mend it than the code's.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Cow<'static, str>>) -> Self {
        self.0.fix = Some(fix.into());
        self
    }

    /// The rows of a document that are refused.
    #[must_use]
    pub fn rows(mut self, rows: Vec<RefusedRow>) -> Self {
        self.0.rows = rows;
        self
    }

    /// What a plugin said.
    #[must_use]
    pub fn plugin(mut self, words: PluginWords) -> Self {
        self.0.plugin = Some(words);
        self
    }

    /// The quota that is used up, and how much it is.
    #[must_use]
    pub fn quota(mut self, quota: Quota, limit: u64) -> Self {
        self.0.quota = Some((quota, limit));
        self
    }

    /// How many there may be, where that is no quota.
    #[must_use]
    pub fn at_most(mut self, limit: u64) -> Self {
        self.0.most = Some(limit);
        self
    }

    /// Where to go on in a list.
    #[must_use]
    pub fn next_cursor(mut self, cursor: String) -> Self {
        self.0.next_cursor = Some(cursor);
        self
    }

    /// When to come again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// A header that the reply has besides.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// That the connection ends with this reply, because the rest of the request is not read.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.0.close = true;
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened, as it is told.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// How to mend it, as it is told.
    pub fn remedy(&self) -> &str {
        self.0.fix.as_deref().unwrap_or(self.0.code.fix())
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// How many there may be, where a limit is reached.
    pub fn limit(&self) -> Option<u64> {
        self.0.quota.map(|(_, limit)| limit).or(self.0.most)
    }

    /// As a reply.
    pub fn into_reply(self) -> Response {
        let Inner {
            code,
            detail,
            fix,
            errors,
            rows,
            plugin,
            quota,
            next_cursor,
            retry_after,
            header,
            close,
            ..
        } = &*self.0;
        let (code, retry_after) = (*code, *retry_after);
        let view = ProblemView {
            page: format!("/docs/errors/{}", code.name()),
            title: code.title(),
            status: code.status(),
            code: code.name(),
            detail,
            fix: fix.as_deref().unwrap_or(code.fix()),
            retry: code.retry(),
            errors,
            rows,
            plugin: plugin.as_ref(),
            quota: quota.map(|(quota, _)| quota.name()),
            limit: quota.map(|(_, limit)| limit),
            next_cursor: next_cursor.as_deref(),
        };
        let body = serde_json::to_vec(&view).expect("texts and numbers only");
        let status = StatusCode::from_u16(code.status()).expect("checked by a test");
        let mut response = reply(status, PROBLEM_JSON, Bytes::from(body));
        // For whoever keeps answers: what may have happened is not to be done again.
        response.extensions_mut().insert(code.retry());
        let headers = response.headers_mut();
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        headers.extend(header.clone());
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if *close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(Refused(Arc::new(self)));
        response
    }
}

fn summed_up(code: Code, errors: &[FieldError]) -> String {
    match errors {
        [] => code.title().to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl FieldError {
    /// Something wrong at a place.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.detail)
        } else {
            write!(f, "{}: {}", self.pointer, self.detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.into_reply().map(axum::body::Body::new)
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        problem.into_reply()
    }
}

/// In the OpenAPI document a problem is the default response of every operation.
impl OperationOutput for Problem {
    type Inner = ProblemView<'static>;

    fn operation_response(ctx: &mut GenContext, _: &mut Operation) -> Option<openapi::Response> {
        let schema = openapi::SchemaObject {
            json_schema: ctx.schema.subschema_for::<ProblemView<'static>>(),
            external_docs: None,
            example: None,
        };
        let media = openapi::MediaType {
            schema: Some(schema),
            ..Default::default()
        };
        Some(openapi::Response {
            description: "What went wrong, why, how to mend it and whether a repetition is safe (RFC 9457)."
                .to_owned(),
            content: [("application/problem+json".to_owned(), media)]
                .into_iter()
                .collect(),
            ..Default::default()
        })
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<openapi::StatusCode>, openapi::Response)> {
        Self::operation_response(ctx, operation)
            .map(|response| (None, response))
            .into_iter()
            .collect()
    }
}

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn told(problem: Problem) -> (http::response::Parts, serde_json::Value) {
        let (parts, body) = problem.into_reply().into_parts();
        let bytes = body.collect().await.expect("in memory").to_bytes();
        (parts, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[tokio::test]
    async fn a_problem_says_all_that_it_knows() {
        let errors = vec![
            FieldError::new("/url", "is no URL"),
            FieldError::new("", "misses `events`"),
        ];
        let problem = Problem::fields(Code::InvalidField, errors).retry_after(Duration::from_millis(10));
        let (head, body) = told(problem.closing()).await;
        assert_eq!(head.status, 422);
        assert_eq!(head.headers["content-type"], "application/problem+json");
        assert_eq!(head.headers["retry-after"], "1");
        assert_eq!(head.headers["connection"], "close");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs/errors/invalid_field", "title": "A field is not valid", "status": 422,
                "code": "invalid_field", "detail": "/url: is no URL (and 1 more)",
                "fix": "Correct the fields that `errors` names.", "retry": "no",
                "errors": [{"pointer": "/url", "detail": "is no URL"}, {"pointer": "", "detail": "misses `events`"}],
            })
        );
    }

    #[tokio::test]
    async fn a_missing_key_is_asked_for() {
        let (head, body) = told(Problem::new(Code::KeyMissing, "No key.")).await;
        assert_eq!(head.headers["www-authenticate"], "Bearer");
        assert!(body.get("errors").is_none() && body.get("plugin").is_none());
    }
}
