//! Inputs of the session routes: the caller, its session, and the code of a link.

use std::sync::Arc;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use http::request::Parts;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Api;
use super::super::input::{Body, check_content_type, read_object};
use super::super::request_memory;
use crate::http::{BodyLimits, Caller, Code, Problem, describe_scopes};
use crate::ui::Session;
use hookgate_domain::Scope;

/// Code of a link.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SignIn")]
#[serde(deny_unknown_fields)]
pub(super) struct CodeInput {
    /// The code.
    pub code: String,
}

/// Session of the caller's token.
pub(super) struct Own(pub Arc<Session>);

/// Any caller.
pub(super) struct Anyone(pub Caller);

/// Body of a caller without a key: smaller than others.
pub(super) struct SignIn(pub CodeInput);

impl FromRequestParts<Api> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.caller(&*parts)?;
        let session = parts.extensions.get::<Arc<Session>>();
        session.cloned().map(Self).ok_or_else(|| {
            let detail = "The caller has a key, and this is about a session.";
            Problem::new(Code::Forbidden, detail).fix("Send the token of the session.")
        })
    }
}

impl OptionalFromRequestParts<Api> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Option<Self>, Problem> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

impl OperationInput for Own {}

impl FromRequestParts<Api> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.caller(&*parts).map(Self)
    }
}

impl OperationInput for Anyone {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_scopes(operation, &Scope::ALL);
    }
}

impl FromRequest<Api> for SignIn {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        check_content_type(&request)?;
        let limits = BodyLimits {
            max: LARGEST_SIGN_IN,
            ..api.body
        };
        let (_, bytes) = request_memory::read(api, request, limits).await?;
        read_object(&bytes).map(Self)
    }
}

impl OperationInput for SignIn {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Body::<CodeInput>::operation_input(ctx, operation);
    }
}

/// Maximum size of the body of a sign-in, in bytes.
const LARGEST_SIGN_IN: usize = 1024;
