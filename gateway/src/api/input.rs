//! What handlers are given: who calls, the path's ids, the query, the body. Each refuses with a problem of its own.

use std::str::FromStr;
use std::sync::Arc;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::fields;
use super::records::Records;
use super::request_memory;
use crate::http::{
    Code, FieldError, Problem, Reach, check_charset, describe_scopes, describe_tenant_header,
    from_no_delivery, json_text,
};
use hookgate_domain::subscription::Owner;
use hookgate_domain::{Scope, Subscription, SubscriptionId, Target};
use hookgate_json::{Document, Limits};
use hookgate_registry::{Actor, Tenant};

/// The tenant that the caller acts for.
pub(super) struct Acting(pub Arc<Tenant>);

/// The tenant that the caller acts for, and which of its subscriptions it reaches: a consumer's key will do.
pub(super) struct Consuming {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// Which of its subscriptions.
    pub reach: Reach,
}

/// The caller is the operator.
pub(super) struct Operator;

/// The caller is no delivery: those do not ask for deliveries.
pub(super) struct NoDelivery;

/// Who is calling, as the history of changes names it.
pub(super) struct By(pub Actor);

/// A JSON body.
pub(super) struct Body<T>(pub T);

/// A JSON body, or none at all.
pub(super) struct OptionalBody<T>(pub T);

/// The query's parameters.
pub(super) struct Params<T>(pub T);

/// One id in the path.
#[derive(Deserialize, JsonSchema)]
pub(super) struct OneId {
    /// Its id.
    pub id: String,
}

/// A plugin and one of its versions in the path.
#[derive(Deserialize, JsonSchema)]
pub(super) struct OneVersion {
    /// The plugin's name.
    pub id: String,
    /// The version as it says of itself, or its digest.
    pub version: String,
}

/// A plugin and one of its versions in the path, as texts.
pub(super) struct VersionId {
    pub plugin: String,
    pub version: String,
}

/// An id in the path as a text.
pub(super) struct Id(pub String);

impl Id {
    /// The id as its kind has it. What is no id is not there.
    pub(super) fn parse<T: FromStr>(&self) -> Result<T, Problem> {
        self.0.parse().map_err(|_| not_found())
    }

    /// The id of one of the tenant's subscriptions, as this API or the tenant's product writes it.
    pub(super) fn subscription(&self, tenant: &Tenant) -> Result<SubscriptionId, Problem> {
        tenant.subscription_id(&self.0).ok_or_else(not_found)
    }
}

/// What is told of whatever is not there.
pub(super) fn not_found() -> Problem {
    Problem::new(Code::NotFound, "There is nothing under this id for this tenant.")
}

impl FromRequestParts<Api> for Acting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let scope = needed_scope(&parts.method, parts.uri.path());
        api.auth.tenant(&parts.headers, scope).map(Self)
    }
}

impl Consuming {
    /// One of the subscriptions that are within reach.
    ///
    /// # Errors
    /// `not_found`.
    pub(super) fn subscription(&self, id: SubscriptionId) -> Result<&Arc<Subscription>, Problem> {
        let found = self.tenant.subscription(id);
        found
            .filter(|found| self.reach.covers(found))
            .ok_or_else(not_found)
    }

    /// Whose a subscription is that the caller makes.
    pub(super) fn makes(&self) -> Owner {
        match self.reach {
            Reach::Tenant => Owner::Tenant,
            Reach::Consumer | Reach::One(_) => Owner::Consumer,
        }
    }

    /// Whether what goes to a target is within reach.
    pub(super) fn reaches(&self, target: Target) -> bool {
        match (self.reach, target) {
            (Reach::Tenant, _) => true,
            (_, Target::Inline) => false,
            (_, Target::Subscription(id)) => self.subscription(id).is_ok(),
        }
    }
}

impl FromRequestParts<Api> for Consuming {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let scope = needed_scope(&parts.method, parts.uri.path());
        let (tenant, reach) = api.auth.consumer(&parts.headers, scope)?;
        Ok(Self { tenant, reach })
    }
}

impl FromRequestParts<Api> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.operator(&parts.headers).map(|()| Self)
    }
}

impl FromRequestParts<Api> for NoDelivery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        from_no_delivery(&parts.headers).map(|()| Self)
    }
}

impl FromRequestParts<Api> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        api.auth.actor(&parts.headers).map(Self)
    }
}

impl FromRequestParts<Api> for VersionId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Path(OneVersion { id, version }) = Path::from_request_parts(parts, api)
            .await
            .map_err(|_| not_found())?;
        Ok(Self { plugin: id, version })
    }
}

impl FromRequestParts<Api> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Path(OneId { id }) = Path::from_request_parts(parts, api)
            .await
            .map_err(|_| not_found())?;
        Ok(Self(id))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, api).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let told = text.trim_start_matches("Failed to deserialize query string: ");
                Err(Problem::new(
                    Code::InvalidParameter,
                    format!("The query is wrong: {told}."),
                ))
            }
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        check_content_type(&request)?;
        let (head, bytes) = request_memory::read(api, request, api.body).await?;
        from_json(api, &head, bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let typed = check_content_type(&request);
        let (head, bytes) = request_memory::read(api, request, api.body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        from_json(api, &head, bytes).map(Self)
    }
}

/// The scope that a key needs for a route of a tenant: to look is to read, but for signing secrets, and all else is to manage.
pub(super) fn needed_scope(method: &Method, path: &str) -> Scope {
    let shows_secret = matches!(path, "/v1/signing-secret" | "/v1/export")
        || path.starts_with("/v1/subscriptions/") && path.ends_with("/secret");
    if method.is_safe() && !shows_secret {
        Scope::Read
    } else {
        Scope::Manage
    }
}

/// Reads strictly (no key twice, bounded depth), then as the type.
fn from_json<T: DeserializeOwned>(api: &Api, head: &Parts, bytes: Bytes) -> Result<T, Problem> {
    let bytes = json_text(bytes)?;
    request_memory::charge_document(api, head, &bytes)?;
    read_object(&bytes)
}

/// Reads an object strictly, as the type.
///
/// # Errors
/// `invalid_json`, `duplicate_key`, `too_deep`, `invalid_field`.
pub(super) fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    Document::parse(bytes, Limits::of_bytes(bytes.len())).map_err(|error| Problem::from(&error))?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let error = FieldError::new("", "the body is not an object, `{…}`");
        return Err(Problem::fields(Code::InvalidField, vec![error]));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(Records(&mut reader))
        .map_err(|error| Problem::fields(Code::InvalidField, vec![fields::fault(&error)]))
}

/// A body must say that it is JSON, so that no web page can send one unasked (a form's content types are not JSON).
fn check_content_type(request: &Request) -> Result<(), Problem> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let text = content_type.and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    match essence.map(str::trim) {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => {
            check_charset(text.unwrap_or_default())
        }
        Some(_) | None => Err(Problem::new(
            Code::UnsupportedMediaType,
            "The body is not said to be JSON.",
        )),
    }
}

impl OperationInput for Acting {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_tenant_header(operation);
        describe_scopes(operation, &[]);
    }
}

impl OperationInput for Consuming {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        describe_tenant_header(operation);
        describe_scopes(operation, &[Scope::Consumer]);
    }
}

impl OperationInput for Operator {}

impl OperationInput for NoDelivery {}

impl OperationInput for By {}

impl OperationInput for VersionId {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<OneVersion>::operation_input(ctx, operation);
    }
}

impl OperationInput for Id {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<OneId>::operation_input(ctx, operation);
    }
}

impl<T: JsonSchema> OperationInput for Params<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Query::<T>::operation_input(ctx, operation);
    }
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
    }
}

impl<T: JsonSchema> OperationInput for OptionalBody<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Json::<T>::operation_input(ctx, operation);
        if let Some(aide::openapi::ReferenceOr::Item(body)) = &mut operation.request_body {
            body.required = false;
        }
    }
}
