//! Problem responses of failed requests (RFC 9457): a code, the details, a fix and the retry class.
//!
//! Every module that answers HTTP uses these; modules below have errors of their own that know
//! nothing of HTTP.

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
use hookgate_domain::Quota;

pub use code::Code;
pub use refused_row::RefusedRow;

/// Reason of a failed request. Built with `new` and the details beyond the code.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

/// Problem as an extension of its response, or of a request that is refused before routing.
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

/// Safety of repeating a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Nothing happened: repeat it, after `Retry-After` where there is one.
    Safe,
    /// Possibly done: repeat it under the same idempotency key or event id; it takes effect once.
    SameKey,
    /// It will fail again until something is fixed.
    No,
}

/// Problem of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// Location in the body: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Description of the problem.
    pub detail: String,
}

/// Message of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PluginWords {
    /// Name of the plugin.
    pub plugin: String,
    /// The plugin's own code of a rejection, or the kind of its failure.
    pub code: String,
    /// The plugin's message.
    pub message: String,
}

/// Problem in its sent form (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemView<'a> {
    /// Documentation page of the code, relative to the gateway.
    #[serde(rename = "type")]
    #[schemars(extend("format" = "uri-reference"))]
    page: String,
    /// Title in one line, the same for every occurrence of the code.
    title: &'a str,
    /// HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// Stable name for programs.
    code: &'a str,
    /// Description of this occurrence.
    detail: &'a str,
    /// Suggested fix.
    fix: &'a str,
    /// Safety of repeating the request.
    retry: Retry,
    /// The fields that are wrong, at least one; left out where the problem is no field's.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "<[_]>::is_empty", default)]
    errors: &'a [FieldError],
    /// The rows of an imported document that are refused, at least one; left out of other problems.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "<[_]>::is_empty", default)]
    rows: &'a [RefusedRow],
    /// Message of the plugin that rejected the event or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a PluginWords>,
    /// Exhausted quota of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<&'a str>,
    /// Size of the quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// Cursor to continue a list from, where the requested position does not exist any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

impl Problem {
    /// Problem with this code; `detail` is a sentence about this occurrence.
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

    /// Problem of invalid fields; the detail is made of the first.
    pub fn fields(code: Code, errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(code, summed_up(code, &errors));
        problem.0.errors = errors;
        problem
    }

    /// Replaces the detail.
    #[must_use]
    fn detailed(mut self, detail: String) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Sets a better fix than the code's.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Cow<'static, str>>) -> Self {
        self.0.fix = Some(fix.into());
        self
    }

    /// Sets the refused rows of a document.
    #[must_use]
    pub fn rows(mut self, rows: Vec<RefusedRow>) -> Self {
        self.0.rows = rows;
        self
    }

    /// Sets the message of a plugin.
    #[must_use]
    pub fn plugin(mut self, words: PluginWords) -> Self {
        self.0.plugin = Some(words);
        self
    }

    /// Sets the exhausted quota and its size.
    #[must_use]
    pub fn quota(mut self, quota: Quota, limit: u64) -> Self {
        self.0.quota = Some((quota, limit));
        self
    }

    /// Sets the maximum of a limit that is not a quota.
    #[must_use]
    pub fn at_most(mut self, limit: u64) -> Self {
        self.0.most = Some(limit);
        self
    }

    /// Sets the cursor to continue a list from.
    #[must_use]
    pub fn next_cursor(mut self, cursor: String) -> Self {
        self.0.next_cursor = Some(cursor);
        self
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Closes the connection after this response, because the rest of the request is not read.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.0.close = true;
        self
    }

    /// Code of the problem.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Description of this occurrence, as sent.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Time after which a repetition may succeed, if it is known.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Suggested fix, as sent.
    pub fn remedy(&self) -> &str {
        self.0.fix.as_deref().unwrap_or(self.0.code.fix())
    }

    /// Invalid fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// Maximum of the reached limit or quota.
    pub fn limit(&self) -> Option<u64> {
        self.0.quota.map(|(_, limit)| limit).or(self.0.most)
    }

    /// Converts it to a response.
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
        // For layers that store responses: an operation that may have happened must not be
        // repeated.
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
    /// Problem at a location.
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

/// A problem is the default response of every operation in the OpenAPI document.
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
